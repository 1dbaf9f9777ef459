"""Late and hybrid fusion of a query's scores, where early fusion searches by one fused vector.

``late`` asks every modality's vectors by themselves and combines the scores (:mod:`mmpipe.fusion.late`);
``hybrid`` lets the fused vector find the candidates and re-scores just those the same way. Late scores every
row of every modality: its cost grows with the catalogue, and no vector index helps. Both know each
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
from mmpipe.search import retrieve
from mmpipe.search.rank_fusion import Candidates
from mmpipe.search.topk import best

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality
    from mmpipe.search.query import EncodedQuery
    from mmpipe.search.snapshot import Snapshot

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]
Shares = dict["Modality", NDArray[np.float64]]


@dataclass(frozen=True)
class Found:
    """Candidates, and each product modality's share of any row's score; the shares sum to the score."""

    candidates: Candidates
    shares: Callable[[Rows], Shares]


def search(
    snapshot: Snapshot, query: EncodedQuery, mask: Mask | None, depth: int, *, hybrid: bool
) -> Found | None:
    """At most ``depth`` candidates (``hybrid``) or the union of ``depth`` per pair of modalities, best first,
    ties by id; None where no row under the mask has a vector that the query's modalities are held against.
    """
    asked = {m: w for m, w in query.modality_weights.items() if w > 0 and m in query.modality_vectors}
    chosen = late.pairs(snapshot.fusion.info, asked, snapshot.modalities)
    if not chosen or query.vector is None:
        return None
    near = None
    if hybrid:
        near, _ = retrieve.by_vector(snapshot, query.vector, mask, depth)
    bands: list[late.Band] = []
    proposed: list[Rows] = []
    eligible = snapshot.has_vector if mask is None else snapshot.has_vector & mask
    for pair in chosen:
        column = snapshot.vectors[vector_column(pair.held)]
        rows = np.flatnonzero(eligible & column.present) if near is None else near[column.present[near]]
        scores = column.score(rows, query.modality_vectors[pair.asked])
        bands.append(late.Band.of(scores, depth))
        proposed.append(best(rows, scores, snapshot.id_rank, depth)[0])
    rows = np.unique(np.concatenate(proposed if near is None else [near]))
    if not len(rows):
        return None

    def parts(wanted: Rows) -> Scores:
        columns = [snapshot.vectors[vector_column(pair.held)] for pair in chosen]
        cosines = [
            c.score(wanted, query.modality_vectors[p.asked]) for c, p in zip(columns, chosen, strict=True)
        ]
        return late.parts(chosen, cosines, [c.present[wanted] for c in columns], bands)

    def shares(wanted: Rows) -> Shares:
        found: Shares = {}
        for pair, part in zip(chosen, parts(wanted), strict=True):
            found[pair.held] = found.get(pair.held, np.zeros(len(wanted))) + part
        return found

    def score(wanted: Rows) -> Scores:
        total: Scores = parts(wanted).sum(axis=0)
        return total

    rows, scores = best(rows, score(rows), snapshot.id_rank, len(rows))
    return Found(Candidates(rows, scores, score, floor=0.0, ceiling=float(scores[0])), shares)
