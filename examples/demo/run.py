"""The demo's steps: draw, upload, wait for the ledger, search, click as a shopper, collect the rejects."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from examples.catalogue.queries import DemoQuery, demo_queries
from examples.catalogue.writer import SampleManifest, write_sample
from examples.demo.report import DemoReport, SearchOutcome, accepted, match_faults
from examples.demo.shopper import click_three
from mmpipe.cli.console import console
from mmpipe.cli.options import api_key
from mmpipe.client import Client
from mmpipe.errors import MmpipeError, NotReady, UnknownCollection
from mmpipe.local import Stack
from mmpipe.local.cloud import queue_depths

if TYPE_CHECKING:
    from mmpipe.lake import Collection, Lake
    from mmpipe.schemas.run import RunRecord

COLLECTION = "sample"
HITS = 8
_UPLOAD_THREADS = 8
_INDEX_SECONDS = 600.0
_POLL_SECONDS = 0.25
_MAX_REJECTS = 10_000
_REVIEWS = "reviews.jsonl"


def progress_bars() -> Progress:
    """The demo's bars, on stderr."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


class Drawing:
    """Draws the sample catalogue in the background, while the stack starts; can be given up."""

    def __init__(self, folder: Path, count: int, progress: Callable[[int, int], None]) -> None:
        self._folder = folder
        self._count = count
        self._progress = progress
        self._given_up = threading.Event()
        self._done = threading.Event()
        self._manifest: SampleManifest | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="drawing", daemon=True)

    def __enter__(self) -> Drawing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._given_up.set()
        self._thread.join()

    def result(self) -> SampleManifest:
        """The written catalogue, once it is there. Raises what went wrong."""
        # In slices, so that Ctrl-C is noticed on every platform.
        while not self._done.wait(0.5):
            pass
        if self._error is not None:
            raise self._error
        assert self._manifest is not None
        return self._manifest

    def _run(self) -> None:
        try:
            self._manifest = write_sample(self._folder, count=self._count, progress=self._step)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the result
            self._error = error
        finally:
            self._done.set()

    def _step(self, done: int, total: int) -> None:
        if self._given_up.is_set():
            raise InterruptedError("the demo has ended")
        self._progress(done, total)


def upload(stack: Stack, manifest: SampleManifest, progress: Callable[[int, int], None]) -> None:
    """PUT every file into the upload bucket, media first and in parallel, the feed last."""
    s3 = stack.cloud.s3()
    bucket = stack.state.uploads_bucket

    def put(key: str) -> None:
        s3.put_object(Bucket=bucket, Key=f"{COLLECTION}/{key}", Body=(manifest.folder / key).read_bytes())

    media = [key for key in manifest.files if key != manifest.feed]
    total = len(manifest.files)
    with ThreadPoolExecutor(_UPLOAD_THREADS, thread_name_prefix="upload") as pool:
        try:
            for done, finished in enumerate(as_completed([pool.submit(put, key) for key in media]), start=1):
                finished.result()
                progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    put(manifest.feed)
    progress(total, total)


def wait_indexed(
    stack: Stack, lake: Lake, manifest: SampleManifest, progress: Callable[[int, int], None]
) -> RunRecord:
    """Until the feed's run is done and every event has been handled.

    Raises :class:`MmpipeError` where the run failed, :class:`NotReady` where a part of the stack died or time
    ran out.
    """
    uri = f"s3://{stack.state.uploads_bucket}/{COLLECTION}/{manifest.feed}"
    for _ in _until(stack, _INDEX_SECONDS, "the feed's run did not end"):
        run = _run_of(lake, uri)
        if run is None:
            continue
        progress(run.indexed + run.unchanged + run.rejected, manifest.uploaded)
        if run.status == "failed":
            raise MmpipeError(f"the feed could not be indexed: {run.error}")
        if run.status == "done":
            break
    wait_handled(stack)
    assert run is not None
    return run


