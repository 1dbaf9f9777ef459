"""Late fusion of a query's scores, where others search by one fused vector.

It asks every modality's vectors by themselves and combines the scores (:mod:`mmpipe.fusion.late`). Every row
of every modality is scored: the cost grows with the catalogue, and no inverted list helps. Each modality's
share of a score is known from the start. The bands that scale the scores are the first page's; later pages
have them from the cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.fusion import late
from mmpipe.lake.schema import vector_column
from mmpipe.search.kernels.memory import has
from mmpipe.search.kernels.order import top_scores

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality
    from mmpipe.search.find.question import Question
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Scores = NDArray[np.float32]
Split = Callable[[Rows], dict["Modality", NDArray[np.float64]]]


@dataclass(frozen=True)
class Found:
    """Matches by falling score, and each product modality's share of any row's score; the shares sum to
    the score. ``bands`` are of cosines, one for each pair of modalities."""

    rows: Rows
    scores: Scores
    split: Split
    bands: tuple[tuple[float, float], ...]


def search(
    version: Version, question: Question, mask: Words, pinned: tuple[tuple[float, float], ...] = ()
) -> Found | None:
    """The rows that are within the band of any pair of modalities, ties by id. Without ``pinned`` bands, a
    pair's begins at its ``question.depth``-th best cosine. None where no row under the mask has a vector that
    the query's modalities are held against."""
    asked = {m: w for m, w in question.modality_weights.items() if w > 0 and m in question.modality_vectors}
    chosen = late.pairs(version.fusion.info, asked, version.modalities)
    if not chosen or question.vector is None:
        return None
    bands: list[late.Band] = [late.Band(*band) for band in pinned] if len(pinned) == len(chosen) else []
    known = bool(bands)
    proposed: list[Rows] = []
    for place, pair in enumerate(chosen):
        column, vector = version.vectors[vector_column(pair.held)], question.modality_vectors[pair.asked]
        rows, scores = column.scan(vector, mask & version.fused.present)
        if not known:
            bands.append(late.Band.of(scores, question.depth))
        proposed.append(rows[scores >= bands[place].floor])
    rows = np.unique(np.concatenate(proposed))
    if not len(rows):
        return None

    def parts(wanted: Rows) -> Scores:
        columns = [version.vectors[vector_column(pair.held)] for pair in chosen]
        cosines = [
            c.score(wanted, question.modality_vectors[p.asked]) for c, p in zip(columns, chosen, strict=True)
        ]
        return late.parts(chosen, cosines, [has(c.present, wanted) for c in columns], bands)

    def split(wanted: Rows) -> dict[Modality, NDArray[np.float64]]:
        found: dict[Modality, NDArray[np.float64]] = {}
        for pair, part in zip(chosen, parts(wanted), strict=True):
            found[pair.held] = found.get(pair.held, np.zeros(len(wanted))) + part
        return found

    total: Scores = parts(rows).sum(axis=0)
    order = top_scores(rows, total.astype(np.float64), version.ids.rank, len(rows))
    fixed = tuple((band.floor, band.ceiling) for band in bands)
    return Found(rows[order], total[order], split, fixed)
