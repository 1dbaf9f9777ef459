"""A request and its encoded query, as a version is asked: what the shards of one are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmpipe.lexical import tokens
from mmpipe.schemas.search import Filters, SearchRequest, Sort

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality, Vectors
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.find.taste import Taste
    from mmpipe.settings import ServeSettings

MAX_WORDS = 64


@dataclass(frozen=True)
class Question:
    """What is looked for. Without ``asks`` every product under the filters is a match. ``words`` are the
    query's distinct words in order and ``times`` how often each occurs; none where full text takes no part.
    ``vector`` is the fused query, None where vectors take none. ``depth`` neighbours are looked at, those
    within ``relevance`` of the best count. ``taste`` is the shopper's whom the order leans to."""

    filters: Filters
    asks: bool = False
    words: tuple[str, ...] = ()
    times: tuple[int, ...] = ()
    vector: Vectors | None = None
    modality_vectors: Mapping[Modality, Vectors] = field(default_factory=dict)
    modality_weights: Mapping[Modality, float] = field(default_factory=dict)
    text_weight: float = 0.0
    vector_weight: float = 0.0
    depth: int = 200
    relevance: float = 0.0
    mode: str = "early"
    sort: Sort = "relevance"
    taste: Taste | None = None

    @classmethod
    def of(
        cls,
        request: SearchRequest,
        query: EncodedQuery,
        settings: ServeSettings,
        taste: Taste | None = None,
    ) -> Question:
        """A request's question. Of more than ``MAX_WORDS`` distinct words the longest are asked, for long
        words are rare ones."""
        text_weight = (1 - settings.vector_weight) * query.text_share
        vector_weight = settings.vector_weight * query.confidence
        counted = Counter(tokens(query.text)) if query.text and text_weight > 0 else Counter[str]()
        if len(counted) > MAX_WORDS:
            kept = sorted(counted, key=len, reverse=True)[:MAX_WORDS]
            counted = Counter({word: counted[word] for word in counted if word in set(kept)})
        return cls(
            filters=request.filters,
            asks=not query.asks_nothing,
            words=tuple(counted),
            times=tuple(counted.values()),
            vector=query.vector if vector_weight > 0 else None,
            modality_vectors=query.modality_vectors,
            modality_weights=query.modality_weights,
            text_weight=text_weight,
            vector_weight=vector_weight,
            depth=settings.candidates,
            relevance=settings.relevance,
            mode=settings.fusion_mode if query.modality_weights else "early",
            sort=request.sort,
            taste=taste,
        )
