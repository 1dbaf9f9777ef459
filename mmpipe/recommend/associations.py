"""What goes with an item, and what is wanted most, counted once for the many who ask.

Counting passes over hundreds of shoppers or over all items, and a few items are asked for again and again. So
what was counted is kept for a moment: while fewer than one in a thousand of all events came since, and no
longer than :data:`SECONDS`, after which nothing of anybody who was erased meanwhile is left either. In a shop
with fewer than a thousand events everything counts at once.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.kinds.strength import strengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmpipe.recommend.signals import Actions, Codes

SECONDS = 30.0
_CHANGED = 1_000
_KEPT = 2_048


class _Counted(NamedTuple):
    codes: Codes
    values: NDArray[np.float64]
    events: int
    at: float
    # The Unix seconds that the values are of, where they are of a moment.
    moment: float = 0.0


class Associations:
    """Of the items of ``actions``. Safe for many threads."""

    def __init__(self, actions: Actions, clock: Callable[[], float] = time.monotonic) -> None:
        self.actions = actions
        self._clock = clock
        self._held: OrderedDict[tuple[int, str, float], _Counted] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, code: int, kind: Literal["bought", "viewed"], shoppers: int
    ) -> tuple[Codes, NDArray[np.float64]]:
        """The items that the latest ``shoppers`` of an item also bought or viewed, and how strongly each goes
        with it, above 0, the strongest first; see :func:`~mmpipe.recommend.kinds.strength.strengths`. Not for
        changing."""

        def count() -> tuple[Codes, NDArray[np.float64]]:
            counts = self.actions.together(code, kind=kind, limit=shoppers)
            values = strengths(counts)
            some = values > 0
            return counts.codes[some], values[some]

        found = self._kept((code, kind, shoppers), count)
        return found.codes, found.values

    def popular(self) -> tuple[Codes, NDArray[np.float64]]:
        """The items with events, and these counted, the most first. Not for changing."""
        found = self._kept((0, "popular", 0.0), self.actions.popular)
        return found.codes, found.values

    def trending(self, now: float, half_life_seconds: float) -> tuple[Codes, NDArray[np.float64]]:
        """The items with events, and these counted with a half-life at ``now`` (Unix seconds), the most
        first."""
        key = (0, "trending", half_life_seconds)
        found = self._kept(key, lambda: self.actions.trending(now, half_life_seconds), now)
        if found.moment == now:
            return found.codes, found.values
        # All fade alike, so their order holds at any moment.
        return found.codes, found.values * 2.0 ** ((found.moment - now) / half_life_seconds)

    def _kept(
        self,
        key: tuple[int, str, float],
        count: Callable[[], tuple[Codes, NDArray[np.float64]]],
        moment: float = 0.0,
    ) -> _Counted:
        events, now = self.actions.event_count, self._clock()
        with self._lock:
            held = self._held.get(key)
            near = held is not None and abs(moment - held.moment) <= SECONDS
            if held is not None and near and self._holds(held, events, now):
                self._held.move_to_end(key)
                return held
        codes, values = count()
        order = np.argsort(-values, kind="stable")
        found = _Counted(codes[order], values[order], events, now, moment)
        with self._lock:
            self._held[key] = found
            self._held.move_to_end(key)
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)
        return found

    @staticmethod
    def _holds(held: _Counted, events: int, now: float) -> bool:
        return 0 <= events - held.events <= held.events // _CHANGED and now - held.at <= SECONDS


class AssociationsOfCollections:
    """Of the collections that were asked lately."""

    def __init__(self) -> None:
        self._held: dict[int, Associations] = {}
        self._lock = threading.Lock()

    def of(self, actions: Actions) -> Associations:
        """Of one collection."""
        with self._lock:
            # Each holds its actions, so that no others get their address.
            return self._held.setdefault(id(actions), Associations(actions))
