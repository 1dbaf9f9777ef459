"""Products found by the photos of their reviews.

A photo that a reviewer took stands beside the shop's own pictures, whichever way a query by a picture meets
those (:attr:`Question.mode`). Where scores lean to them (:mod:`mmpipe.search.find.lean`) its cosine is
brought to where the others' scores are in the same way; in early fusion as if they did, for a photo is
another picture of its product, not a part of the fused vector; in late fusion
(:mod:`mmpipe.search.find.late`) it is scaled as their cosines are. What it then has above the floor counts a
little less than it would of the shop's own picture (:data:`TRUST`), where that is more than the product earns
by itself. So no photo takes anything from its product, the best one alone counts however many there are, and
a score follows from the product, its photos and the scales of the first page: pages and facets are made as
ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find import late, lean
from mmpipe.search.find.scoring import Lean

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality
    from mmpipe.search.find.question import Question
    from mmpipe.search.find.scoring import VectorScale
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Scores = NDArray[np.float32]
# Products with a photo, ascending, what each scores by itself, and what by its best photo.
Measured = tuple[Rows, Scores, Scores]
NAME: Final = "review_photo"
# Of what a reviewer's photo has above the floor so much counts: who took it, and of what, nobody at the shop
# knows. By `benchmarks/review_photos.py`, see docs/search.md.
TRUST: Final = 0.9


@dataclass(frozen=True)
class Photographed:
    """Rows near by vector, ascending, with what they score by themselves, and what the best photo of their
    reviews adds to that, float32, 0 for none."""

    rows: Rows
    scores: Scores
    gained: Scores


def takes_part(version: Version, question: Question) -> bool:
    """Whether a question asks for products' pictures by a picture, and the version has photos of reviews."""
    return version.photos is not None and question.photo_weight > 0 and question.vector is not None


def photographed(
    version: Version, question: Question, mask: Words, scale: VectorScale, rows: Rows, scores: Scores
) -> Photographed:
    """Rows near by vector, which score ``scores``, and others under ``mask`` that a photo brings to the floor
    of ``scale``: of the photos nearest to the query, as many as :class:`Question` looks at products."""
    measure = _in_bands if question.mode == "late" else _leaning
    found, mine, by_photo = measure(version, question, mask, scale)
    counts = np.isin(found, rows) | (by_photo >= np.float32(scale.floor))
    found, mine, by_photo = found[counts], mine[counts], by_photo[counts]
    every = np.union1d(rows, found).astype(np.int32)
    total, gained = np.empty(len(every), np.float32), np.zeros(len(every), np.float32)
    total[np.searchsorted(every, found)] = mine
    total[np.searchsorted(every, rows)] = scores
    at = np.searchsorted(every, found)
    gained[at] = np.maximum(by_photo - total[at], np.float32(0))
    return Photographed(every, total, gained)


def _leaning(version: Version, question: Question, mask: Words, scale: VectorScale) -> Measured:
    assert version.photos is not None
    assert question.vector is not None
    asks = [m for m, weight in question.modality_weights.items() if weight > 0]
    near = version.fusion.nearness("image") if asks == ["image"] else 1.0
    leans = _leans(question, scale, near)
    photos, asked = version.photos, question.modality_vectors["image"]
    found, cosines = photos.above(asked, mask, _lowest(leans, scale.floor), question.depth)
    fused = version.fused.score(found, question.vector)
    own = lean.cosines(version, {m: question.modality_vectors[m] for m in leans}, found)
    mine = lean.leaned(tuple(each for each in scale.leans if each.modality in leans), fused, own)
    return found, mine, _by_photo(leans, scale, fused, own, cosines, near)


def _in_bands(version: Version, question: Question, mask: Words, scale: VectorScale) -> Measured:
    """Nothing where products have no pictures: no band tells where the cosines of pictures are."""
    assert version.photos is not None
    chosen = late.pairs(version, question)
    at = [place for place, pair in enumerate(chosen) if pair.asked == pair.held == "image"]
    if not at or len(scale.bands) != len(chosen):
        return np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.float32)
    floor = scale.bands[at[0]][0]
    found, cosines = version.photos.above(question.modality_vectors["image"], mask, floor, question.depth)
    counted = (floor + TRUST * (cosines - floor)).astype(np.float32)
    mine = late.parts(version, question, chosen, found, scale.bands).sum(axis=0)
    by_photo = late.parts(version, question, chosen, found, scale.bands, counted).sum(axis=0)
    return found, mine, by_photo


def _by_photo(
    leans: Mapping[Modality, Lean],
    scale: VectorScale,
    fused: Scores,
    own: lean.Own,
    cosines: Scores,
    near: float,
) -> Scores:
    """What products score with a photo in place of their own picture."""
    image = leans["image"]
    others = lean.leaned(tuple(each for m, each in leans.items() if m != "image"), fused, own)
    # The line was drawn through the shop's pictures: where these are all unlike the query it leads anywhere.
    moved = np.minimum(image.moved(cosines), np.maximum(near * cosines, scale.best))
    counted = scale.floor + TRUST * (moved - scale.floor)
    total: Scores = (others + image.weight * (counted - fused)).astype(np.float32)
    return np.where(moved > scale.floor, total, np.float32(-np.inf))


def _leans(question: Question, scale: VectorScale, near: float) -> Mapping[Modality, Lean]:
    """What scores lean by, and the line for a photo: where products have no pictures of their own to tell
    where the cosines of pictures are, a photo that is the query is as near as a fused vector can be."""
    found: dict[Modality, Lean] = {
        each.modality: each for each in scale.leans if each.modality in question.leaning
    }
    image = found.get("image", Lean("image", 0.0, 0.0, near))
    return {**found, "image": replace(image, weight=question.photo_weight)}


def _lowest(leans: Mapping[Modality, Lean], floor: float) -> float:
    """The cosine below which no photo brings a product to the floor, whatever else speaks for it."""
    image = leans["image"]
    rest = sum(each.weight * max(0.0, each.offset + each.slope) for m, each in leans.items() if m != "image")
    rest += max(0.0, 1.0 - sum(each.weight for each in leans.values()))
    needed = floor + max(0.0, (floor - rest) / image.weight - floor) / TRUST
    return (needed - image.offset) / image.slope if image.slope > 0 else -1.0
