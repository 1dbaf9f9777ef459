"""What was counted of all events, kept for a moment for the many who ask the same.

Kept while fewer than one in a thousand of all events came since, and no longer than :data:`SECONDS`, after
which nothing of anybody who was erased meanwhile is left either. In a shop with fewer than a thousand events
everything counts at once.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
SECONDS = 30.0
_CHANGED = 1_000
_KEPT = 2_048


class Momentary(Generic[T]):
    """The latest :data:`_KEPT` answers, by key. ``event_count`` tells how many events there are. Safe for
    many threads; two that ask at once may both count."""

    def __init__(self, event_count: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._event_count = event_count
        self._clock = clock
        # With how many events there were, and when that was.
        self._held: OrderedDict[Hashable, tuple[T, int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, key: Hashable, count: Callable[[], T], still: Callable[[T], bool] | None = None) -> T:
        """What is kept by a key; counted where nothing is, and where it is not ``still`` of use."""
        events, now = self._event_count(), self._clock()
        with self._lock:
            held = self._held.get(key)
            if held is not None and _holds(held, events, now) and (still is None or still(held[0])):
                self._held.move_to_end(key)
                return held[0]
        found = count()
        with self._lock:
            self._held[key] = found, events, now
            self._held.move_to_end(key)
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)
        return found


def _holds(held: tuple[T, int, float], events: int, now: float) -> bool:
    _, counted, at = held
    return 0 <= events - counted <= counted // _CHANGED and now - at <= SECONDS
