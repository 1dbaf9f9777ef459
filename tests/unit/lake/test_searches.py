"""The log of searches: written, read once, merged, thinned, expired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mmpipe.errors import InvalidRequest, StorageUnavailable
from mmpipe.lake.searches import SCHEMA, SearchLog
from mmpipe.settings import AnalyticsSettings, StorageSettings

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def record(number: int, query: str | None = "boots", at: datetime = NOW, **more: Any) -> dict[str, Any]:
    return {
        "record": number,
        "at": at,
        "query_id": f"q{number}",
        "first": True,
        "query": query,
        "kind": "none" if query is None else "query",
        "language": "en",
        "modalities": "text",
        "marks": [],
        "rules": [],
        "total": 3,
        "shown": 3,
        "ms": 0.5,
        **more,
    }


def rows(*records: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(records), schema=SCHEMA)


def log_in(folder: Path, **settings: Any) -> SearchLog:
    uri = (folder / "shop" / "analytics").as_uri()
    return SearchLog(uri, StorageSettings(), AnalyticsSettings(**settings))


def numbers(log: SearchLog, since: datetime | None = None) -> list[int]:
    return sorted(log.read(["record"], since)["record"].to_pylist())


def test_a_record_counts_once_however_often_it_was_written(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append(rows(record(1), record(2)), now=NOW)
    log.append(rows(record(2), record(3)), now=NOW)
    # Not acknowledged before midnight, and written again after it.
    log.append(rows(record(3)), now=NOW + DAY)
    assert numbers(log) == [1, 2, 3]


def test_what_is_read_begins_at_the_moment(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    # Made before midnight, written after it.
    log.append(rows(record(1, at=NOW - DAY), record(2)), now=NOW)
    assert numbers(log, NOW - timedelta(hours=1)) == [2]
    assert numbers(log, NOW - 2 * DAY) == [1, 2]
    assert numbers(log, NOW + DAY) == []


def test_merging_changes_no_record(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    for number in range(20):
        log.append(rows(record(number)), now=NOW)
    before = log.read(SCHEMA.names).sort_by("record")
    assert log.maintain(NOW + timedelta(hours=1)).merged == 20
    assert len(log.segments()) == 1
    assert log.read(SCHEMA.names).sort_by("record") == before
    assert log.maintain(NOW + timedelta(hours=1)).merged == 0


def test_a_merge_that_broke_off_counts_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_in(tmp_path)
    for number in range(20):
        log.append(rows(record(number)), now=NOW)

    def fail(self: SearchLog, segments: object) -> int:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(SearchLog, "_remove", fail)
        with pytest.raises(StorageUnavailable):
            log.maintain(NOW)
    assert len(log.segments()) == 21
    assert numbers(log) == list(range(20))
    log.maintain(NOW)
    assert len(log.segments()) == 1
    assert numbers(log) == list(range(20))


def test_who_reads_while_others_merge_reads_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_in(tmp_path)
    for number in range(4):
        log.append(rows(record(number)), now=NOW)
    listed = log.segments()
    assert log.maintain(NOW + 2 * DAY).merged == 4
    found = iter([listed, log.segments()])
    monkeypatch.setattr(log, "segments", lambda since=None: next(found))
    assert numbers(log) == [0, 1, 2, 3]


def test_old_days_are_removed(tmp_path: Path) -> None:
    log = log_in(tmp_path, keep_days=10)
    log.append(rows(record(1, at=NOW - 20 * DAY)), now=NOW - 20 * DAY)
    log.append(rows(record(2)), now=NOW)
    assert log.maintain(NOW).expired == 1
    assert numbers(log) == [2]


def test_rare_texts_leave_old_days_and_common_ones_stay(tmp_path: Path) -> None:
    log = log_in(tmp_path, rare_days=7, min_searches=3)
    old = NOW - 10 * DAY
    log.append(
        rows(record(1, "only once", old), record(2, at=old), record(3, None, old), record(4, "hat", old)),
        now=old,
    )
    # A page further on is no search of its own.
    log.append(rows(record(5), record(6), record(7, "hat"), record(8, "hat", first=False)), now=NOW)
    log.append(rows(record(9, "new and rare")), now=NOW)
    kept = log.maintain(NOW)
    assert kept.texts_removed == 2
    held = {row["record"]: (row["query"], row["kind"]) for row in log.read(SCHEMA.names).to_pylist()}
    assert held[1] == held[4] == (None, "rare")
    assert (held[2], held[3], held[9]) == (("boots", "query"), (None, "none"), ("new and rare", "query"))
    assert len(held) == 9
    objects = [path.read_bytes() for path in tmp_path.rglob("*.parquet")]
    assert not any(b"only once" in data for data in objects)
    # What was done is not done again, unless a writer adds to that day.
    assert log.maintain(NOW).texts_removed == 0
    log.append(rows(record(10, "late", old)), now=old)
    assert log.maintain(NOW).texts_removed == 1
    assert len(log.read(["record"])) == 10


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    assert log.read(["query", "total"]).column_names == ["query", "total"]
    assert log.maintain(NOW).merged == 0
    with pytest.raises(ValueError, match="one record"):
        log.append(rows())


def test_more_than_may_be_read_is_refused_before_it_is(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append(rows(record(1)), now=NOW)
    with pytest.raises(InvalidRequest) as refused:
        log.read(["record"], max_bytes=100)
    assert refused.value.field == "days"


def test_what_is_no_segment_is_named(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    segment = log.append(rows(record(1)), now=NOW)
    path = tmp_path / "shop" / "analytics" / segment.key
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(StorageUnavailable, match="is no segment"):
        log.read(["record"])
    (path.parent / "notes.txt").write_text("not ours")
    path.unlink()
    assert numbers(log) == []
