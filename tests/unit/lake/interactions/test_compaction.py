"""Compaction: fewer objects, the same events, wherever it ends and whoever writes meanwhile."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.lake.interactions import InteractionLog
from mmpipe.lake.interactions.keeper import InteractionKeeper
from mmpipe.lake.interactions.schema import COMPACTED
from tests.unit.lake.interactions.logs import ZERO, append, collection_in, event, ids, merge
from tests.unit.lake.interactions.test_log import in_memory


def soon() -> datetime:
    """When what was just written is old enough; stores tell times in whole seconds."""
    return datetime.now(UTC) + timedelta(seconds=2)


@pytest.fixture
def log(tmp_path: Path) -> InteractionLog:
    return collection_in(tmp_path).interactions


def some(log: InteractionLog, count: int) -> list[str]:
    for n in range(count):
        append(log, event(f"e{n}", user=f"u{n % 3}"))
    return [f"e{n}" for n in range(count)]


def test_many_become_one_and_copies_go(log: InteractionLog) -> None:
    names = some(log, 5)
    append(log, event("e0"))
    first = log.compact(soon(), min_age=ZERO, grace=ZERO, few=2)
    assert (first.sources, first.written, first.removed) == (6, 1, 0)
    assert sorted(ids(log.to_table())) == names
    second = log.compact(soon(), min_age=ZERO, grace=ZERO, few=2)
    assert (second.sources, second.written, second.removed) == (0, 0, 6)
    (merged,) = log.segments()
    assert merged.through is not None
    assert sorted(ids(log.read(merged))) == names
    assert log.folder.records(COMPACTED) == {}
    assert log.compact(soon(), min_age=ZERO, grace=ZERO, few=2) == type(second)()


def test_what_is_young_or_few_is_left_alone(log: InteractionLog) -> None:
    some(log, 20)
    assert log.compact().sources == 0
    assert log.compact(soon(), min_age=ZERO, few=21).sources == 0
    assert log.compact(soon(), min_age=ZERO, few=20).sources == 20


def test_a_day_that_is_over_becomes_one(log: InteractionLog) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=2)
    append(log, event("a"), now=yesterday)
    append(log, event("b"), now=yesterday)
    assert log.compact(soon(), min_age=ZERO).sources == 2


def test_sources_stay_for_their_grace(log: InteractionLog) -> None:
    some(log, 3)
    log.compact(soon(), min_age=ZERO, few=2)
    assert log.compact(soon(), min_age=ZERO, grace=timedelta(minutes=1), few=2).removed == 0
    assert log.compact(soon() + timedelta(minutes=2), min_age=ZERO, few=2).removed == 3


@pytest.mark.parametrize("failing", ["write", "delete"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_broken_off_anywhere_it_loses_nothing(failing: str, after: int) -> None:
    log, store = in_memory()
    names = some(log, 4)
    original, calls = getattr(store, failing), []

    def breaks(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) > after:
            raise StorageUnavailable("killed")
        return original(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, failing, breaks)
        with pytest.raises(StorageUnavailable):  # noqa: PT012  the second call removes
            log.compact(soon(), min_age=ZERO, grace=ZERO, few=2)
            log.compact(soon(), min_age=ZERO, grace=ZERO, few=2)
            raise StorageUnavailable("not reached by so few calls")
    assert sorted(ids(log.to_table())) == names
    for _ in range(3):
        merge(log, soon() + timedelta(hours=2))
    assert sorted(ids(log.to_table())) == names
    assert len(log.segments()) == 1
    assert log.folder.records(COMPACTED) == {}


def test_who_appends_and_who_merges_do_not_meet(log: InteractionLog) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def merging() -> None:
        try:
            while not stop.is_set():
                log.compact(soon() + timedelta(minutes=1), min_age=ZERO, grace=ZERO, few=2)
        except BaseException as error:  # noqa: BLE001  shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=merging) for _ in range(2)]
    for thread in threads:
        thread.start()
    seen: set[str] = set()
    position = None
    for n in range(40):
        append(log, event(f"e{n}"))
        if n % 5 == 0:
            tables, position = log.tail(position)
            seen |= set(ids(tables))
            assert log.count() == n + 1
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    tables, _ = log.tail(position)
    assert seen | set(ids(tables)) == {f"e{n}" for n in range(40)}
    assert log.count() == 40


def test_an_erasure_during_a_merge_reaches_the_merged_one(
    log: InteractionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    some(log, 6)
    original = log.folder.read_whole
    erased = []

    def read_whole(segments: list[object], columns: object = None) -> object:
        found = original(segments, columns)  # type: ignore[arg-type]
        if not erased:
            erased.append(True)
            log.erase(["u0"])
        return found

    monkeypatch.setattr(log.folder, "read_whole", read_whole)
    log.compact(soon(), min_age=ZERO, grace=ZERO, few=2)
    stored = [log.folder.read(segment)[0] for segment in log.segments()]
    assert {user for table in stored for user in table["user"].to_pylist()} == {"u1", "u2"}


def test_the_keeper_keeps_every_collection(tmp_path: Path) -> None:
    collection = collection_in(tmp_path)
    log = collection.interactions
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    append(log, event("a"), now=two_days_ago)
    append(log, event("b"), now=two_days_ago)
    append(log, event("gone", occurred_at=two_days_ago), now=datetime.now(UTC) - timedelta(days=500))
    for path in Path(log.uri.removeprefix("file://")).rglob("*.parquet"):
        import os

        os.utime(path, (two_days_ago.timestamp(), two_days_ago.timestamp()))
    keeper = InteractionKeeper(collection._lake)
    keeper.round()
    assert len(log.segments()) == 3  # the merged one beside its sources, which have their grace
    assert sorted(ids(log.to_table())) == ["a", "b"]
    keeper.start()
    keeper.close()
