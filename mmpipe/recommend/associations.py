"""What goes with an item, and what is wanted most, counted once for the many who ask.

Counting passes over hundreds of shoppers or over all items, and a few items are asked for again and again:
what was counted is kept for a moment (:mod:`mmpipe.recommend.momentary`).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.kinds.strength import LEAST, strengths
from mmpipe.recommend.momentary import SECONDS, Momentary

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmpipe.recommend.signals import Actions, Codes


class _Counted(NamedTuple):
    codes: Codes
    values: NDArray[np.float64]
    # The Unix seconds that the values are of, where they are of a moment.
    moment: float = 0.0


class Associations:
    """Of the items of ``actions``. Safe for many threads."""

    def __init__(self, actions: Actions, clock: Callable[[], float] = time.monotonic) -> None:
        self.actions = actions
        self._kept: Momentary[_Counted] = Momentary(lambda: actions.event_count, clock)

    def of(
        self, code: int, kind: Literal["bought", "viewed"], shoppers: int
    ) -> tuple[Codes, NDArray[np.float64]]:
        """The items that the latest ``shoppers`` of an item also bought or viewed, and how strongly each goes
        with it, above 0, the strongest first; see :func:`~mmpipe.recommend.kinds.strength.strengths`. Not for
        changing."""

        def count() -> _Counted:
            counts = self.actions.together(code, kind=kind, limit=shoppers, least=LEAST)
            values = strengths(counts)
            some = values > 0
            return _falling(counts.codes[some], values[some])

        found = self._kept.of((code, kind, shoppers), count)
        return found.codes, found.values

    def popular(self) -> tuple[Codes, NDArray[np.float64]]:
        """The items with events, and these counted, the most first. Not for changing."""
        found = self._kept.of("popular", lambda: _falling(*self.actions.popular()))
        return found.codes, found.values

    def trending(self, now: float, half_life_seconds: float) -> tuple[Codes, NDArray[np.float64]]:
        """The items with events, and these counted with a half-life at ``now`` (Unix seconds), the most
        first."""

        def count() -> _Counted:
            return _falling(*self.actions.trending(now, half_life_seconds), now)

        found = self._kept.of(
            ("trending", half_life_seconds), count, lambda held: abs(now - held.moment) <= SECONDS
        )
        if found.moment == now:
            return found.codes, found.values
        # All fade alike, so their order holds at any moment.
        return found.codes, found.values * 2.0 ** ((found.moment - now) / half_life_seconds)


def _falling(codes: Codes, values: NDArray[np.float64], moment: float = 0.0) -> _Counted:
    order = np.argsort(-values, kind="stable")
    return _Counted(codes[order], values[order], moment)


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
