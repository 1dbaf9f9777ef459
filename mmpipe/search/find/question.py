"""A request and its encoded query, as a version is asked: what the shards of one are sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.lexical import tokens
from mmpipe.schemas.search import Filters, SearchRequest, Sort
from mmpipe.search.asked import NOBODY
from mmpipe.search.columns.words import Word, plain
from mmpipe.search.find import words as asked_words
from mmpipe.search.find.lean import photo, towards
from mmpipe.search.find.lifts import Lift
from mmpipe.search.find.words import Understood

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality, Vectors
    from mmpipe.schemas.conditions import Condition
    from mmpipe.search.asked import Asked
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.find.taste import Taste
    from mmpipe.settings import ServeSettings

# A text that its encoder knows less of, and no word of which any product holds, is looked for in vain.
SURE = 0.5
NOTHING = Understood()

# What a product is lifted by that is the thing a query asks for, as a share of the span of scores: more than
# a word and the value that it names, for what a thing is says more than how it looks.
THING = 0.8
# So many times the candidates of a text are those of a query with a medium.
_MEDIA_DEPTH = 2
# How near other things come was measured with so many products and more; with fewer it is taken to be that.
_FEWEST = 400
# Of the nearest products so many are looked at.
_LOOKED = 50


def looked_at(nearest: NDArray[np.float32]) -> int:
    """How many of the nearest products, by falling cosine, are looked at: the first, and equals of the last
    of these."""
    if len(nearest) <= _LOOKED:
        return len(nearest)
    return int(np.count_nonzero(nearest >= nearest[_LOOKED - 1]))


@dataclass(frozen=True)
class Question:
    """What is looked for. Without ``asks`` every product under the filters is a match. ``words`` are the
    query's distinct words in order and ``times`` how often each occurs; none where full text takes no part.
    No match holds a word of ``without`` or all of ``unsaid``, all hold the ``phrases`` and meet ``excluded``.
    ``vector`` is the fused query, None where vectors take none. ``depth`` neighbours are looked at, those
    within ``relevance`` of the best count; ``far`` is the cosine below which none does and ``near`` that of
    what was asked for, None where nobody can tell; ``seen`` is the cosine of a picture or clip by itself that
    makes ``far`` void. ``far`` is of 1,000 products, and higher by ``crowd`` where ten times as many are (as
    of 400 where fewer are).
    Scores lean to the products' vectors of single modalities by ``leaning``, see
    :mod:`mmpipe.search.find.lean`; by 0 where only photos of reviews are brought to where scores are.
    ``photo_weight`` is the part of a score that such a photo may stand for, 0 where none takes part, see
    :mod:`mmpipe.search.find.photographed`. ``taste`` is the shopper's whom the order leans to. Every match
    is under ``filters`` and meets the ``conditions``; ``lifts`` lift or lower some."""

    filters: Filters
    conditions: tuple[Condition, ...] = ()
    lifts: tuple[Lift, ...] = ()
    asks: bool = False
    words: tuple[Word | str, ...] = ()
    times: tuple[int, ...] = ()
    without: tuple[Word, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    unsaid: tuple[Word, ...] = ()
    excluded: Condition | None = None
    vector: Vectors | None = None
    modality_vectors: Mapping[Modality, Vectors] = field(default_factory=dict)
    modality_weights: Mapping[Modality, float] = field(default_factory=dict)
    text_weight: float = 0.0
    vector_weight: float = 0.0
    depth: int = 200
    relevance: float = 0.0
    far: float | None = None
    near: float | None = None
    seen: float | None = None
    crowd: float = 0.0
    mode: str = "early"
    leaning: Mapping[Modality, float] = field(default_factory=dict)
    photo_weight: float = 0.0
    sort: Sort = "relevance"
    taste: Taste | None = None

    def reach(
        self, nearest: NDArray[np.float32], seen: NDArray[np.bool_], products: int
    ) -> tuple[float | None, float | None]:
        """``far`` and ``near`` for the nearest of so many ``products``, by falling cosine: nothing is too far
        where one of the first is ``seen`` to be what was asked for, whatever its own text says."""
        if bool(seen[: looked_at(nearest)].any()):
            return None, self.near
        if self.far is None:
            return None, self.near
        return self.far + self.crowd * math.log10(max(products, _FEWEST) / 1_000), self.near

    @classmethod
    def of(
        cls,
        request: SearchRequest,
        query: EncodedQuery,
        settings: ServeSettings,
        asked: Asked = NOBODY,
        understood: Understood = NOTHING,
    ) -> Question:
        """A request's question; ``understood`` is what its text was."""
        text_weight = (1 - settings.vector_weight) * query.text_share
        vector_weight = settings.vector_weight * query.confidence
        if text_weight <= 0:
            understood = NOTHING
        alone = query.modality_vectors.keys() <= {"text"} and not query.like_weight
        if alone and understood.words and not understood.known and query.confidence < SURE:
            vector_weight = 0.0
        said = query.text or ""
        far = near = seen = None
        crowd = 0.0
        if query.reach is not None and query.confidence > 0 and settings.nothing_found:
            # What is half known is half as near as it looks.
            unknown = bool(understood.words) and not understood.known
            far = (query.reach.sure if unknown else query.reach.far) / query.confidence
            near = query.reach.near / query.confidence
            seen = query.reach.seen / query.confidence
            crowd = query.reach.crowd / query.confidence if unknown else 0.0
        mode = (request.fusion or settings.fusion_mode) if query.modality_weights else "early"
        if mode == "late" and query.like_weight:
            # What products are like is in their fused vectors alone.
            mode = "hybrid"
        counted = understood.known and bool(understood.words)
        leaning = towards(query.modality_weights, query.like_weight, apart=query.apart, counted=counted)
        photo_weight = photo(query.modality_weights, query.like_weight)
        if mode != "hybrid":
            leaning = {"image": 0.0} if mode == "early" and photo_weight > 0 else {}
        # Of what a photo is like, more must be looked at to tell the nearest: many products look alike.
        depth = settings.candidates * (1 if alone else _MEDIA_DEPTH)
        return cls(
            filters=request.filters,
            conditions=_conditions(request, asked),
            lifts=_lifts(request, asked, understood),
            asks=not query.asks_nothing,
            words=understood.words,
            times=understood.times,
            without=asked_words.without(said),
            phrases=() if asked.meaning is not None and asked.meaning.loose else asked_words.phrases(said),
            unsaid=_unsaid(request),
            excluded=query.excluded,
            vector=query.vector if vector_weight > 0 else None,
            modality_vectors=query.modality_vectors,
            modality_weights=query.modality_weights,
            text_weight=text_weight,
            vector_weight=vector_weight,
            depth=depth,
            relevance=settings.relevance,
            far=far,
            near=near,
            seen=seen,
            crowd=crowd,
            mode=mode,
            leaning=leaning,
            photo_weight=photo_weight,
            sort=request.sort,
            taste=asked.taste,
        )


