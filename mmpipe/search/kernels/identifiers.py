"""Compiled passes over a hash table of texts by number: FNV-1a of 64 bits, linear probing, -1 for empty.

Texts are UTF-8 at an address, where each one starts is int64 at another. Tables have a power of two of slots,
at least one of them empty.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import as_i64, as_u8
from mmpipe.search.kernels.text import fnv1a


@njit("void(int32[::1], int64, int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def insert(slots: NDArray[np.int32], start: int, text: int, first: int, end: int) -> None:
    """Enter the texts ``first`` to ``end - 1``, none of which the table has."""
    starts, last = as_i64(start), len(slots) - 1
    for code in range(first, end):
        slot = np.int64(fnv1a(text, starts[code], starts[code + 1]) & np.uint64(last))
        while slots[slot] >= 0:
            slot = (slot + 1) & last
        slots[slot] = code


@njit("void(int32[::1], int64, int64, int64, int64, int32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def find(
    slots: NDArray[np.int32], start: int, text: int, asked_start: int, asked: int, out: NDArray[np.int32]
) -> None:
    """The number of each of ``len(out)`` texts that are asked for, -1 for one that the table lacks."""
    starts, letters = as_i64(start), as_u8(text)
    begins, wanted, last = as_i64(asked_start), as_u8(asked), len(slots) - 1
    for each in range(len(out)):
        begin, size = begins[each], begins[each + 1] - begins[each]
        slot = np.int64(fnv1a(asked, begin, begin + size) & np.uint64(last))
        out[each] = -1
        while slots[slot] >= 0:
            code = np.int64(slots[slot])
            if starts[code + 1] - starts[code] == size:
                i = 0
                while i < size and letters[starts[code] + i] == wanted[begin + i]:
                    i += 1
                if i == size:
                    out[each] = code
                    break
            slot = (slot + 1) & last
