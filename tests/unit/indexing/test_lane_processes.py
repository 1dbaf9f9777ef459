"""How processes of the batch lane run: when they load models, how many threads, how seldom they collect."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.base import Profile
from mmpipe.indexing import execute_file
from mmpipe.indexing.lanes.chunks import FeedJob, pack_result
from mmpipe.indexing.lanes.collector import collecting_seldom
from mmpipe.indexing.lanes.processes import _OneThreadEach
from mmpipe.indexing.lanes.ray import _Stage
from mmpipe.indexing.pipeline.result import ChunkResult
from mmpipe.lake import open_lake
from mmpipe.schemas.work import CatalogueEvent, ObjectRef
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import order_of

_CHUNK = b"C rows"


def _job(profile: Profile | None) -> FeedJob:
    ref = ObjectRef(uri="memory://shop/feed.jsonl", event_time=datetime.now(UTC))
    order = order_of(CatalogueEvent(kind="feed_uploaded", collection="demo", object=ref))
    return FeedJob(order, Settings(indexing=IndexingSettings(profile="fake")), profile=profile)


def _given(*chunks: bytes) -> pa.Table:
    return pa.table({"bytes": pa.array(chunks, pa.large_binary())})


def _values(stage: _Stage, *chunks: bytes) -> list[bytes]:
    return [value.as_py() for table in stage(_given(*chunks)) for value in table.column("bytes")]


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.fixture
def made() -> list[FeedJob]:
    return []


@pytest.fixture
def worker(made: list[FeedJob]) -> Callable[[FeedJob], Callable[[bytes], Iterator[bytes]]]:
    def make(job: FeedJob) -> Callable[[bytes], Iterator[bytes]]:
        made.append(job)
        return lambda chunk: iter([chunk, b"R and another"])

    return make


def test_an_actor_loads_models_with_the_first_chunk_that_needs_them(
    made: list[FeedJob], worker: Callable[[FeedJob], Callable[[bytes], Iterator[bytes]]]
) -> None:
    job = _job(registry.load("fake").profile)
    settled = pack_result(ChunkResult(broken="it broke off"))
    stage = _Stage(job, worker)
    assert _values(stage, settled, settled) == [settled, settled]
    assert made == [], "an unchanged feed is all results"
    assert _values(stage, settled, _CHUNK) == [settled, _CHUNK, b"R and another"]
    assert _values(stage, _CHUNK) == [_CHUNK, b"R and another"]
    assert made == [job], "once"


def test_where_nothing_is_live_an_actor_loads_models_while_the_feed_is_read(
    made: list[FeedJob], worker: Callable[[FeedJob], Callable[[bytes], Iterator[bytes]]]
) -> None:
    job = _job(None)
    _Stage(job, worker)
    assert made == [job]


def test_libraries_of_a_worker_process_use_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with ProcessPoolExecutor(1, mp_context=_OneThreadEach()) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    with ProcessPoolExecutor(1, mp_context=_OneThreadEach()) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
    assert "OMP_NUM_THREADS" not in os.environ


def test_the_callers_collector_is_put_back_by_the_last_run() -> None:
    gc.set_threshold(701, 11, 12)
    first, second = collecting_seldom(), collecting_seldom()
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold()[0] >= 10_000
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] >= 10_000, "the other run goes on"
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (701, 11, 12)


def test_a_run_collects_seldom_and_tells_of_its_commit(tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text("".join(json.dumps({"id": f"p{n}", "title": f"Product {n}"}) + "\n" for n in range(5)))
    settings = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")), indexing=IndexingSettings(profile="fake")
    )
    told: list[tuple[int, int, int, int | None, int]] = []
    thresholds: set[int] = set()

    def progress(read: int, indexed: int, rejected: int, total: int | None) -> None:
        thresholds.add(gc.get_threshold()[0])
        collection = open_lake(settings).collection("demo")
        rows = sum(collection.table(name).latest().count_rows() for name in collection.product_tables())
        told.append((read, indexed, rejected, total, rows))

    gc.set_threshold(701, 11, 12)
    execute_file(settings, feed, "demo", progress=progress)
    assert told[-1] == (5, 5, 0, 5, 5), "the last call comes after the commit"
    assert told[-2][3:] == (5, 0), "the one before when everything was read"
    assert min(thresholds) >= 10_000
    assert gc.get_threshold() == (701, 11, 12)
