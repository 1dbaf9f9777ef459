"""Late fusion: every pair of a query's modality and a product's modality scores by itself, then the scores
are combined.

Cosines of different pairs crowd in different bands (a title against titles, a title against pictures), so
each pair's are first scaled between its ``floor``, which counts as nothing, and its ``ceiling``, its best.
The combination is the mean over the pairs a product has, weighted by the modalities' weights: a missing
modality is left out of it and does not count as 0.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES, FusionInfo, Modality

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]
# Cosines of equal vectors differ this much when they are summed in another order.
_NOISE = 1e-5


@dataclass(frozen=True, slots=True)
class Pair:
    """One modality of the query against one of the products; ``weight`` > 0."""

    asked: Modality
    held: Modality
    weight: float


@dataclass(frozen=True, slots=True)
class Band:
    """The cosines that count as nothing and as everything."""

    floor: float
    ceiling: float

    @classmethod
    def of(cls, scores: Scores, depth: int) -> Band:
        """From the ``depth``-th best of some scores (the lowest, if they are fewer) to the best."""
        if not len(scores):
            return cls(0.0, 0.0)
        place = max(len(scores) - depth, 0)
        return cls(float(np.partition(scores, place)[place]), float(scores.max()))


def pairs(info: FusionInfo, asked: Mapping[Modality, float], held: Collection[Modality]) -> list[Pair]:
    """Every pair that counts. ``asked`` are the request's own weights of the query's modalities, ``held`` the
    modalities of which any product has a vector."""
    own = info.weights if len(asked) > 1 else dict.fromkeys(asked, 1.0)
    found = [
        Pair(a, h, float(own.get(a, 0.0)) * asked[a] * float(info.weights.get(h, 0.0)))
        for a in MODALITIES
        if a in asked
        for h in MODALITIES
        if h in held
    ]
    return [pair for pair in found if pair.weight > 0]


def parts(
    chosen: Sequence[Pair], scores: Sequence[Scores], present: Sequence[Mask], bands: Sequence[Band]
) -> Scores:
    """Each pair's share of each row's score, float32 ``(pairs, n)``; the score is their sum, in [0, 1].

    ``scores[i]`` are float32 ``(n,)`` cosines of pair ``i`` and ``present[i]`` which rows have its modality.
    A row that has none scores 0.
    """
    weight = np.stack([np.where(there, p.weight, 0.0) for p, there in zip(chosen, present, strict=True)])
    scaled = np.stack([_scale(s, band) for s, band in zip(scores, bands, strict=True)])
    total = weight.sum(axis=0)
    shares: Scores = (weight * scaled / np.where(total > 0, total, 1.0)).astype(np.float32)
    return shares


def _scale(scores: Scores, band: Band) -> NDArray[np.float64]:
    span = band.ceiling - band.floor
    if span <= _NOISE:
        return (scores >= band.ceiling - _NOISE).astype(np.float64)
    return np.clip((scores.astype(np.float64) - band.floor) / span, 0.0, 1.0)
