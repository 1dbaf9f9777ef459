"""Several ranked lists to one: weighted reciprocal rank fusion.

score(d) = sum over lists of w / (K + rank(d)), ranks from 1, nothing for a list that lacks d. Cormack, Clarke
and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009,
with their K = 60. It needs no calibration between BM25, which has no upper bound, and cosines, which differ
in range from model to model. A single list keeps its own scores: there is nothing to fuse, and a cosine says
more than a rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
K = 60.0


@dataclass(frozen=True)
class RankedList:
    """``rows`` from best to worst, each once, with the list's own ``scores``; ``weight`` > 0."""

    rows: Rows
    scores: NDArray[np.float32]
    weight: float = 1.0


@dataclass(frozen=True)
class Fused:
    """The union of the lists, best first. ``shares[i]`` is list i's part of each score: they sum to
    ``scores``."""

    rows: Rows
    scores: NDArray[np.float64]
    shares: tuple[NDArray[np.float64], ...]


def fuse(lists: Sequence[RankedList], id_rank: NDArray[np.int32]) -> Fused:
    """Fuse the lists; equal scores by rising id."""
    if not lists:
        return Fused(np.zeros(0, np.int64), np.zeros(0), ())
    if len(lists) == 1:
        own = lists[0].scores.astype(np.float64)
        return Fused(lists[0].rows, own, (own,))
    rows, place = np.unique(np.concatenate([ranked.rows for ranked in lists]), return_inverse=True)
    shares = np.zeros((len(lists), len(rows)))
    offset = 0
    for index, ranked in enumerate(lists):
        count = len(ranked.rows)
        shares[index, place[offset : offset + count]] = ranked.weight / (K + np.arange(1, count + 1))
        offset += count
    scores = shares.sum(axis=0)
    order = np.lexsort((id_rank[rows], -scores))
    return Fused(rows[order], scores[order], tuple(share[order] for share in shares))
