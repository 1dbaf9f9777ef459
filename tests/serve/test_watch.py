"""When a replica is replaced: what hangs, not what is long."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import cast

import pytest

from mmpipe.errors import NotReady
from mmpipe.lake import Lake
from mmpipe.search import LiveVersions
from mmpipe.search.versions.store import CollectionStatus
from mmpipe.serve.answer.watch import STUCK_SECONDS, Watch

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


def status(
    *, checked: float, loading: float | None = None, progressed: float | None = None, error: str = ""
) -> CollectionStatus:
    """Of one collection; all times are seconds ago."""
    now = time.time()
    return CollectionStatus(
        version="products@7",
        rows=3,
        loaded_at=now - checked,
        checked_at=now - checked,
        error=error,
        loading_since=None if loading is None else now - loading,
        progressed_at=None if progressed is None else now - progressed,
    )


def watch(**statuses: CollectionStatus) -> Watch:
    return Watch(cast(Lake, Shops()), cast(LiveVersions, Versions(**statuses)), poll_seconds=1.0)


@pytest.mark.parametrize(
    "found",
    [
        status(checked=1),
        status(checked=LONG - 120, error="the store is away"),
        status(checked=LONG, loading=LONG, progressed=5),
        status(checked=LONG, loading=5, progressed=LONG),
        status(checked=LONG, loading=5),
    ],
    ids=["looked at", "away", "a long load that gets on", "a load after a long rest", "a first load"],
)
def test_it_is_left_alone(found: CollectionStatus) -> None:
    watch(shop=found).check_alive()


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (status(checked=LONG), "not looked at"),
        (status(checked=LONG, loading=LONG, progressed=LONG), "shop's live version has not got on"),
        (status(checked=LONG, loading=LONG), "shop's live version has not got on"),
    ],
    ids=["nobody looks", "a load that hangs", "a load that never got on"],
)
def test_it_is_replaced(found: CollectionStatus, named: str) -> None:
    with pytest.raises(NotReady, match=named):
        watch(shop=found).check_alive()


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
