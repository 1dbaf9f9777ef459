"""Candidates: the best rows by vector and by full text, exact under any filter.

Measured at 256 dimensions, CPU per query: scoring 42,662 vectors in memory 0.3 ms (int8, see
:mod:`mmpipe.search.vectors`) or 1.4 ms (float16), Lance's IVF_RQ 2.0 ms at recall@200 0.95; at 200,000
vectors the scan takes 5 ms. So versions up to ``serve.exact_rows`` are scored whole and larger ones ask the
index. A filter that leaves few rows scores just those; one that leaves many over-fetches from the index and
falls back to scoring where too few candidates pass. Full text: 0.3 ms in memory against 1.1 to 1.4 ms by
Lance's index, and exact under filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.lake.schema import FUSED
from mmpipe.search.rank_fusion import Candidates
from mmpipe.search.topk import best, threshold

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.snapshot import Snapshot

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Gathering a row costs a few times what passing over it in order does.
_GATHER_FRACTION = 6
_GATHER_ROWS = 50_000
_OVERFETCH = 1.5
# Cosines of equal vectors differ this much when they are summed in another order.
_COSINE_NOISE = 1e-5


def by_vector(snapshot: Snapshot, query: Vectors, mask: Mask | None, depth: int) -> tuple[Rows, Scores]:
    """The ``depth`` rows nearest to ``query`` (unit length) with their cosines, best first, ties by id.

    Exact where the version is scored whole or filtered tightly, else as good as the index.
    """
    eligible = snapshot.has_vector if mask is None else snapshot.has_vector & mask
    count = int(np.count_nonzero(eligible))
    if snapshot.ann is not None and count > _GATHER_ROWS:
        k = int(depth * _OVERFETCH * snapshot.rows / count)
        rows = snapshot.rows_at(snapshot.ann.addresses(query, k))
        rows = rows[eligible[rows]]
        if len(rows) >= depth:
            return best(rows, snapshot.vectors[FUSED].score(rows, query), snapshot.id_rank, depth)
    return _exact(snapshot, query, eligible, count, depth)


def by_text(snapshot: Snapshot, tokens: Sequence[str], mask: Mask | None, depth: int) -> Candidates | None:
    """The ``depth`` rows with the highest BM25 score above 0, best first, ties by id; None where no row
    under the mask holds any token. Exact. Counts in full from what holds the whole query, or from the best
    row if that is more."""
    found = snapshot.lexical.scores(tokens)
    if found is None:
        return None
    scores = found.rows if mask is None else np.where(mask, found.rows, np.float32(0))
    least = threshold(scores, depth)
    rows = np.flatnonzero(scores >= least if least > 0 else scores > 0)
    if not len(rows):
        return None
    rows, top = best(rows, scores[rows], snapshot.id_rank, depth)
    ceiling = max(found.whole, float(top[0]))
    return Candidates(rows, top, lambda asked: scores[asked], floor=0.0, ceiling=ceiling)


def nearest(snapshot: Snapshot, query: Vectors, mask: Mask | None, depth: int) -> Candidates | None:
    """:func:`by_vector` as candidates; None where no row under the mask has a vector. The last of them
    counts as nothing: cosines of one model crowd in a narrow band, and only differences within it tell
    rows apart."""
    rows, scores = by_vector(snapshot, query, mask, depth)
    if not len(rows):
        return None
    floor, ceiling = float(scores[-1]), float(scores[0])

    def score(asked: Rows) -> Scores:
        found = snapshot.vectors[FUSED].score(asked, query)
        return np.where(snapshot.has_vector[asked], found, np.float32(floor))

    return Candidates(rows, scores, score, floor, ceiling, noise=_COSINE_NOISE)


def _exact(snapshot: Snapshot, query: Vectors, eligible: Mask, count: int, depth: int) -> tuple[Rows, Scores]:
    vectors = snapshot.vectors[FUSED]
    if count * _GATHER_FRACTION <= snapshot.rows:
        rows = np.flatnonzero(eligible)
        coarse, error = vectors.coarse_of(rows, query)
        near = np.flatnonzero(coarse >= threshold(coarse, depth) - 2 * error)
        rows, coarse = rows[near], coarse[near]
    else:
        coarse, error = vectors.coarse(query)
        if count < snapshot.rows:
            coarse = np.where(eligible, coarse, np.float32("-inf"))
        least = threshold(coarse, depth) - 2 * error
        rows = np.flatnonzero(coarse >= least if np.isfinite(least) else eligible)
        coarse = coarse[rows]
    # A row among the best by its true score is at most twice the error below the depth-th coarse one.
    scores = vectors.score(rows, query) if error else coarse
    return best(rows, scores, snapshot.id_rank, depth)
