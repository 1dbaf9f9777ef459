"""When a replica is replaced: what hangs, not what is long."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from mmpipe.errors import NotReady
from mmpipe.lake import Lake
from mmpipe.search import LiveVersions
from mmpipe.search.versions.store import CollectionStatus
from mmpipe.serve.answer import tenancy
from mmpipe.serve.answer import watch as watched
from mmpipe.serve.answer.watch import STUCK_SECONDS, Watch, unsearchable

LONG = STUCK_SECONDS + 60.0


class Versions:
    """What a store says of its collections."""

    def __init__(self, **statuses: CollectionStatus) -> None:
        self._statuses = statuses

    def status(self) -> Mapping[str, CollectionStatus]:
        return self._statuses


class Shops:
    """A lake that is listed, and holds no collection that is not followed already."""

    def collections(self) -> list[str]:
        return []


def status(checked: float, loading: float | None = None, progressed: float | None = None) -> CollectionStatus:
    """Of one collection; all times are seconds ago, counted from now."""
    now = time.time()
    return CollectionStatus(
        version="products@7",
        rows=3,
        loaded_at=now - checked,
        checked_at=now - checked,
        error="",
        loading_since=None if loading is None else now - loading,
        progressed_at=None if progressed is None else now - progressed,
    )


def watch(**statuses: CollectionStatus) -> Watch:
    return Watch(cast(Lake, Shops()), cast(LiveVersions, Versions(**statuses)), poll_seconds=1.0)


@pytest.mark.parametrize(
    "seconds",
    [
        {"checked": 1},
        {"checked": LONG, "loading": LONG, "progressed": 5},
        {"checked": LONG, "loading": 5, "progressed": LONG},
        {"checked": LONG, "loading": 5},
    ],
    ids=["looked at", "a long load that gets on", "a load after a long rest", "a first load"],
)
def test_it_is_left_alone(seconds: dict[str, float]) -> None:
    watch(shop=status(**seconds)).check_alive()


def test_it_is_left_alone_while_the_store_is_away() -> None:
    watch(shop=replace(status(1), error="the store is away")).check_alive()


@pytest.mark.parametrize(
    ("seconds", "named"),
    [
        ({"checked": LONG}, "not looked at"),
        ({"checked": LONG, "loading": LONG, "progressed": LONG}, "shop's live version has not got on"),
        ({"checked": LONG, "loading": LONG}, "shop's live version has not got on"),
    ],
    ids=["nobody looks", "a load that hangs", "a load that never got on"],
)
def test_it_is_replaced(seconds: dict[str, float], named: str) -> None:
    with pytest.raises(NotReady, match=named):
        watch(shop=status(**seconds)).check_alive()


def test_a_load_that_hangs_is_not_hidden_by_other_collections() -> None:
    with pytest.raises(NotReady, match="shop's"):
        watch(
            other=status(checked=1),
            slow=status(checked=LONG, loading=LONG, progressed=1),
            shop=status(checked=LONG, loading=LONG, progressed=LONG),
        ).check_alive()


def test_a_watch_that_waits_for_a_load_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = watch(shop=status(checked=LONG, loading=LONG, progressed=5))
    rests = watch(shop=status(checked=1))
    for found in (loads, rests):
        found.start()
        monkeypatch.setattr(found, "_round_at", time.time() - LONG)
    loads.check_alive()
    with pytest.raises(NotReady, match="the lake was not looked at"):
        rests.check_alive()
    for found in (loads, rests):
        found.close()


@pytest.mark.parametrize(("lacking", "left"), [(False, True), (True, False)], ids=["damaged", "no models"])
def test_what_is_not_waited_for(lacking: bool, left: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "BROKEN_SECONDS", 0.0)
    broken = replace(status(5), version=None, error="it is not as it was written", lacks_models=lacking)
    found = watch(shop=status(1), broken=broken)
    monkeypatch.setattr(Shops, "collections", lambda _: ["shop", "broken"])
    found.look()
    assert (found.not_ready() is None) == left
    assert ("broken" in found.ages()) == left


def test_nothing_is_left_behind_where_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "BROKEN_SECONDS", 0.0)
    found = watch(broken=replace(status(5), version=None, error="it is not as it was written"))
    monkeypatch.setattr(Shops, "collections", lambda _: ["broken"])
    found.look()
    assert found.not_ready() is not None


def test_why_it_is_not_ready_names_only_what_the_caller_may_know_of() -> None:
    assert unsearchable(["shop"]) == "not every live collection can be searched here yet (shop)"
    token = tenancy.begin(tenancy.Caller())
    try:
        assert unsearchable(["shop"]) == "not every live collection can be searched here yet"
    finally:
        tenancy.end(token)
