"""Python's cycle collector in processes that index large feeds."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# A chunk's rows are hundreds of thousands of objects, and next to none of them in a cycle. By default the
# collector walks through them again and again, and through all modules with them: a sixth of the CPU time.
_THRESHOLDS: Final = (50_000, 20, 100)
_lock = threading.Lock()
_before: list[tuple[int, int, int]] = []


def collect_seldom() -> None:
    """Let this process collect cycles once in 50,000 objects, until it ends: for workers."""
    gc.set_threshold(*_THRESHOLDS)


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """The same for the time of a run, in a process that is the caller's: what it had set counts again when
    the last of the runs at the same time ends."""
    with _lock:
        _before.append(gc.get_threshold())
        collect_seldom()
    try:
        yield
    finally:
        with _lock:
            # Those behind the first hold what the first has set.
            if len(_before) == 1:
                gc.set_threshold(*_before[0])
            _before.pop()
