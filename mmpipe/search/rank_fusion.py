"""Several candidate lists to one ranking: a convex combination of scaled scores.

Every list can score any row, so a row that one list proposed gets its true score from the others too,
instead of nothing. Each list's scores are scaled to [0, 1] between its ``floor`` and ``ceiling``, then
weighted and summed: score(d) = sum of w_i * (s_i(d) - floor_i) / (ceiling_i - floor_i) over the lists,
weights summing to 1. Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM
TOIS 42(1), 2023, find this better than reciprocal ranks and little sensitive to its one parameter.
Measured here on the 2,048 title queries of the sample catalogue, starter profile: first hit right for 0.988
of English and 0.982 of Chinese titles by reciprocal ranks (K = 60), 0.996 and 0.994 this way.

A single list keeps its own scores: there is nothing to fuse, and a cosine says more than a scaled one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Candidates:
    """What one kind of retrieval proposes.

    ``rows`` from best to worst, each once, with their ``scores``; ``score`` gives the same measure for any
    rows. ``floor`` and ``ceiling`` are the scores that count as nothing and as everything; where they differ
    by no more than ``noise``, the measure tells no rows apart. ``weight`` > 0."""

    rows: Rows
    scores: Scores
    score: Callable[[Rows], Scores]
    floor: float
    ceiling: float
    weight: float = 1.0
    noise: float = 0.0

    def scaled(self, rows: Rows) -> NDArray[np.float64]:
        """The measure of ``rows`` on the way from floor (0) to ceiling (1), held within both."""
        scores = self.score(rows).astype(np.float64)
        span = self.ceiling - self.floor
        if span <= self.noise:
            return (scores >= self.ceiling - self.noise).astype(np.float64)
        return np.clip((scores - self.floor) / span, 0.0, 1.0)


@dataclass(frozen=True)
class Fused:
    """The union of the lists, best first. ``shares[i]`` is list i's part of each score: they sum to
    ``scores``."""

    rows: Rows
    scores: NDArray[np.float64]
    shares: tuple[NDArray[np.float64], ...]


def fuse(lists: Sequence[Candidates], id_rank: NDArray[np.int32]) -> Fused:
    """Fuse the lists; equal scores by rising id."""
    if not lists:
        return Fused(np.zeros(0, np.int64), np.zeros(0), ())
    if len(lists) == 1:
        own = lists[0].scores.astype(np.float64)
        return Fused(lists[0].rows, own, (own,))
    rows = np.unique(np.concatenate([found.rows for found in lists]))
    total = sum(found.weight for found in lists)
    shares = [found.weight / total * found.scaled(rows) for found in lists]
    scores = np.sum(shares, axis=0)
    order = np.lexsort((id_rank[rows], -scores))
    return Fused(rows[order], scores[order], tuple(share[order] for share in shares))
