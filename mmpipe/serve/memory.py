"""Memory that was freed, back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

# Parameters of mallopt(3), and what is set here in bytes. Arrays over a catalogue of a million products are
# smaller than the first, and a search has a few of them: what they are made of stays at hand.
_TRIM_THRESHOLD: Final = -1, 32 << 20
_MMAP_THRESHOLD: Final = -3, 16 << 20
_ARENA_MAX: Final = -8, 2


def keep_little_memory() -> None:
    """Bound what this process keeps of what it has freed, from now on; nothing where the C library has no
    such call. For the start of a process, before there are threads.

    Left alone, glibc takes a large block that is freed for one that will be needed again, keeps blocks of
    that size (up to 32 MB) from then on, and twice as much at the end of each thread's own heap, of which
    there are eight for each core and which no call gives back. So a few large bodies or pictures, each on
    another thread, would leave a process larger for ever.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in (_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX):
            mallopt(parameter, value)


def give_back_memory() -> None:
    """Return what was freed lately. Takes milliseconds, so is not for the event loop; does nothing where the
    C library has no such call."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found
