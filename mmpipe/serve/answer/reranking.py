"""Who judges the best matches of a search again, as ``serve.rerank`` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mmpipe.encoders.published.cross_encoder import CrossEncoder
from mmpipe.errors import InvalidRequest
from mmpipe.search.rerank import Judge, Worker
from mmpipe.search.rerank.cross_encoder import ByText

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmpipe.schemas.search import SearchRequest
    from mmpipe.search import EncodedQuery
    from mmpipe.search.rerank import Ranker
    from mmpipe.serve.answer.recommendations import Recommendations
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.settings import Settings


class Kind(Protocol):
    """One way of judging."""

    async def ranker(
        self, version: LiveVersion, request: SearchRequest, query: EncodedQuery
    ) -> Ranker | None:
        """Who judges one search; None where nothing of it can be judged so."""


class ByCrossEncoder:
    """The query beside each product. Raises :class:`ModelUnavailable` where the model is not here."""

    def __init__(self, settings: Settings) -> None:
        name = settings.serve.rerank_model
        assert name is not None, "the settings were checked"
        model = CrossEncoder(name, settings.models, settings.serve.encoder_threads)
        # The first call of a network is its slowest.
        model.scores("warm up", ["warm up"] * settings.serve.rerank_candidates)
        self._ranker = ByText(model)

    async def ranker(
        self, version: LiveVersion, request: SearchRequest, query: EncodedQuery
    ) -> Ranker | None:
        """None where the query has no words."""
        return self._ranker if query.text else None


class ByShopper:
    """What the shopper who is named is probably interested in."""

    def __init__(self, recommendations: Recommendations) -> None:
        self._recommendations = recommendations

    async def ranker(
        self, version: LiveVersion, request: SearchRequest, query: EncodedQuery
    ) -> Ranker | None:
        """None where nobody is named or known, and where nothing was learnt."""
        return await self._recommendations.ranker(version, request)


# By what serve.rerank may say.
KINDS: Mapping[str, Callable[[Settings, Recommendations], Kind]] = {
    "cross-encoder": lambda settings, recommendations: ByCrossEncoder(settings),
    "learned": lambda settings, recommendations: ByShopper(recommendations),
}


class Reranking:
    """Of one replica. Raises :class:`ModelUnavailable` for a model that is not here."""

    def __init__(self, settings: Settings, recommendations: Recommendations) -> None:
        opens = KINDS.get(settings.serve.rerank)
        self._kind = None if opens is None else opens(settings, recommendations)
        self._worker = Worker("rerank")
        self._candidates = settings.serve.rerank_candidates
        self._seconds = settings.serve.rerank_ms / 1e3

    def check(self, request: SearchRequest) -> None:
        """Raise :class:`InvalidRequest` for a search that wants what is switched off."""
        if request.rerank and self._kind is None:
            raise InvalidRequest(
                "rerank",
                "nothing is judged again here (serve.rerank is off): set MMPIPE_SERVE__RERANK to"
                " cross-encoder or learned, or leave it out",
            )

    async def judge(self, version: LiveVersion, request: SearchRequest, query: EncodedQuery) -> Judge | None:
        """Who puts the best matches of a first page in order; None where nobody does. Pages behind it bring
        the order with their cursor."""
        if self._kind is None or request.rerank is False or request.cursor is not None:
            return None
        if request.sort != "relevance" or query.asks_nothing:
            return None
        ranker = await self._kind.ranker(version, request, query)
        return None if ranker is None else Judge(ranker, self._worker, self._candidates, self._seconds)

    def close(self) -> None:
        """End the thread, once what it does has ended."""
        self._worker.close()
