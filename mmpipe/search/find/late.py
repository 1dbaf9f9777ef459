"""Late fusion of a query's scores, where others search by one fused vector.

It asks every modality's vectors by themselves and combines the scores (:mod:`mmpipe.fusion.late`). Every row
of every modality is scored: the cost grows with the catalogue, and no inverted list helps. Each modality's
share of a score is known from the start. The bands that scale the scores are the first page's; later pages
have them from the cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
Bands = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Found:
    """Matches by falling score, and each product modality's share of any row's score; the shares sum to
    the score. ``bands`` are of cosines, one for each pair of modalities."""

    rows: Rows
    scores: Scores
    split: Split
    bands: Bands


def pairs(version: Version, question: Question) -> list[late.Pair]:
    """The pairs of modalities that a question is scored by."""
    asked = {m: w for m, w in question.modality_weights.items() if w > 0 and m in question.modality_vectors}
    return late.pairs(version.fusion.info, asked, version.modalities)


def parts(
    version: Version,
    question: Question,
    chosen: Sequence[late.Pair],
    rows: Rows,
    bands: Bands,
    pictures: Scores | None = None,
) -> Scores:
    """Each pair's share of some rows' scores, see :func:`mmpipe.fusion.late.parts`. With ``pictures`` every
    row has a picture that has these cosines with the query's."""
    cosines, present = [], []
    for pair in chosen:
        column = version.vectors[vector_column(pair.held)]
        if pictures is not None and pair.asked == pair.held == "image":
            cosines.append(pictures)
            present.append(np.ones(len(rows), np.bool_))
        else:
            cosines.append(column.score(rows, question.modality_vectors[pair.asked]))
            present.append(has(column.present, rows))
    return late.parts(chosen, cosines, present, [late.Band(*band) for band in bands])


def search(version: Version, question: Question, mask: Words, pinned: Bands = ()) -> Found | None:
    """The rows that are within the band of any pair of modalities, ties by id. Without ``pinned`` bands, a
    pair's begins at its ``question.depth``-th best cosine. None where no row under the mask has a vector that
    the query's modalities are held against."""
    chosen = pairs(version, question)
    if not chosen or question.vector is None:
        return None
    bands = pinned if len(pinned) == len(chosen) else ()
    known: list[tuple[float, float]] = list(bands)
    proposed: list[Rows] = []
    for place, pair in enumerate(chosen):
        column, vector = version.vectors[vector_column(pair.held)], question.modality_vectors[pair.asked]
        rows, scores = column.scan(vector, mask & version.fused.present)
        if not bands:
            band = late.Band.of(scores, question.depth)
            known.append((band.floor, band.ceiling))
        proposed.append(rows[scores >= known[place][0]])
    rows, fixed = np.unique(np.concatenate(proposed)), tuple(known)
    if not len(rows):
        return None

    def split(wanted: Rows) -> dict[Modality, NDArray[np.float64]]:
        found: dict[Modality, NDArray[np.float64]] = {}
        for pair, part in zip(chosen, parts(version, question, chosen, wanted, fixed), strict=True):
            found[pair.held] = found.get(pair.held, np.zeros(len(wanted))) + part
        return found

    total: Scores = parts(version, question, chosen, rows, fixed).sum(axis=0)
    order = top_scores(rows, total.astype(np.float64), version.ids.rank, len(rows))
    return Found(rows[order], total[order], split, fixed)
