"""Maximal marginal relevance: what is shown next is good, and unlike what was shown before.

Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking" (SIGIR 1998): of those left, the next is
the one with the highest ``(1 - diversity) * score - diversity * likeness``, where ``likeness`` is the highest
cosine to one that was chosen. Scores are scaled to [0, 1] over the candidates, so that both are alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.kernels.diversity import pick
from mmpipe.search.kernels.memory import own

Scores = NDArray[np.float64]
Vectors = NDArray[np.float32]


def diversified(scores: Scores, vectors: Vectors, diversity: float, count: int) -> list[int]:
    """Places of the first ``count`` of some candidates, which come best first. ``vectors`` are of unit
    length, zero for one that is like nothing. With ``diversity`` 0 it is their order; with 1 the first, then
    whatever is least like those before."""
    count = min(count, len(scores))
    if diversity <= 0 or count < 2:
        return list(range(count))
    low, high = float(scores.min()), float(scores.max())
    scaled = (scores - low) / (high - low) if high > low else np.zeros(len(scores))
    worth = (1 - diversity) * scaled
    found: list[int] = pick(worth, own(vectors, np.float32), float(diversity), count).tolist()
    return found
