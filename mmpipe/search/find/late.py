"""Late and hybrid fusion of a query's scores, where early fusion searches by one fused vector.

``late`` asks every modality's vectors by themselves and combines the scores (:mod:`mmpipe.fusion.late`);
``hybrid`` lets the fused vector find the candidates and re-scores just those the same way. Late scores every
row of every modality: its cost grows with the catalogue, and no inverted list helps. Both know each
modality's share of a score from the start.
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
    """Candidates by falling score, and each product modality's share of any row's score; the shares sum to
    the score."""

    rows: Rows
    scores: Scores
    split: Split


def search(version: Version, question: Question, mask: Words) -> Found | None:
    """At most ``question.depth`` candidates (hybrid) or the union of as many per pair of modalities (late),
    ties by id; None where no row under the mask has a vector that the query's modalities are held against.
    """
    asked = {m: w for m, w in question.modality_weights.items() if w > 0 and m in question.modality_vectors}
    chosen = late.pairs(version.fusion.info, asked, version.modalities)
    if not chosen or question.vector is None:
        return None
    rank, depth = version.ids.rank, question.depth
    near = None
    if question.mode == "hybrid":
        near = np.sort(version.fused.nearest(question.vector, mask, depth, rank)[0])
    bands: list[late.Band] = []
    proposed: list[Rows] = []
    for pair in chosen:
        column, vector = version.vectors[vector_column(pair.held)], question.modality_vectors[pair.asked]
        if near is None:
            rows, scores = column.scan(vector, mask & version.fused.present)
        else:
            rows = near[has(column.present, near)]
            scores = column.score(rows, vector)
        bands.append(late.Band.of(scores, depth))
        proposed.append(rows[top_scores(rows, scores.astype(np.float64), rank, depth)])
    rows = np.unique(np.concatenate(proposed if near is None else [near]))
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
    order = top_scores(rows, total.astype(np.float64), rank, len(rows))
    return Found(rows[order], total[order], split)
