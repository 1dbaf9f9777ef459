"""A ranker as the order of a page's first matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import ModelUnavailable
from mmpipe.search.rerank.base import Candidates, Ranker, Scores

if TYPE_CHECKING:
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.rerank.worker import Worker
    from mmpipe.search.versions.version import Version


@dataclass(frozen=True)
class Judge:
    """A :class:`~mmpipe.search.page.window.Reorder`: the first ``candidates`` by what ``ranker`` says within
    ``seconds``. Equals stay as they were."""

    ranker: Ranker
    worker: Worker
    candidates: int
    seconds: float

    def depth(self, limit: int) -> int:
        """See :class:`~mmpipe.search.page.window.Reorder`."""
        return self.candidates

    def order(
        self, version: Version, query: EncodedQuery, rows: NDArray[np.int32], scores: Scores
    ) -> NDArray[np.int64] | None:
        """See :class:`~mmpipe.search.page.window.Reorder`. None where the ranker says nothing, takes too long
        or has not done with another search."""
        candidates = Candidates(version, query.text or "", rows)
        found = self.worker.run(lambda: _judged(self.ranker, candidates), self.seconds)
        return None if found is None else np.argsort(-found, kind="stable")


def _judged(ranker: Ranker, candidates: Candidates) -> Scores | None:
    found = ranker.scores(candidates)
    if found is not None and (found.shape != candidates.rows.shape or not np.isfinite(found).all()):
        raise ModelUnavailable("the ranker did not give each candidate a finite score")
    return found
