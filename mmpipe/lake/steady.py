"""A clock that does not jump, for what is judged by its age, and how far the machine's own did, for what
others dated by it: versions of tables, files."""

from __future__ import annotations

import threading
import time
from typing import Final

_STARTED = time.time() - time.monotonic()
# Less is how clocks are kept right.
_JUMP_SECONDS: Final = 1.0
# Jumps are remembered for so long.
REMEMBERED_SECONDS: Final = 6 * 3_600.0


def steady_time() -> float:
    """Unix seconds as this process's clock had them at its start, and as much as passed since: whoever sets
    the machine's clock makes nothing old or new."""
    return _STARTED + time.monotonic()


class Jumps:
    """How far the machine's clock was set while this process lives, a suspension counted too; what came
    before is not known. Each counts from the first look after it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = time.time() - time.monotonic()
        self._seen: list[tuple[float, float]] = []

    def lately(self, seconds: float) -> tuple[float, float]:
        """How it was set in the last ``seconds``, of :data:`REMEMBERED_SECONDS` at most: by how many seconds
        more it was set forward than back since some moment, so that what was dated then looks older; and how
        far it fell between two moments, so that what was dated at the second looks as much older beside what
        was at the first. The most of each, however often it was set."""
        with self._lock:
            now = time.monotonic()
            by = time.time() - now - self._offset
            if abs(by) >= _JUMP_SECONDS:
                self._offset += by
                self._seen.append((now, by))
            self._seen = [each for each in self._seen if now - each[0] <= REMEMBERED_SECONDS]
            jumps = [by for at, by in self._seen if now - at < seconds]
        since = forward = fall = back = 0.0
        for by in reversed(jumps):
            since, fall = since + by, max(0.0, fall - by)
            forward, back = max(forward, since), max(back, fall)
        return forward, back


JUMPS: Final = Jumps()