def wait_handled(stack: Stack) -> None:
    """Until every event has been handled. Raises as :func:`wait_indexed` does."""
    for _ in _until(stack, _INDEX_SECONDS, "events are still waiting"):
        depths = queue_depths(stack.state.s3_url, stack.state.queue_url, stack.state.dead_letters_url)
        if depths["waiting"] + depths["in_hand"] == 0:
            break


def upload_reviews(stack: Stack) -> None:
    """PUT the sample's reviews, of products that are there by now, and wait until they count."""
    body = (resources.files("examples.catalogue") / _REVIEWS).read_bytes()
    key = f"{COLLECTION}/reviews/{_REVIEWS}"
    stack.cloud.s3().put_object(Bucket=stack.state.uploads_bucket, Key=key, Body=body)
    wait_handled(stack)


def wait_served(stack: Stack, collection: Collection, shop: Client) -> int:
    """Until the service answers from the live version; returns how many products can be found in it."""
    for _ in _until(stack, 60.0, "the service does not follow the live version"):
        live = collection.live()
        if live is None:
            continue
        for served in shop.collections():
            if served.collection == COLLECTION and (served.table, served.version) == (
                live.table,
                live.version,
            ):
                return served.rows
    raise AssertionError("unreachable: _until raises")


def ask(shop: Client, query: DemoQuery, manifest: SampleManifest) -> SearchOutcome:
    """One search over HTTP, judged."""
    started = time.monotonic()
    if query.product_id is not None:
        response = shop.similar(query.product_id, collection=COLLECTION, limit=HITS)
    else:
        response = shop.search(query.text, image=query.image, collection=COLLECTION, limit=HITS)
    took = (time.monotonic() - started) * 1_000
    hits = tuple(response.hits)
    products = {product.id: product for product in manifest.products}
    return SearchOutcome(query, hits, accepted(query, hits, products), took)


def run_demo(
    stack: Stack, drawing: Drawing, bars: Progress, tasks: dict[str, TaskID]
) -> tuple[DemoReport, SampleManifest]:
    """Everything between the stack's start and its end."""
    from mmpipe.lake import open_lake

    def step(name: str) -> Callable[[int, int], None]:
        return lambda done, total: bars.update(tasks[name], completed=done, total=total, visible=True)

    manifest = drawing.result()
    upload(stack, manifest, step("upload"))
    lake = open_lake(stack.settings)
    bars.update(tasks["index"], visible=True)
    wait_indexed(stack, lake, manifest, step("index"))
    upload_reviews(stack)
    collection = lake.collection(COLLECTION)
    shop = Client(stack.state.url, api_key())
    report = DemoReport(uploaded=manifest.uploaded, expected_indexed=manifest.expected_indexed)
    report.indexed = wait_served(stack, collection, shop)
    queries = demo_queries(list(manifest.products))
    for done, query in enumerate(queries, start=1):
        report.searches.append(ask(shop, query, manifest))
        step("search")(done, len(queries))
    report.shopper = click_three(shop, COLLECTION, manifest.products)
    rejects = collection.rejects.list(limit=_MAX_REJECTS)
    report.faults, report.unexpected = match_faults(manifest.expected_rejects, rejects)
    depths = queue_depths(stack.state.s3_url, stack.state.queue_url, stack.state.dead_letters_url)
    report.dead_letters = depths["dead_letters"]
    return report, manifest


def _run_of(lake: Lake, source_uri: str) -> RunRecord | None:
    # The collection comes into being with its first write.
    with contextlib.suppress(UnknownCollection):
        runs = lake.collection(COLLECTION).runs.list(source_uri=source_uri, limit=1)
        return runs[0] if runs else None
    return None


def _until(stack: Stack, seconds: float, complaint: str) -> Iterator[None]:
    """Yields until the caller breaks. Raises :class:`NotReady` when time runs out or the stack dies."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        failure = stack.failure()
        if failure is not None:
            raise NotReady(failure)
        yield
        pause.wait(_POLL_SECONDS)
    raise NotReady(f"{complaint} within {seconds:.0f} s; see the logs in the stack's folder")
