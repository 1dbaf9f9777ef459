"""The compiled pass of :mod:`mmpipe.recommend.kinds.strength`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Counted = NDArray[np.int32]
Weights = NDArray[np.float64]


@njit(  # type: ignore[untyped-decorator]
    "float64[::1](int32[::1], int32[::1], int64, int64, int64, int64, float64)", cache=True, nogil=True
)
def strengths(
    both: Counted, totals: Counted, of_item: int, sampled: int, shoppers: int, least: int, shrinkage: float
) -> Weights:
    """Per item how strongly it goes with the one that was asked, in [0, 1]; 0 below ``least`` in common."""
    found = np.zeros(len(both))
    for i in range(len(both)):
        if both[i] >= least:
            common, total = float(both[i]), float(max(totals[i], 1))
            share = common / max(sampled, 1)
            if share * shoppers / total >= 1.0:
                cosine = min(share * math.sqrt(of_item / total), 1.0)
                found[i] = cosine * common / (common + shrinkage)
    return found
