"""The compiled pass of :mod:`mmpipe.search.find.diversity`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(
    "int64[::1](float64[::1], float32[:, ::1], float64, int64)", cache=True, nogil=True, fastmath={"reassoc"}
)  # type: ignore[untyped-decorator]
def pick(
    worth: NDArray[np.float64], vectors: NDArray[np.float32], diversity: float, count: int
) -> NDArray[np.int64]:
    """Places of the first ``count``, at least one, in order: the first, then always the one of those left
    with the highest ``worth`` less ``diversity`` times its highest cosine to one before, 0 at least; of
    equals the first."""
    n, dim = vectors.shape
    likeness = np.zeros(n)
    left = np.ones(n, np.bool_)
    chosen = np.empty(count, np.int64)
    chosen[0] = 0
    left[0] = False
    for size in range(1, count):
        last = vectors[chosen[size - 1]]
        best, place = -np.inf, -1
        for i in range(n):
            if left[i]:
                near = np.float32(0.0)
                row = vectors[i]
                for d in range(dim):
                    near += row[d] * last[d]
                if near > likeness[i]:
                    likeness[i] = near
                value = worth[i] - diversity * likeness[i]
                if place < 0 or value > best:
                    best, place = value, i
        chosen[size] = place
        left[place] = False
    return chosen
