"""The strongest of a long ranking that may be recommended."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import test

Rows = NDArray[np.int32]
Codes = NDArray[np.int32]
Words = NDArray[np.uint64]
Values = NDArray[np.float64]


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int32[::1], float64[::1], boolean))(int32[::1], float64[::1], int32[::1], uint64[::1], int64)",
    cache=True,
    nogil=True,
)
def strongest(
    codes: Codes, values: Values, row_of: Rows, words: Words, count: int
) -> tuple[Rows, Values, bool]:
    """Of items by falling value the first ``count``, at least one, whose rows a bit set holds (``row_of`` by
    code, -1 for none): these rows, ascending, their values, and whether there are more. Of equals at the edge
    the lowest rows are taken. No more items are looked at than it takes."""
    room = min(len(codes), count + 64)
    rows, worth = np.empty(room, np.int32), np.empty(room)
    found, more = 0, False
    for at in range(len(codes)):
        row = row_of[codes[at]]
        if row < 0 or not test(words, row):
            continue
        if found >= count and values[at] < worth[count - 1]:
            more = True
            break
        if found == room:
            room = min(len(codes), 4 * room)
            longer, further = np.empty(room, np.int32), np.empty(room)
            longer[:found], further[:found] = rows[:found], worth[:found]
            rows, worth = longer, further
        rows[found], worth[found] = row, values[at]
        found += 1
    if found > count:
        more = True
        first = count - 1
        while first > 0 and worth[first - 1] == worth[count - 1]:
            first -= 1
        # All of these are worth the same.
        rows[first:found].sort()
        found = count
    order = np.argsort(rows[:found])
    return rows[:found][order], worth[:found][order], more
