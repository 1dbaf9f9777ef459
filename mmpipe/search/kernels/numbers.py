"""Compiled passes over numbers, with the tables of :mod:`mmpipe.search.kernels.prices`."""

from __future__ import annotations

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import as_f64, trailing_zeros
from mmpipe.search.kernels.prices import BASE, PRICES, N

_ONE = np.uint64(1)


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int64, float64, float64, float64))(int64[:, ::1], uint64[::1])", cache=True, nogil=True
)
def summary(table: NDArray[np.int64], words: NDArray[np.uint64]) -> tuple[int, float, float, float]:
    """How many rows a bit set has, the least and the greatest of their numbers, and the sum; NaN for the
    least and greatest of none.

    The sum is compensated (Neumaier, ZAMM 54, 1974), so that it hardly depends on the order of the rows.
    """
    count, low, high, total, lost = 0, np.inf, -np.inf, 0.0, 0.0
    for f in range(len(table)):
        n, first = table[f, N], table[f, BASE] >> 6
        numbers = carray(as_f64(table[f, PRICES]), n)
        for w in range((n + 63) >> 6):
            word = words[first + w]
            while word:
                number = numbers[(w << 6) + trailing_zeros(word)]
                word &= word - _ONE
                count += 1
                low, high = min(low, number), max(high, number)
                added = total + number
                if abs(total) >= abs(number):
                    lost += (total - added) + number
                else:
                    lost += (number - added) + total
                total = added
    if count == 0:
        return 0, np.nan, np.nan, 0.0
    return count, low, high, total + lost
