"""The best k rows by score, ties by id: the one place where "best" is decided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.vectors import PACKED_MIN_ROWS, has_torch

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Ranks = NDArray[np.int32]


def threshold(scores: Scores, k: int) -> float:
    """The k-th highest of ``scores``; minus infinity where there are no more than k."""
    if len(scores) <= k:
        return float("-inf")
    if len(scores) >= PACKED_MIN_ROWS and has_torch():
        import torch

        # Measured for k = 200 of 42,662: torch 0.09 ms, numpy's partition 0.30 ms.
        return float(torch.topk(torch.from_numpy(scores), k, sorted=True).values[-1])
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def best(rows: Rows, scores: Scores, id_rank: Ranks, k: int) -> tuple[Rows, Scores]:
    """At most k of ``rows`` with their ``scores``, by falling score, equal scores by rising id.

    ``id_rank[row]`` is the place of a row's id among all ids; the cut itself respects ties, too.
    """
    if len(rows) > k:
        keep = scores >= threshold(scores, k)
        rows, scores = rows[keep], scores[keep]
    order = np.lexsort((id_rank[rows], -scores))[:k]
    return rows[order], scores[order]
