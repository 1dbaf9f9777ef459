"""Memory that was freed, back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back_memory() -> None:
    """Return what was freed lately. Takes milliseconds, so is not for the event loop; does nothing where the
    C library has no such call.

    glibc takes a large block that is freed for one that will be needed again, and from then on keeps blocks
    of that size: a thread that once decoded a large picture would hold as much for ever.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found
