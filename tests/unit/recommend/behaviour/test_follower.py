"""Following the log of a lake in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpipe.errors import StorageUnavailable, UnknownCollection
from mmpipe.lake import Lake, open_lake
from mmpipe.lake.interactions import InteractionLog
from mmpipe.recommend.behaviour import Behaviour, BehaviourFollower, Shopper
from mmpipe.settings import InteractionSettings, LakeSettings, Settings
from tests.unit.recommend.behaviour.shoppers import Event, table

U = Shopper("u", None)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(
        Settings(lake=LakeSettings(uri=str(tmp_path)), interactions=InteractionSettings(poll_seconds=0.01))
    )


@pytest.fixture
def follower(lake: Lake) -> Iterator[BehaviourFollower]:
    found = BehaviourFollower(lake)
    found.start()
    yield found
    found.close()


def log_of(lake: Lake, collection: str = "shop") -> InteractionLog:
    return lake.collection(collection, create=True).interactions


def event(number: int, **parts: Any) -> Event:
    return replace(Event(str(number), item=f"i{number}", user="u", time=time.time() - 60 + number), **parts)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def seen(behaviour: Behaviour, shopper: Shopper = U) -> list[str]:
    return sorted(behaviour.product_ids(behaviour.done(shopper).seen))


def test_what_is_stored_is_known_soon_and_once(lake: Lake, follower: BehaviourFollower) -> None:
    log = log_of(lake)
    log.append(table([event(1), event(2)]))
    behaviour = follower.get("shop")
    assert follower.wait_until_read("shop", 60)
    assert seen(behaviour) == ["i1", "i2"]
    # The replica that accepted an event knows it at once; when it is met in the log it is known already.
    behaviour.add(table([event(3)]))
    assert seen(behaviour) == ["i1", "i2", "i3"]
    log.append(table([event(3), event(4, time=time.time() - 300 * 86_400)]))
    log.append(table([event(1)]))
    until(lambda: behaviour.event_count == 4)
    assert follower.get("shop") is behaviour


def test_merging_meanwhile_changes_nothing(lake: Lake, follower: BehaviourFollower) -> None:
    log, behaviour = log_of(lake), follower.get("shop")
    at_once = {"min_age": timedelta(0), "grace": timedelta(0), "few": 2}
    for number in range(30):
        log.append(table([event(number)]))
        if number % 5 == 4:
            log.compact(datetime.now(UTC) + timedelta(seconds=2), **at_once)
    until(lambda: behaviour.event_count == 30)
    late = BehaviourFollower(lake)
    late.start()
    try:
        assert late.wait_until_read("shop", 60)
        assert late.get("shop").event_count == 30
    finally:
        late.close()


def test_a_person_who_was_erased_is_forgotten_and_may_come_back(
    lake: Lake, follower: BehaviourFollower
) -> None:
    log, behaviour = log_of(lake), follower.get("shop")
    log.append(table([event(1, session="s"), event(2, user=None, session="s"), event(3, user="other")]))
    until(lambda: behaviour.event_count == 3)
    log.erase(["u"])
    until(lambda: behaviour.event_count == 1)
    assert seen(behaviour) == seen(behaviour, Shopper(None, "s")) == []
    assert behaviour.code("i1") is not None  # items stay: they are nobody's
    log.append(table([event(4, received=time.time() + 5)]))
    until(lambda: seen(behaviour) == ["i4"])


def test_what_arrives_while_somebody_is_erased_is_new(lake: Lake, follower: BehaviourFollower) -> None:
    log, behaviour = log_of(lake), follower.get("shop")
    log.append(table([event(1)]))
    until(lambda: behaviour.event_count == 1)
    moment = datetime.now(UTC)
    # Met before the erasure is, which takes as long as the log is large.
    log.append(table([event(2, received=moment.timestamp() + 1)]))
    until(lambda: behaviour.event_count == 2)
    proof = log.erase(["u"], now=moment)
    until(lambda: seen(behaviour) == ["i2"])
    behaviour.forget(dict.fromkeys(proof.pseudonyms, proof.at))
    assert seen(behaviour) == ["i2"]
    assert [table["product_id"].to_pylist() for table in log.scan()] == [["i2"]]


def test_one_damaged_segment_hides_nothing_else_and_is_told(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_of(lake)
    log.append(table([event(1)]))
    (day,) = Path(log.uri.removeprefix("file://")).glob("day=*")
    damaged = day / "1700000000000-0123456789abcdef.parquet"
    damaged.write_bytes(b"PAR1")
    follower = BehaviourFollower(lake)
    follower.start()
    try:
        behaviour = follower.get("shop")
        until(lambda: seen(behaviour) == ["i1"])
        log.append(table([event(2)]))
        until(lambda: seen(behaviour) == ["i1", "i2"])
        assert damaged.name in str(follower.status()["shop"].error)
        assert sum(damaged.name in record.getMessage() for record in caplog.records) == 1
    finally:
        follower.close()


def test_a_lake_without_events_costs_nothing(lake: Lake, follower: BehaviourFollower) -> None:
    behaviour = follower.get("quiet")
    assert follower.wait_until_read("quiet", 60)
    assert behaviour.nbytes < 100_000
    assert follower.status()["quiet"].events == 0
    assert not (Path(lake.uri.removeprefix("file://")) / "quiet").exists()
    with pytest.raises(UnknownCollection):
        follower.get("../etc")


class Broken:
    """A log whose store does not answer, for a while."""

    def __init__(self, log: InteractionLog, faults: list[Exception]) -> None:
        self._log, self._faults = log, faults

    def tail(self, *args: Any) -> Any:
        if self._faults:
            raise self._faults.pop(0)
        return self._log.tail(*args)


def test_a_fault_is_told_and_gone_with_its_cause(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    faults: list[Exception] = [StorageUnavailable("the store did not answer"), KeyError("a secret")]
    follower = BehaviourFollower(lake)
    log = log_of(lake)
    log.append(table([event(1)]))
    behaviour = follower.get("shop")
    follower._followed["shop"].log = Broken(log, faults)  # type: ignore[assignment]
    assert follower.status()["shop"].age_seconds is None
    follower._look("shop", follower._followed["shop"])
    assert follower.status()["shop"].error == "the store did not answer"
    follower._look("shop", follower._followed["shop"])
    assert follower.status()["shop"].error == "KeyError"
    assert len(behaviour.history(U)) == 0
    follower.start()
    try:
        assert follower.wait_until_read("shop", 60)
        status = follower.status()["shop"]
        assert status.error is None
        assert status.events == 1
        assert status.age_seconds is not None
    finally:
        follower.close()
    assert len([r for r in caplog.records if "not up to date" in r.message and r.levelname == "WARNING"]) == 1


def test_one_thread_follows_all_and_ends(lake: Lake, follower: BehaviourFollower) -> None:
    for name in ("one", "two"):
        log_of(lake, name).append(table([event(1)]))
        assert follower.wait_until_read(name, 60)
    follower.close()
    log_of(lake, "one").append(table([event(2)]))
    time.sleep(0.05)
    one = follower.get("one")
    assert one.event_count == 1
    assert one.product_ids(np.array([0], np.int32)) == ["i1"]
    follower.start()
    assert not follower.wait_until_read("three", 0.05)
