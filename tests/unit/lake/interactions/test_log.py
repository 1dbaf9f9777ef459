"""The log as a set: what is written is read once, whatever the order, the copies and the merging."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.errors import CommitConflict, ObjectNotFound, StorageUnavailable
from mmpipe.lake.interactions import SCHEMA, InteractionLog, Segment
from mmpipe.objects import MemoryStore
from tests.unit.lake.interactions.logs import NOW, append, collection_in, event, ids, merge, rows


@pytest.fixture
def log(tmp_path: Path) -> InteractionLog:
    return collection_in(tmp_path).interactions


def in_memory() -> tuple[InteractionLog, MemoryStore]:
    from mmpipe.settings import StorageSettings

    log = InteractionLog("memory://test/shop/interactions", StorageSettings())
    log.folder.store = store = MemoryStore()
    return log, store


def test_what_is_appended_is_read_with_every_column(log: InteractionLog) -> None:
    full = event(
        "a",
        session="s",
        device="phone",
        query_id="q",
        query="red",
        position=3,
        list="for_you",
        rating=None,
        quantity=2,
        run_id=None,
    )
    segment = log.append(rows(full))
    assert log.read(segment).to_pylist() == [full]
    assert log.read(segment, ["position"]).to_pylist() == [{"position": 3}]
    assert log.segments() == [segment]
    assert log.to_table().schema == SCHEMA
    assert log.count() == 1


def test_a_table_of_other_columns_or_without_rows_is_refused(log: InteractionLog) -> None:
    with pytest.raises(ValueError, match="device"):
        log.append(rows(event("a")).drop_columns(["device"]))
    with pytest.raises(ValueError, match="one event or more"):
        log.append(SCHEMA.empty_table())


def test_an_empty_log_has_nothing(log: InteractionLog) -> None:
    assert (log.segments(), log.count(), log.tail()[0], log.erasures()) == ([], 0, [], [])
    assert log.to_table(["type"]).schema.names == ["type"]


def test_the_copy_that_arrived_first_counts(log: InteractionLog) -> None:
    later = NOW + timedelta(seconds=5)
    append(log, event("a", product_id="late", received_at=later))
    append(log, event("a", product_id="first"), event("b"), event("b"))
    append(log, event("a", product_id="next day", received_at=NOW), now=NOW + timedelta(days=1))
    table = log.to_table(["event_id", "product_id"])
    assert sorted(table.to_pylist(), key=str) == [
        {"event_id": "a", "product_id": "first"},
        {"event_id": "b", "product_id": "p"},
    ]


def test_segments_are_by_day_of_arrival(log: InteractionLog) -> None:
    # Of late: what is a year old is not read.
    midnight = NOW.replace(hour=0, minute=0, second=0)
    days = [f"{midnight - timedelta(seconds=1):%Y-%m-%d}", f"{midnight:%Y-%m-%d}"]
    append(log, event("a"), now=midnight - timedelta(seconds=1))
    append(log, event("b"), now=midnight)
    assert [segment.day for segment in log.segments()] == days
    assert [segment.day for segment in log.segments(days[1])] == days[1:]
    assert [ids(table) for table in log.scan(["event_id"])] == [["a"], ["b"]]


def test_since_is_by_when_it_occurred(log: InteractionLog) -> None:
    append(log, event("old", occurred_at=NOW - timedelta(days=3)), event("new"))
    append(log, event("older", occurred_at=NOW - timedelta(days=9)), now=NOW - timedelta(days=9))
    assert ids(list(log.scan(["event_id"], since=NOW - timedelta(days=1)))) == ["new"]


def test_what_is_too_old_is_not_read_and_its_day_is_removed(log: InteractionLog) -> None:
    long_ago = NOW - timedelta(days=400)
    append(log, event("old", occurred_at=long_ago), event("new"))
    append(log, event("older", occurred_at=long_ago), now=long_ago)
    assert ids(log.to_table()) == ["new"]
    assert ids(log.tail()[0]) == ["new"]
    assert log.expire(365) == 1
    assert len(log.segments()) == 1


def test_others_read_the_folder_as_one_partitioned_table(log: InteractionLog) -> None:
    append(log, event("a"), now=datetime(2026, 1, 31, tzinfo=UTC))
    append(log, event("b"), now=datetime(2026, 2, 1, tzinfo=UTC))
    folder = log.uri.removeprefix("file://")
    parts = ds.partitioning(pa.schema([("day", pa.string())]), flavor="hive")
    files = [f"{folder}/{segment.key}" for segment in log.segments()]
    table = ds.dataset(files, format="parquet", partitioning=parts).to_table()
    assert sorted(zip(ids(table), table["day"].to_pylist(), strict=True)) == [
        ("a", "2026-01-31"),
        ("b", "2026-02-01"),
    ]


def test_a_lost_answer_to_a_write_writes_once() -> None:
    log, store = in_memory()
    original = store.write

    def lost(uri: str, data: bytes, **options: bool) -> object:
        original(uri, data, **options)  # type: ignore[arg-type]
        raise CommitConflict("exists already")

    store.write = lost  # type: ignore[method-assign, assignment]
    segment = log.append(rows(event("a")))
    assert log.segments() == [segment]


def test_a_failing_store_stores_nothing_and_says_so() -> None:
    log, store = in_memory()
    store.fail_next("write", StorageUnavailable("down"))
    with pytest.raises(StorageUnavailable):
        log.append(rows(event("a")))
    assert log.count() == 0


def test_a_damaged_segment_is_named() -> None:
    log, store = in_memory()
    segment = log.append(rows(event("a")))
    store.write(f"{log.uri}/{segment.key}", b"PAR1 no")
    with pytest.raises(StorageUnavailable, match=segment.name):
        log.count()


def test_what_was_merged_away_is_not_found(log: InteractionLog) -> None:
    first = log.append(rows(event("a")))
    append(log, event("b"))
    merge(log)
    with pytest.raises(ObjectNotFound):
        log.read(first)
    assert sorted(ids(log.to_table())) == ["a", "b"]


def test_many_writers_do_not_meet(log: InteractionLog) -> None:
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for n in range(5):
            append(log, event(f"{number}-{n}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.count() == 20


_events = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_events, cuts=st.sets(st.integers(1, 11)), merged=st.booleans(), data=st.data())
def test_order_copies_and_merging_change_nothing(
    events: list[tuple[str, int]], cuts: set[int], merged: bool, data: st.DataObject
) -> None:
    """The same events in any order, in any batches, some of them twice: the same set, by the same rule."""
    logs = [in_memory()[0], in_memory()[0]]
    made = [
        event(name, product_id=f"{name}{second}", received_at=NOW + timedelta(seconds=second))
        for name, second in events
    ]
    for each in made:
        append(logs[0], each)
    shuffled = data.draw(st.permutations(made))
    again = data.draw(st.lists(st.sampled_from(made), max_size=3))
    bounds = [0, *sorted(cut for cut in cuts if cut < len(shuffled)), len(shuffled)]
    for begin, end in itertools.pairwise(bounds):
        append(logs[1], *shuffled[begin:end])
        if merged:
            merge(logs[1])
    for each in again:
        append(logs[1], each)

    def content(log: InteractionLog) -> list[tuple[object, ...]]:
        table = log.to_table(["event_id", "product_id", "received_at"])
        return sorted(tuple(row.values()) for row in table.to_pylist())

    assert content(logs[0]) == content(logs[1])
    assert sorted(ids(logs[1].to_table())) == sorted({name for name, _ in events})


def test_names_that_are_no_segments_are_passed_over(log: InteractionLog) -> None:
    append(log, event("a"))
    (folder,) = Path(log.uri.removeprefix("file://")).glob("day=*")
    (folder / "notes.txt").write_text("mine")
    (folder / "_metadata.parquet").write_bytes(b"")
    assert log.count() == 1
    assert Segment("2026-01-01", "x").through is None
