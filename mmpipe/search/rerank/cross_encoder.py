"""The ranker that reads the query beside each product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.encoders.published.cross_encoder import CrossEncoder
    from mmpipe.search.rerank.base import Candidates, Scores


@dataclass(frozen=True)
class ByText:
    """A :class:`~mmpipe.search.rerank.base.Ranker`: what a cross-encoder says of the query's text and each
    product's; nothing without a text."""

    model: CrossEncoder

    def scores(self, candidates: Candidates) -> Scores | None:
        """See :class:`~mmpipe.search.rerank.base.Ranker`."""
        if not candidates.query:
            return None
        return self.model.scores(candidates.query, candidates.texts)
