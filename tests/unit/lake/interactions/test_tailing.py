"""Following the log: everything at least once, for one listing a look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mmpipe.errors import ObjectNotFound
from mmpipe.lake.interactions import InteractionLog
from tests.unit.lake.interactions.logs import NOW, ZERO, append, collection_in, event, ids, merge, rows
from tests.unit.lake.interactions.test_log import in_memory

# Of late: what is a year old is not read.
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0) - timedelta(days=30)


@pytest.fixture
def log(tmp_path: Path) -> InteractionLog:
    return collection_in(tmp_path).interactions


def test_first_everything_then_what_is_new(log: InteractionLog) -> None:
    append(log, event("a"), now=datetime.now(UTC) - timedelta(days=3))
    append(log, event("b"))
    tables, position = log.tail()
    assert ids(tables) == ["a", "b"]
    assert log.tail(position)[0] == []
    append(log, event("c"))
    tables, position = log.tail(position, ["event_id"])
    assert ids(tables) == ["c"]
    assert tables[0].column_names == ["event_id"]
    assert log.tail(position)[0] == []


def test_a_look_costs_one_listing() -> None:
    log, store = in_memory()
    append(log, event("a"))
    _, position = log.tail()
    store.calls.clear()
    for _ in range(3):
        _, position = log.tail(position)
    assert dict(store.calls) == {"list": 3}
    append(log, event("b"))
    store.calls.clear()
    assert ids(log.tail(position)[0]) == ["b"]
    assert dict(store.calls) == {"list": 1, "open": 1} or dict(store.calls) == {"list": 1, "read": 1}


def test_merging_hands_nothing_on_again(log: InteractionLog) -> None:
    append(log, event("a"))
    append(log, event("b"))
    _, position = log.tail(now=datetime.now(UTC))
    # The follower has looked long after these were written, so it knows that it has them.
    _, position = log.tail(position, now=datetime.now(UTC) + timedelta(minutes=10))
    merge(log)
    assert log.tail(position, now=datetime.now(UTC) + timedelta(minutes=10))[0] == []


def test_what_was_merged_before_it_was_read_comes_from_the_merged_one(log: InteractionLog) -> None:
    append(log, event("a"))
    _, position = log.tail()
    append(log, event("b"))
    append(log, event("c"))
    merge(log)
    assert {"b", "c"} <= set(ids(log.tail(position)[0]))


def test_what_is_merged_while_it_is_read_comes_all_the_same(
    log: InteractionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, event("a"))
    _, position = log.tail()
    position = log.tail(position, now=datetime.now(UTC) + timedelta(minutes=10))[1]
    append(log, event("b"))
    append(log, event("c"))
    original = log.folder.read_whole
    merged = []

    def read_whole(segments: list[object], columns: object = None) -> object:
        if not merged:
            merged.append(True)
            merge(log)
        return original(segments, columns)  # type: ignore[arg-type]

    monkeypatch.setattr(log.folder, "read_whole", read_whole)
    assert {"b", "c"} <= set(ids(log.tail(position)[0]))


def test_midnight_and_slow_clocks_are_crossed(log: InteractionLog) -> None:
    midnight = MIDNIGHT
    append(log, event("a"), now=midnight - timedelta(seconds=2))
    _, position = log.tail(now=midnight - timedelta(seconds=1))
    append(log, event("b"), now=midnight - timedelta(seconds=1))
    append(log, event("c"), now=midnight + timedelta(seconds=1))
    tables, position = log.tail(position, now=midnight + timedelta(seconds=2))
    assert ids(tables) == ["b", "c"]
    # A writer whose clock is ten minutes slow is met within a minute.
    append(log, event("d"), now=midnight - timedelta(minutes=9))
    found: list[str] = []
    for second in (3, 30, 61, 62):
        tables, position = log.tail(position, now=midnight + timedelta(seconds=second))
        found += ids(tables)
    assert found == ["d"]


def test_a_clock_that_is_set_back_puts_off_no_look_at_the_whole_day(log: InteractionLog) -> None:
    noon = MIDNIGHT + timedelta(hours=12)
    append(log, event("a"), now=noon)
    _, position = log.tail(now=noon)
    back = noon - timedelta(hours=2)
    append(log, event("b"), now=back - timedelta(minutes=9))
    assert ids(log.tail(position, now=back)[0]) == ["b"], "of a writer whose clock is slow"


def test_a_follower_that_slept_for_days_misses_nothing(log: InteractionLog) -> None:
    day = MIDNIGHT + timedelta(hours=12)
    append(log, event("a"), now=day)
    _, position = log.tail(now=day)
    for number in range(1, 4):
        append(log, event(f"b{number}"), now=day + timedelta(days=number))
    assert ids(log.tail(position, now=day + timedelta(days=4))[0]) == ["b1", "b2", "b3"]


def test_erasures_are_handed_on(log: InteractionLog) -> None:
    append(log, event("a", "u1", "s1"), event("b", None, "s1"), event("c", "u2"))
    _, position = log.tail()
    log.erase(["u1"])
    append(log, event("d", "u1", received_at=datetime.now(UTC)))
    tables, position = log.tail(position)
    assert set(position.erased) == {"u1", "s1"}
    assert ids(tables) == ["d"]
    assert log.tail(position)[1].erased == {}
    tables, fresh = log.tail()
    assert sorted(ids(tables)) == ["c", "d"]
    assert set(fresh.erased) == {"u1", "s1"}


def test_a_segment_that_is_gone_is_no_error_for_readers(log: InteractionLog) -> None:
    segment = log.append(rows(event("a")))
    log.folder.delete(segment)
    assert log.folder.read_whole([segment]) == {segment: None}
    with pytest.raises(ObjectNotFound):
        log.read(segment)
    assert log.compact(min_age=ZERO, grace=ZERO).sources == 0
