"""What fixes the scores of one search: statistics of the whole collection, and the scales of both measures.

A match's score follows from the product itself and from a :class:`Scoring`, from nothing else. So shards that
share one agree with one another, and a page cursor that carries one gives an unchanged product the same score
in every later version: pages neither skip nor repeat it.

The full-text weights are those of BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework:
BM25 and Beyond", FnTIR 3(4), 2009) with the idf ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
Both measures are scaled to [0, 1] between what counts as nothing and as everything, weighted and summed
(Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023). Where
only one of them finds anything, its own scores stand: there is nothing to fuse, and a cosine says more than a
scaled one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality

# Cosines of equal vectors differ this much when they are summed in another order.
COSINE_NOISE = 1e-5
# So many of the nearest count, however far they are: a page of something says more than an empty one.
LEAST = 20
Scores = NDArray[np.float32]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """Full-text statistics of living products: how many, their tokens in all, and how many hold each of a
    query's distinct words. Those of shards add up."""

    documents: int
    total_length: int
    holding: tuple[int, ...]

    @classmethod
    def total(cls, parts: Sequence[Statistics]) -> Statistics:
        """Of several shards, asked for the same words; at least one."""
        return cls(
            sum(part.documents for part in parts),
            sum(part.total_length for part in parts),
            tuple(sum(counts) for counts in zip(*(part.holding for part in parts), strict=True)),
        )

    @property
    def average(self) -> float:
        """Tokens of an average product; 1 where there is none."""
        return self.total_length / self.documents if self.total_length and self.documents else 1.0

    def weights(self, times: Sequence[int]) -> NDArray[np.float64]:
        """Each word's weight, float64: its idf, as often as the query repeats it."""
        idf = [math.log1p((self.documents - n + 0.5) / (n + 0.5)) for n in self.holding]
        return np.array([t * weight for t, weight in zip(times, idf, strict=True)], np.float64)


@dataclass(frozen=True)
class TextScale:
    """``required`` of the query's distinct words make a match; ``ceiling`` is the BM25 score that counts as
    everything."""

    statistics: Statistics
    required: int
    ceiling: float

    def scaled(self, scores: Scores) -> Shares:
        """BM25 scores, float32, on the way from 0 to the ceiling, float64 in [0, 1]."""
        return np.minimum(scores.astype(np.float64) / self.ceiling, 1.0)


@dataclass(frozen=True)
class Lean:
    """Of a score by vector ``weight`` in [0, 1] is the cosine of the product's own vector of one modality, as
    far as it has one, brought to where fused cosines are: ``offset + slope * cosine``."""

    modality: Modality
    weight: float
    offset: float
    slope: float

    def moved(self, cosines: Scores) -> Shares:
        """Cosines brought there, float64."""
        return self.offset + self.slope * cosines.astype(np.float64)


@dataclass(frozen=True)
class VectorScale:
    """The cosines that count as nothing and as everything; a product below ``floor`` is no match. With
    ``leans`` the floor is still one of fused cosines and ``best`` one of scores that lean. With late fusion
    a product below the first of all ``bands`` is no match, see :class:`mmpipe.fusion.late.Band`."""

    floor: float
    best: float
    leans: tuple[Lean, ...] = ()
    bands: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(
        cls, nearest: Scores, relevance: float, far: float | None = None, near: float | None = None
    ) -> VectorScale | None:
        """From the cosines of the nearest products, best first: the floor is the last of them, or
        ``relevance`` times the best where that is above 0 and more, but never above the :data:`LEAST`-th.
        It is not below ``far``, nor what counts as everything below ``near``, where these are known: a list
        that is scaled to its own best makes noise look sure. None where there are none."""
        if not len(nearest):
            return None
        best, last = float(nearest[0]), float(nearest[-1])
        if far is not None and best < far:
            return None
        cut = min(relevance * best, float(nearest[min(LEAST, len(nearest)) - 1]))
        floor = max(last, cut) if cut > 0 else last
        return cls(floor if far is None else max(floor, far), best if near is None else max(best, near))

    def scaled(self, scores: Scores) -> Shares:
        """Cosines between floor (0) and best (1), float64; all 1 or 0 where the two are one."""
        span = self.best - self.floor
        if span <= COSINE_NOISE:
            return (scores >= self.best - COSINE_NOISE).astype(np.float64)
        return np.clip((scores.astype(np.float64) - self.floor) / span, 0.0, 1.0)


@dataclass(frozen=True)
class Scoring:
    """The scales of the measures that find anything, and what each weighs; both weights sum to 1 where both
    take part."""

    text: TextScale | None
    vector: VectorScale | None
    text_weight: float
    vector_weight: float

    @classmethod
    def of(
        cls, text: TextScale | None, vector: VectorScale | None, text_weight: float, vector_weight: float
    ) -> Scoring:
        """With weights that need not sum to 1."""
        total = text_weight + vector_weight if text is not None and vector is not None else 1.0
        if total == 1.0:
            return cls(text, vector, text_weight, vector_weight)
        return cls(text, vector, text_weight / total, vector_weight / total)

    @property
    def span(self) -> float:
        """How far apart the scores of matches may be: what a shopper's taste is a share of."""
        if self.vector is None:
            return 0.0 if self.text is None else self.text.ceiling
        return 1.0 if self.text is not None else max(self.vector.best - self.vector.floor, 0.0)

    def text_share(self, scores: Scores) -> Shares:
        """What BM25 scores add to a match's score."""
        if self.text is None or self.vector is None:
            return scores.astype(np.float64)
        return self.text_weight * self.text.scaled(scores)

    def vector_share(self, scores: Scores) -> Shares:
        """What cosines add to a match's score."""
        if self.text is None or self.vector is None:
            return scores.astype(np.float64)
        return self.vector_weight * self.vector.scaled(scores)
