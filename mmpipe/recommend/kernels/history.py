"""What the events of a history say of each of its products."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Weights = NDArray[np.float64]


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int32[::1], float64[::1]))(int32[::1], float64[::1], float64, int64)", cache=True, nogil=True
)
def heaviest(rows: Rows, weights: Weights, cap: float, most: int) -> tuple[Rows, Weights]:
    """The sum of the weights of each row's events, at most ``cap`` times the strongest of them, without those
    that come to 0: at most ``most`` rows, the strongest first, of equals the lowest, and their sums."""
    by_row = np.argsort(rows, kind="mergesort")
    each, total = np.empty(len(rows), np.int32), np.empty(len(rows))
    found, at = 0, 0
    while at < len(rows):
        row, sum_of, strongest = rows[by_row[at]], 0.0, 0.0
        while at < len(rows) and rows[by_row[at]] == row:
            weight = weights[by_row[at]]
            sum_of += weight
            strongest = max(strongest, abs(weight))
            at += 1
        sum_of = min(max(sum_of, -cap * strongest), cap * strongest)
        if sum_of != 0:
            each[found], total[found] = row, sum_of
            found += 1
    order = np.argsort(-np.abs(total[:found]), kind="mergesort")[:most]
    return each[order], total[order]