def _unsaid(request: SearchRequest) -> tuple[Word, ...]:
    if request.unlike is None or not request.unlike.text:
        return ()
    return tuple(plain(token) for token in dict.fromkeys(tokens(request.unlike.text)))


def _conditions(request: SearchRequest, asked: Asked) -> tuple[Condition, ...]:
    own = () if request.filter is None else (request.filter,)
    if asked.meaning is not None:
        own = (*own, *asked.meaning.conditions)
    return own if asked.effects is None else (*own, *asked.effects.conditions)


def _lifts(request: SearchRequest, asked: Asked, understood: Understood) -> tuple[Lift, ...]:
    own = tuple(
        Lift("boosts", f"boosts[{place}]", boost.weight, boost.filter)
        for place, boost in enumerate(request.boosts)
    )
    if asked.meaning is not None:
        own = (*own, *asked.meaning.lifts)
    thing = _thing(understood, frozenset() if asked.meaning is None else asked.meaning.values)
    if thing:
        own = (*own, Lift("boosts", f"is: {thing[0].text}", THING, thing=thing))
    return own if asked.effects is None else (*own, *asked.effects.lifts)


def _thing(understood: Understood, values: frozenset[str]) -> tuple[Word, ...]:
    """The words that say what is looked for, the one that names it first: none that only names a value, be it
    the last."""
    words = (understood.words[place] for place in understood.heads)
    return tuple(word for word in words if not values.issuperset(tokens(word.text)))
