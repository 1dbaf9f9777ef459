"""Objects that are no segments, records or proofs: named, kept away from everything else, never a crash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import SCHEMA, InteractionLog
from mmpipe.lake.interactions.keeper import InteractionKeeper
from mmpipe.lake.interactions.schema import day_of
from mmpipe.settings import LakeSettings, Settings
from tests.unit.lake.interactions.logs import ZERO, append, collection_in, event, ids, rows

_NAME = "1700000000000-0123456789abcdef"


@pytest.fixture
def log(tmp_path: Path) -> InteractionLog:
    return collection_in(tmp_path).interactions


def folder_of(log: InteractionLog) -> Path:
    return Path(log.uri.removeprefix("file://"))


def put(log: InteractionLog, key: str, data: bytes) -> Path:
    path = folder_of(log) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def with_nulls() -> pa.Table:
    table = rows(event("x"))
    place = SCHEMA.get_field_index("received_at")
    return table.set_column(place, "received_at", pa.nulls(1, SCHEMA.field("received_at").type))


DAMAGED = {
    "nothing": b"",
    "broken off": parquet(rows(event("x")))[:200],
    "other columns": parquet(pa.table({"a": [1]})),
    "other types": parquet(rows(event("x")).set_column(2, "user", pa.array([b"\xff"], pa.binary()))),
    "no time": parquet(with_nulls()),
}


@pytest.fixture(params=sorted(DAMAGED))
def damaged(request: pytest.FixtureRequest, log: InteractionLog) -> Path:
    append(log, event("a"))
    append(log, event("b"))
    return put(log, f"day={day_of(datetime.now(UTC))}/{_NAME}.parquet", DAMAGED[request.param])


def test_it_is_named_and_nobody_takes_it_for_less(log: InteractionLog, damaged: Path) -> None:
    for ask in (log.count, log.to_table, lambda: log.export("u1"), lambda: log.erase(["u1"])):
        with pytest.raises(StorageUnavailable, match=_NAME):
            ask()


def test_who_follows_gets_the_others_and_is_told(log: InteractionLog, damaged: Path) -> None:
    now = datetime.now(UTC)
    tables, position = log.tail(None, now=now)
    assert sorted(ids(tables)) == ["a", "b"]
    assert [segment.name for segment in position.damaged] == [_NAME]
    append(log, event("c"))
    tables, position = log.tail(position, now=now)
    assert ids(tables) == ["c"]
    damaged.write_bytes(parquet(rows(event("x"))))
    assert log.tail(position, now=now)[0] == []
    tables, position = log.tail(position, now=now + timedelta(minutes=2))
    assert ids(tables) == ["x"]
    assert not position.damaged


def test_one_that_is_removed_is_damaged_no_more(log: InteractionLog, damaged: Path) -> None:
    _, position = log.tail(None)
    damaged.unlink()
    tables, position = log.tail(position, now=datetime.now(UTC) + timedelta(minutes=2))
    assert tables == []
    assert not position.damaged


def test_the_others_are_merged_and_it_stays(log: InteractionLog, damaged: Path) -> None:
    held = damaged.read_bytes()
    done = log.compact(datetime.now(UTC) + timedelta(seconds=2), min_age=ZERO, few=2)
    assert (done.sources, done.written) == (2, 1)
    assert damaged.read_bytes() == held


def test_its_day_expires_with_it(log: InteractionLog) -> None:
    log.erase(["nobody"], now=datetime.now(UTC) - timedelta(hours=2))
    old = put(log, f"day=2020-01-01/{_NAME}.parquet", b"")
    log.keep_days = 365
    assert log.maintain().expired == 1
    assert not old.exists()


def test_columns_of_a_later_release_are_passed_over(log: InteractionLog) -> None:
    append(log, event("a"))
    later = rows(event("b")).append_column("mood", pa.array(["good"]))
    put(log, f"day={day_of(datetime.now(UTC))}/{_NAME}.parquet", parquet(later))
    assert sorted(ids(log.to_table())) == ["a", "b"]
    assert len(log.export("u1")) == 2
    assert log.erase(["u1"]).events == 2


@pytest.mark.parametrize("name", ["foreign", f"2026-01-01/{_NAME}"])
@pytest.mark.parametrize("data", [b"", b"hello", b"{}", b"[1]"])
def test_a_record_of_merging_that_says_nothing_ends_nothing(
    log: InteractionLog, name: str, data: bytes
) -> None:
    append(log, event("a"))
    append(log, event("b"))
    put(log, f"compacted/{name}.json", data)
    assert log.compact(datetime.now(UTC) + timedelta(seconds=2), min_age=ZERO, few=2).sources == 2
    assert sorted(ids(log.to_table())) == ["a", "b"]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"kind": "other"}'])
def test_a_proof_that_cannot_be_read_is_named(log: InteractionLog, data: bytes) -> None:
    put(log, "archive/foreign.json", data)
    with pytest.raises(StorageUnavailable, match="foreign"):
        log.proofs()


def test_the_keeper_outlives_what_nobody_expects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(collection_in(tmp_path).interactions, event("a"))

    def breaks(self: InteractionLog) -> None:
        raise ValueError("unexpected")

    monkeypatch.setattr(InteractionLog, "maintain", breaks)
    InteractionKeeper(open_lake(Settings(lake=LakeSettings(uri=str(tmp_path / "lake"))))).round()
