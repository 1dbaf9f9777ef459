"""Products per second through the whole batch lane, beside the bare encoders on the same cores, and peak
memory.

python benchmarks/batch_lane.py --catalogue ../shared/data/kagl/catalogue.parquet [--limit 4000] [--growth 4]

Prints one JSON line. ``lane`` runs from the call to the last commit: worker start, reading, decoding,
encoding, fusion, commits; building the indexes and publishing is given apart. ``bare`` is as many processes
with one thread each, which encode the same products' texts and decoded photos in batches of the same size; it
is measured before and after the lane and averaged. ``ratio`` is lane / bare. With ``--growth N`` the lane
runs again on an N times larger catalogue, and ``memory`` compares the peaks: private memory of driver and
workers, and shared memory (Ray's object store).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import threading
import time
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmpipe.objects import to_uri
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, run_id_of
from mmpipe.settings import IndexingSettings, LakeSettings, Settings

_ROWS_PER_GROUP = 2_048


def write_catalogue(source: Path, target: Path, limit: int, copies: int) -> int:
    """The first ``limit`` rows (0: all), ``copies`` times with ids of their own. Returns how many rows."""
    table = pq.read_table(source)
    if limit:
        table = table.slice(0, limit)
    ids = table.column("id").cast(pa.string()).to_pylist()
    position = table.schema.get_field_index("id")
    with pq.ParquetWriter(target, table.set_column(position, "id", pa.array(ids)).schema) as writer:
        for copy in range(copies):
            named = ids if copy == 0 else [f"{i}-{copy}" for i in ids]
            writer.write_table(
                table.set_column(position, "id", pa.array(named)), row_group_size=_ROWS_PER_GROUP
            )
    return table.num_rows * copies


class PeakMemory:
    """Samples this process and all below it, from /proc; megabytes."""

    def __init__(self) -> None:
        self.private = 0.0
        self.shared = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            private = shared = 0.0
            for pid in _family(os.getpid()):
                kilobytes = _rollup(pid)
                private += kilobytes.get("Pss_Anon", 0.0)
                shared += kilobytes.get("Pss_Shmem", 0.0)
            self.private = max(self.private, private / 1024)
            self.shared = max(self.shared, shared / 1024)


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue  # ended meanwhile
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _rollup(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: float(line.split()[1]) for line in lines}


def run_lane(feed: Path, lake: Path, profile: str, workers: int) -> dict[str, Any]:
    """One feed through Ray, into a lake of its own."""
    from mmpipe.indexing import batch

    settings = Settings(
        lake=LakeSettings(uri=str(lake)), indexing=IndexingSettings(profile=profile, workers=workers)
    )
    ref = ObjectRef(uri=to_uri(feed), size=feed.stat().st_size, event_time=datetime.now(UTC))
    event = CatalogueEvent(kind="feed_uploaded", collection="bench", object=ref)
    order = WorkOrder(
        run_id=run_id_of(event, profile),
        kind=event.kind,
        collection="bench",
        object=ref,
        lane="batch",
        profile=profile,
    )
    marks: dict[str, float] = {}

    def progress(read: int, _indexed: int, _rejected: int, total: int | None) -> None:
        now = time.perf_counter()
        if read:
            marks.setdefault("first", now)
        if total is not None:
            marks["committed"] = now

    started = time.perf_counter()
    with PeakMemory() as peak:
        record = batch.run(order, settings, progress=progress)
    ended = time.perf_counter()
    if record.status != "done":
        raise SystemExit(f"the run ended as {record.status}: {record.error}")
    seconds = marks["committed"] - started
    first = marks["first"] - started
    return {
        "products": record.indexed,
        "rejected": record.rejected,
        "encoded": record.encoded,
        "seconds": round(seconds, 2),
        "products_per_second": round(record.indexed / seconds, 1),
        "seconds_to_first_chunk": round(first, 2),
        "index_and_publish_seconds": round(ended - marks["committed"], 2),
        "peak_private_mb": round(peak.private, 1),
        "peak_shared_mb": round(peak.shared, 1),
    }


def _bare_worker(
    feed: str, part: int, parts: int, profile: str, chunk: int, ready: Barrier, times: Any
) -> None:
    from mmpipe import catalogue, media
    from mmpipe.encoders import registry
    from mmpipe.settings import FeedSettings, MediaSettings

    loaded = registry.load(profile, threads=1)
    texts: list[str] = []
    photos: list[Any] = []
    with open(feed, "rb") as stream:
        for row in catalogue.read_feed(stream, feed, FeedSettings()):
            if row.product is not None and row.row % parts == part and "image_link" in row.inline_media:
                texts.append(row.product.text_for_encoder())
                data = row.inline_media["image_link"]
                photos.append(media.decode("image", data, MediaSettings(), "image_link"))
    text, image = loaded.encoders["text"], loaded.encoders["image"]
    text.embed_documents(texts[:8])
    image.embed_documents(photos[:8])
    ready.wait()
    started = time.perf_counter()
    for start in range(0, len(texts), chunk):
        text.embed_documents(texts[start : start + chunk])
        image.embed_documents(photos[start : start + chunk])
    times.put((len(texts), time.perf_counter() - started))


def run_bare(feed: Path, profile: str, workers: int, chunk: int) -> float:
    """Products per second of the encoders alone, ``workers`` processes at the same time."""
    context = multiprocessing.get_context("spawn")
    ready, times = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=_bare_worker, args=(str(feed), part, workers, profile, chunk, ready, times))
        for part in range(workers)
    ]
    for process in processes:
        process.start()
    measured = [times.get(timeout=3_600) for _ in processes]
    for process in processes:
        process.join()
    return sum(count for count, _ in measured) / max(seconds for _, seconds in measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/data/kagl/catalogue.parquet"))
    parser.add_argument("--limit", type=int, default=0, help="rows of the catalogue; 0 means all")
    parser.add_argument("--bare-limit", type=int, default=8_192, help="rows for the bare encoders")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--profile", default="starter")
    parser.add_argument(
        "--growth", type=int, default=1, help="run again on a catalogue this many times larger"
    )
    options = parser.parse_args()

    import ray

    chunk = IndexingSettings().chunk_rows
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder:
        home = Path(folder)
        write_catalogue(options.catalogue, home / "x1.parquet", options.limit, 1)
        bare_rows = min(options.bare_limit, options.limit or options.bare_limit)
        write_catalogue(options.catalogue, home / "bare.parquet", bare_rows, 1)
        bare = [run_bare(home / "bare.parquet", options.profile, options.workers, chunk)]
        started = time.perf_counter()
        ray.init(include_dashboard=False, log_to_driver=False, num_cpus=len(os.sched_getaffinity(0)))
        ray_seconds = time.perf_counter() - started
        try:
            lane = run_lane(home / "x1.parquet", home / "lake1", options.profile, options.workers)
            grown: dict[str, Any] | None = None
            if options.growth > 1:
                rows = write_catalogue(options.catalogue, home / "xn.parquet", options.limit, options.growth)
                grown = run_lane(home / "xn.parquet", home / "lakeN", options.profile, options.workers)
                grown["rows"] = rows
        finally:
            ray.shutdown()
        bare.append(run_bare(home / "bare.parquet", options.profile, options.workers, chunk))
    mean = sum(bare) / len(bare)
    report: dict[str, Any] = {
        "benchmark": "batch_lane",
        "profile": options.profile,
        "workers": options.workers,
        "ray_init_seconds": round(ray_seconds, 2),
        "lane": lane,
        "bare_products_per_second": [round(value, 1) for value in bare],
        "ratio": round(lane["products_per_second"] / mean, 3),
    }
    if grown is not None:
        report["grown"] = grown
        report["memory"] = {
            "growth": options.growth,
            "private_ratio": round(grown["peak_private_mb"] / lane["peak_private_mb"], 3),
            "shared_ratio": round(grown["peak_shared_mb"] / max(lane["peak_shared_mb"], 1.0), 3),
        }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
