"""Who judges the best matches of a search again, as ``serve.rerank`` says."""

from __future__ import annotations

import logging
import time
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

log = logging.getLogger(__name__)

# As long as a query and a product usually are.
_QUERY = "a red summer dress with short sleeves"
_PRODUCT = "Cotton midi dress with a belt and two pockets, size M. Acme. Clothing > Dresses > Summer. red"


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
        self._ranker = ByText(model)
        _try(model, settings)

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


def _try(model: CrossEncoder, settings: Settings) -> None:
    """Call a model as searches will: the first call of a network is its slowest. The log tells where it is
    too slow to judge any."""
    candidates, most = settings.serve.rerank_candidates, settings.serve.rerank_ms
    model.scores(_QUERY, [_PRODUCT])
    began = time.perf_counter()
    model.scores(_QUERY, [_PRODUCT] * candidates)
    took = (time.perf_counter() - began) * 1e3
    if took > most:
        log.warning(
            "the re-ranking model takes %.0f ms for %d products, and MMPIPE_SERVE__RERANK_MS is %g: most"
            " searches will keep their first ranking; set MMPIPE_SERVE__RERANK_CANDIDATES lower, or"
            " MMPIPE_SERVE__ENCODER_THREADS or the time higher",
            took,
            candidates,
            most,
        )


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
