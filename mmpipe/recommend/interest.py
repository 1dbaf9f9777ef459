"""The ranker of searches that knows shoppers: how probably each match interests the one who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.recommend.behaviour import Shopper
    from mmpipe.recommend.lists import Knowledge, Lists
    from mmpipe.search.rerank import Candidates
    from mmpipe.search.rerank.base import Scores


@dataclass(frozen=True)
class ByInterest:
    """A :class:`~mmpipe.search.rerank.Ranker`: the calibrated probabilities of :meth:`Lists.interest`,
    whatever the query's words are."""

    lists: Lists
    shopper: Shopper
    known: Knowledge

    def scores(self, candidates: Candidates) -> Scores | None:
        """See :class:`~mmpipe.search.rerank.Ranker`."""
        return self.lists.interest(candidates.version, self.shopper, self.known, candidates.rows)
