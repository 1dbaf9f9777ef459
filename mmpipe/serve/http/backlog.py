"""How many requests a process takes on, so that those it takes are answered in time.

Searches run on the event loop, one after the other: what arrives faster than they end waits, and every
answer comes later than the one before. So how long a request would take is reckoned when it arrives, from
those that are not answered yet and from the time between two answers of late (Little's law); one that would
take too long is refused at once, which costs a small part of answering it. The first :data:`ALWAYS` never
are: between the steps of a single one the loop would do nothing but refuse.

Bursts are no overload: as long as nothing was waiting within the last :data:`STANDING_SECONDS`, a request may
take ``burst_seconds``. Behind a queue that stands it has only ``standing_seconds`` (B. Maurer, *Fail at
Scale*, ACM Queue 2015, after CoDel, RFC 8289).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

STANDING_SECONDS: Final = 0.1
ALWAYS: Final = 8
# Between two answers, before that was measured; a search of a small catalogue takes about that.
_FIRST_SECONDS: Final = 0.001
_WEIGHT: Final = 0.05
_PLACE: Final = "mmpipe.place"


class Backlog:
    """The requests of one event loop that wait for it. ``refused`` counts those that were not taken."""

    def __init__(
        self,
        burst_seconds: float,
        standing_seconds: float,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._burst_seconds = burst_seconds
        self._standing_seconds = min(standing_seconds, burst_seconds)
        self._clock = clock
        self._each = _FIRST_SECONDS
        self._empty_at = clock()
        self._left_at: float | None = None
        self.waiting = 0
        self.refused = 0

    def enter(self, scope: Any) -> bool:
        """Whether the request that has just arrived is taken; if so it waits until :func:`leave`."""
        if self.waiting:
            standing = self._clock() - self._empty_at > STANDING_SECONDS
            limit = self._standing_seconds if standing else self._burst_seconds
            if self.waiting >= ALWAYS and self.waiting * self._each > limit:
                self.refused += 1
                return False
        else:
            self._empty_at = self._clock()
        self.waiting += 1
        scope[_PLACE] = [self]
        return True

    def left(self) -> None:
        """One that waited does so no more."""
        now = self._clock()
        if self._left_at is not None:
            # One pause of the process must not pass for slow searches.
            took = min(now - self._left_at, 2 * self._each + _FIRST_SECONDS)
            self._each += _WEIGHT * (took - self._each)
        self.waiting -= 1
        # From one to the next is the time of one only where the next waited all the while.
        self._left_at = now if self.waiting else None


def leave(scope: Any) -> None:
    """The request is answered, or goes on without the event loop: it waits for a body, a medium, a commit.
    Nothing where that was said already, or where no backlog counts it."""
    place = scope.get(_PLACE)
    if place:
        # Copies of a scope, as for HEAD, share the list.
        place.pop().left()
