"""The small keyed tables stay quick, whatever they hold, and forget what is old."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lance
import pytest
from lance.dataset import DatasetOptimizer

from mmpipe.lake import Collection, open_lake
from mmpipe.lake.media_log import MediaVersion
from mmpipe.lake.rejects import RejectTable
from mmpipe.lake.runs import RunTable
from mmpipe.schemas.order import SourceOrder
from mmpipe.schemas.run import Reject, RunRecord, RunStatus
from mmpipe.settings import LakeSettings, Settings, StorageSettings

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def run_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def run(number: int, status: RunStatus = "done", at: datetime = NOW, **more: object) -> RunRecord:
    return RunRecord.model_validate(
        {
            "run_id": run_id(number),
            "kind": "feed_uploaded",
            "lane": "warm",
            "source_uri": f"s3://b/feeds/{number % 1_000}.csv",
            "profile": "test",
            "status": status,
            "started_at": at + timedelta(seconds=number),
        }
        | more
    )


@pytest.fixture
def runs(tmp_path: Path) -> RunTable:
    return RunTable(str(tmp_path / "runs.lance"), StorageSettings())


def maintain(runs: RunTable) -> None:
    runs.maintain(keep=timedelta(days=90), now=NOW)


def dataset(runs: RunTable) -> lance.LanceDataset:
    return lance.dataset(runs._table._uri)


def fragments(runs: RunTable) -> list[int]:
    return [f.metadata.num_rows for f in dataset(runs).get_fragments()]


def segments(runs: RunTable) -> dict[str, int]:
    return {index.name: len(index.segments) for index in dataset(runs).describe_indices()}


def bytes_of_a_look_up(runs: RunTable, where: str) -> int:
    held = dataset(runs)
    held.io_stats_incremental()
    assert held.to_table(columns=["record"], filter=where).num_rows >= 1
    return int(held.io_stats_incremental().read_bytes)


def test_a_look_up_does_not_grow_with_the_ledger(runs: RunTable) -> None:
    read = []
    for first, last in ((0, 30_000), (30_000, 120_000)):
        runs._table.append([run(n) for n in range(first, last)])
        runs.put(run(5, source_uri="s3://b/feeds/mine.csv"))
        unindexed = bytes_of_a_look_up(runs, f"run_id = '{run_id(9)}'")
        maintain(runs)
        read.append(bytes_of_a_look_up(runs, f"run_id = '{run_id(9)}'"))
        assert read[-1] < unindexed / 2
    assert read[1] < 2 * read[0]
    assert runs.get(run_id(119_999)) == run(119_999)
    assert runs.get(run_id(120_000)) is None
    assert [r.run_id for r in runs.list(source_uri="s3://b/feeds/mine.csv")] == [run_id(5)]


def test_indexed_and_new_and_changed_runs_are_all_found(
    runs: RunTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpipe.lake.record_table._INDEX_ROWS", 20)
    for n in range(0, 150, 3):
        runs.put(*(run(i, "running") for i in range(n, n + 3)))
        runs.put(*(run(i) for i in range(n, n + 3)))
        maintain(runs)
    assert runs._table.count() == 150
    assert runs.get_many([run_id(n) for n in range(150)]) == {run_id(n): run(n) for n in range(150)}
    assert all(runs.is_done(run_id(n)) for n in range(0, 150, 7))
    assert [r.run_id for r in runs.list(source_uri="s3://b/feeds/149.csv")] == [run_id(149)]
    assert segments(runs).keys() == {"run_id_idx", "source_uri_idx"}
    # Few files and few pieces of an index, however many writes there were.
    assert len(fragments(runs)) <= 20
    assert max(segments(runs).values()) <= 8
    versions = len(dataset(runs).versions())
    maintain(runs)
    assert len(dataset(runs).versions()) == versions, "nothing was due"


def test_two_inserters_exclude_each_other_beside_an_index(
    runs: RunTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpipe.lake.record_table._INDEX_ROWS", 1)
    runs.put(*(run(n) for n in range(10)))
    maintain(runs)
    assert segments(runs) == {"run_id_idx": 1, "source_uri_idx": 1}
    handles = [RunTable(runs._table._uri, StorageSettings()) for _ in range(3)]
    start = threading.Barrier(len(handles))

    def write(mine: RunTable) -> None:
        for n in range(5):
            start.wait()
            mine.put(run(100 + n, "running"), run(3))
            maintain(mine)

    with ThreadPoolExecutor(len(handles)) as pool:
        list(pool.map(write, handles))
    found = [r.run_id for r in runs.list(limit=1_000)]
    assert len(found) == len(set(found)) == 15


def test_a_reject_without_a_product_is_found_beside_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpipe.lake.record_table._INDEX_ROWS", 1)
    rejects = RejectTable(str(tmp_path / "rejects.lance"), StorageSettings())

    def reject(number: int, product_id: str | None) -> Reject:
        return Reject(
            reject_id=str(number),
            scope="row",
            product_id=product_id,
            field="id",
            reason="none",
            error="InvalidRow",
            retryable=False,
            source_uri="s3://b/feed.csv",
            source_order="1",
            row=number,
            raw="{}",
            run_id=f"r{number % 2}",
            created_at=NOW,
        )

    rejects.put([reject(1, None), reject(2, "a"), reject(3, None)])
    rejects.maintain()
    rejects.put([reject(4, None), reject(5, "b")])
    rejects.maintain()
    assert {r.reject_id for r in rejects.list()} == {"1", "2", "3", "4", "5"}
    assert {r.reject_id for r in rejects.list(run_id="r1")} == {"1", "3", "5"}
    assert [r.reject_id for r in rejects.list(product_id="b")] == ["5"]
    assert rejects.get("4") == reject(4, None)
    assert rejects.resolve({"a": "2"}) == 1
    assert rejects.replaced("s3://b/feed.csv", row_order="2", file_order="0") == 4


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    settings = Settings(lake=LakeSettings(uri=str(tmp_path), keep_runs_days=40, keep_media_log_days=20))
    return open_lake(settings).collection("shop", create=True)


def test_a_store_that_fails_while_small_files_are_put_together_fails_no_write(
    runs: RunTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpipe.lake.record_table._MAX_SMALL_FRAGMENTS", 2)
    runs.put(run(0))
    compactions = []

    def fails(_optimize: object, **_options: object) -> None:
        compactions.append(1)
        raise OSError("Generic S3 error: Error performing PUT")

    monkeypatch.setattr(DatasetOptimizer, "compact_files", fails)
    for number in range(1, 13):
        assert runs.put(run(number)) == 1
    assert compactions
    assert len(runs.list()) == 13
    monkeypatch.undo()
    runs.put(run(13))
    maintain(runs)
    assert len(runs.list()) == 14


def test_old_runs_and_announcements_are_forgotten(collection: Collection) -> None:
    now = datetime.now(UTC)
    ages = {1: 39, 2: 41, 3: 41}
    held = {n: run(n, "failed" if n == 3 else "done", now - timedelta(days=d)) for n, d in ages.items()}
    young = run(4, "running", now - timedelta(days=1))
    collection.runs.put(*held.values(), young)
    uris = {days: f"s3://b/{days}.jpg" for days in (1, 19, 21, 200)}
    collection.media.record(
        [
            MediaVersion(uri=uri, order=SourceOrder(now - timedelta(days=d), "F" * 16, 9, uri).encode())
            for d, uri in uris.items()
        ]
    )
    collection.maintain_records()
    assert {r.run_id for r in collection.runs.list()} == {held[1].run_id, young.run_id}
    assert collection.media.lookup(list(uris.values())).keys() == {uris[1], uris[19]}
    # Once an hour by itself.
    collection.runs.put(held[2])
    collection.maintain_records()
    assert collection.runs.is_done(held[2].run_id)
    collection.maintain_records(thorough=True)
    assert not collection.runs.is_done(held[2].run_id)


def test_nothing_is_forgotten_while_a_queue_may_hold_it() -> None:
    for name in ("keep_runs_days", "keep_media_log_days", "keep_tombstones_days"):
        with pytest.raises(ValueError, match=name):
            LakeSettings.model_validate({name: 17.9})


def test_tables_that_are_not_there_need_no_maintenance(collection: Collection) -> None:
    collection.maintain_records(thorough=True)
    assert collection.runs.list() == []
