"""Scores that lean to the query's own modality: candidates of the fused vector, told apart by their texts or
pictures.

A fused vector is of everything that a product has, so a query of one modality tells two candidates apart less
well by it than by their vectors of that same modality. So the fused vector finds the candidates, and what
scores them is mostly the cosine of words with the product's words and of a photo with its photos. Cosines of
modalities crowd in different bands (a photo with photos, a photo with what texts and photos make), so a
modality's are first brought to where the candidates' fused cosines are, by mean and spread. A product that
lacks the modality keeps its fused cosine and so competes on equal terms.

What brings them there is fixed by the first page (:class:`~mmpipe.search.find.scoring.Lean`): a score follows
from the product itself and from that, whatever else is there later, and shards agree on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import Modality
from mmpipe.lake.schema import vector_column
from mmpipe.search.find.scoring import COSINE_NOISE, Lean, VectorScale
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
Shares = NDArray[np.float64]
Own = Mapping[Modality, Scores]

# How far a query of one modality leans, and one of several; of the latter, what each has beside the other.
# By KAGL's products and half of the queries, see docs/models/fusion.md. Of sounds and clips nothing is known
# that could be gone by: they find by the fused vector.
_ALONE = 0.95
# Of words that full text counts already the pictures say more than the texts once again.
_COUNTED = 0.3
# A mean of words and looks tells neither apart as well as the two side by side do.
_TOGETHER, _TOGETHER_APART = 0.7, 0.2
_SIDES: Mapping[Modality, float] = {"text": 0.6, "image": 0.4}


def towards(
    weights: Mapping[Modality, float], rest: float = 0.0, *, apart: bool, counted: bool = False
) -> dict[Modality, float]:
    """How far a query leans to products' vectors of each of its modalities: parts of a score, less than 1 in
    all; the rest is the fused cosine's. ``weights`` are those of its modalities, ``rest`` that of what is
    asked besides and has none. ``apart``: words and looks are in fused vectors
    (:attr:`~mmpipe.encoders.base.FusionInfo.apart`). ``counted``: full text takes part."""
    words = counted and not any(weights.get(m, 0.0) > 0 for m in _SIDES if m != "text")
    return _sides(weights, rest, _COUNTED if words else _ALONE, _TOGETHER_APART if apart else _TOGETHER)


def photo(weights: Mapping[Modality, float], rest: float = 0.0) -> float:
    """The part of a score that a photo of a review may stand for: at least what scores lean to the
    shop's own pictures, which are in the fused vector as well."""
    return _sides(weights, rest, _ALONE, _TOGETHER).get("image", 0.0)


def _sides(
    weights: Mapping[Modality, float], rest: float, alone: float, together: float
) -> dict[Modality, float]:
    sides = {m: side * weights[m] for m, side in _SIDES.items() if weights.get(m, 0.0) > 0}
    if not sides:
        return {}
    reach = alone if len(sides) == 1 else together
    share = sum(weights[m] for m in sides) / (sum(weights.values()) + rest)
    return {m: reach * share * side / sum(sides.values()) for m, side in sides.items()}


@dataclass(frozen=True)
class Leaning:
    """A query's ``vector`` and those of its ``modalities``, and the ``leans`` of its scores."""

    vector: Vectors
    modalities: Mapping[Modality, Vectors]
    leans: tuple[Lean, ...]

    def split(self, version: Version, rows: Rows) -> dict[Modality, Shares]:
        """What each modality of some rows adds to their scores, float64; they sum to the scores but for
        rounding."""
        own = cosines(version, {lean.modality: self.modalities[lean.modality] for lean in self.leans}, rows)
        fused = np.ones(len(rows))
        moved: dict[Modality, Shares] = {}
        for lean in self.leans:
            there = ~np.isnan(own[lean.modality])
            fused -= lean.weight * there
            moved[lean.modality] = lean.weight * np.where(there, lean.moved(own[lean.modality]), 0.0)
        return {
            m: fused * version.parts[m].score(rows, self.vector) + moved.get(m, 0.0)
            for m in version.modalities
        }


def cosines(version: Version, asked: Mapping[Modality, Vectors], rows: Rows) -> dict[Modality, Scores]:
    """Some rows' cosines with a query's vectors, each by that modality of the products, float32; NaN for a
    row that lacks it."""
    found: dict[Modality, Scores] = {}
    for modality, vector in asked.items():
        column = version.vectors[vector_column(modality)]
        there = has(column.present, rows)
        scores = column.score(rows, vector)
        found[modality] = scores if there.all() else np.where(there, scores, np.float32(np.nan))
    return found


def leaned(leans: tuple[Lean, ...], fused: Scores, own: Own) -> Scores:
    """Fused cosines, as they lean: float32."""
    total = fused.astype(np.float64)
    for lean in leans:
        moved = lean.moved(own[lean.modality]) - fused
        total += lean.weight * np.where(np.isnan(moved), 0.0, moved)
    return total.astype(np.float32)


def settle(
    scale: VectorScale, leaning: Mapping[Modality, float], nearest: Scores, own: Own, depth: int
) -> VectorScale:
    """A scale with what scores lean by, from the nearest products: their fused cosines, best first, and those
    of each modality. Of more than ``depth`` the ones beyond do not count, nor do equals on both sides of that
    border, so that the order of equals bears on nothing. A modality that is not among ``own`` takes no
    part."""
    inside = len(nearest)
    if inside > depth:
        inside = int(np.count_nonzero(nearest > nearest[depth]))
    fused = nearest[:inside]
    found = []
    for modality, scores in own.items():
        lean = _lean(modality, leaning[modality], fused, scores[:inside])
        if lean is not None:
            found.append(lean)
    if not found:
        return scale
    leans = tuple(found)
    highest = leaned(leans, fused, {m: scores[:inside] for m, scores in own.items()}).max()
    return replace(scale, best=max(scale.best, float(highest)), leans=leans)


def _lean(modality: Modality, weight: float, fused: Scores, own: Scores) -> Lean | None:
    """None where too few have the modality, or all alike, to tell where its cosines are."""
    there = ~np.isnan(own)
    # Sorted, so that equal candidates give equal bits in whatever order they came.
    wanted, given = (np.sort(scores[there].astype(np.float64)) for scores in (fused, own))
    if len(given) < 2 or (spread := float(given.std())) <= COSINE_NOISE:
        return None
    slope = float(wanted.std()) / spread
    return Lean(modality, weight, float(wanted.mean()) - slope * float(given.mean()), slope)
