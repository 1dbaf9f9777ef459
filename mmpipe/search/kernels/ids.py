"""The order of rows by id: merged from the fragments' own orders, carried from one version to the next,
searched.

A table, int64 ``(F, 5)``, describes the fragments: first row, rows, and the addresses of where each id
starts (int64), of the ids' bytes, and of the rows' offsets in order (int32). ``owner`` int32 gives per 64
rows their fragment. Ids compare by their bytes, equal ones by row.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import as_i32, as_i64, as_u8

Rows = NDArray[np.int32]
Table = NDArray[np.int64]
Bytes = NDArray[np.uint8]

# In place of how far a row moves: its fragment is gone.
GONE = np.int64(np.iinfo(np.int64).min)


@njit("int64(uint8[::1], uint8[::1])", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _compare(left: Bytes, right: Bytes) -> int:
    for i in range(min(len(left), len(right))):
        if left[i] != right[i]:
            return -1 if left[i] < right[i] else 1
    return len(left) - len(right)


@njit("uint8[::1](int64[:, ::1], int64, int64)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _id(table: Table, fragment: int, offset: int) -> Bytes:
    start = as_i64(table[fragment, 2])
    first = start[offset]
    found: Bytes = carray(as_u8(table[fragment, 3] + first), start[offset + 1] - first)
    return found


@njit("boolean(int64[:, ::1], int32[::1], int64, int64)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _row_before(table: Table, owner: Rows, row: int, other: int) -> bool:
    f, g = owner[row >> 6], owner[other >> 6]
    order = _compare(_id(table, f, row - table[f, 0]), _id(table, g, other - table[g, 0]))
    return order < 0 or (order == 0 and row < other)


@njit("void(int64[:, ::1], int64[::1], int64[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sift(table: Table, heads: NDArray[np.int64], heap: NDArray[np.int64], at: int, size: int) -> None:
    """Restore the heap of fragments, whose root has the first head, from ``at`` downwards."""
    f = heap[at]
    offset = heads[f]
    own = _id(table, f, offset)
    row = table[f, 0] + offset
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        g = heap[child]
        other, other_row = _id(table, g, heads[g]), table[g, 0] + heads[g]
        if child + 1 < size:
            h = heap[child + 1]
            third, third_row = _id(table, h, heads[h]), table[h, 0] + heads[h]
            order = _compare(third, other)
            if order < 0 or (order == 0 and third_row < other_row):
                child, other, other_row = child + 1, third, third_row
        order = _compare(own, other)
        if order < 0 or (order == 0 and row < other_row):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = f


@njit("int32[::1](int64[:, ::1], int64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def merged(table: Table, chosen: NDArray[np.int64]) -> Rows:
    """The rows of the chosen fragments in order."""
    heads = np.zeros(len(table), np.int64)
    places = np.zeros(len(table), np.int64)
    heap = np.empty(len(chosen), np.int64)
    size = 0
    total = 0
    for f in chosen:
        if table[f, 1]:
            heads[f] = as_i32(table[f, 4])[0]
            heap[size] = f
            size += 1
            total += table[f, 1]
    for at in range(size // 2 - 1, -1, -1):
        _sift(table, heads, heap, at, size)
    order = np.empty(total, np.int32)
    for i in range(total):
        f = heap[0]
        order[i] = table[f, 0] + heads[f]
        places[f] += 1
        if places[f] == table[f, 1]:
            size -= 1
            heap[0] = heap[size]
        else:
            heads[f] = as_i32(table[f, 4])[places[f]]
        if size:
            _sift(table, heads, heap, 0, size)
    return order


@njit("int32[::1](int32[::1], int64[::1], int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def moved(order: Rows, by: NDArray[np.int64], count: int) -> Rows:
    """An order's rows, each moved by its entry in ``by`` (per 64 rows), without those that are
    :data:`GONE`; ``count`` stay."""
    kept = np.empty(count, np.int32)
    size = 0
    for row in order:
        step = by[row >> 6]
        if step != GONE:
            kept[size] = row + step
            size += 1
    return kept


@njit("int32[::1](int64[:, ::1], int32[::1], int32[::1], int32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def inserted(table: Table, owner: Rows, kept: Rows, fresh: Rows) -> Rows:
    """Two orders as one. Costs a copy and, per row of ``fresh``, the search of its place."""
    order = np.empty(len(kept) + len(fresh), np.int32)
    done = 0
    for i in range(len(fresh)):
        row = np.int64(fresh[i])
        # Doubling steps from the last place, then halving: short where many rows are fresh, too.
        step = 1
        low, high = done, done
        while high < len(kept) and _row_before(table, owner, np.int64(kept[high]), row):
            low = high + 1
            high += step
            step *= 2
        high = min(high, len(kept))
        while low < high:
            middle = (low + high) // 2
            if _row_before(table, owner, np.int64(kept[middle]), row):
                low = middle + 1
            else:
                high = middle
        order[done + i : low + i] = kept[done:low]
        order[low + i] = fresh[i]
        done = low
    order[done + len(fresh) :] = kept[done:]
    return order


@njit("void(int32[::1], int32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def invert(order: Rows, rank: Rows) -> None:
    """Write each row's place in an order."""
    for place in range(len(order)):
        rank[order[place]] = place


@njit("int64(int64[:, ::1], int32[::1], int32[::1], uint8[::1], boolean)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def place_of(table: Table, owner: Rows, order: Rows, wanted: Bytes, behind: bool) -> int:
    """How many rows have a lower id than ``wanted``; with ``behind`` that or an equal one."""
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        row = np.int64(order[middle])
        f = owner[row >> 6]
        found = _compare(_id(table, f, row - table[f, 0]), wanted)
        if found < 0 or (behind and found == 0):
            low = middle + 1
        else:
            high = middle
    return low
