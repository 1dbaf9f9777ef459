"""Several shards' parts of a search made one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find import lean
from mmpipe.search.find.match import Matches, Survey
from mmpipe.search.find.rank import After
from mmpipe.search.find.scoring import Scoring, Statistics, TextScale, VectorScale
from mmpipe.search.page import facets

if TYPE_CHECKING:
    from mmpipe.schemas.search import Sort
    from mmpipe.search.find.question import Question
    from mmpipe.search.shards.shard import Loaded, Part, Wanted

Rows = NDArray[np.int32]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Merged:
    """A page of the whole collection: which shard has each hit and in which row, by what the hits are ordered
    (``keys``), their scores and what each measure added (None where it took no part). ``last`` is where the
    next page begins, None where nothing follows. ``scoring`` is final, None where the request browses."""

    total: int
    facets: facets.Counted
    shards: NDArray[np.int64]
    rows: Rows
    keys: Shares
    scores: Shares
    lexical: Shares | None
    vector: Shares | None
    extras: dict[str, Shares]
    last: After | None
    scoring: Scoring | None


def currency_of(parts: Iterable[Loaded]) -> str | None:
    """The collection's own currency: that of most of its products with a price, the first by name of
    equals; None where none has one."""
    counted: Counter[str] = Counter()
    for part in parts:
        counted.update(part.currencies)
    return min(((-count, name) for name, count in counted.items() if count), default=(0, None))[1]


def scoring_of(surveys: Sequence[Survey], question: Question) -> Scoring:
    """The scoring that shards' surveys come to. The ceiling of full text is the least that it may be: it
    is raised by :func:`page_of`, to the highest score of any match."""
    text = None
    required = max(survey.most for survey in surveys)
    if required:
        statistics = Statistics.total([survey.statistics for survey in surveys])
        text = TextScale(statistics, required, float(statistics.weights(question.times).sum()))
    nearest = np.concatenate([survey.nearest for survey in surveys])
    order = np.argsort(-nearest, kind="stable")
    nearest, seen = nearest[order], np.concatenate([survey.seen for survey in surveys])[order]
    says_text = any(survey.says_text for survey in surveys)
    products = sum(survey.statistics.documents for survey in surveys)
    reach = question.reach(nearest, seen, products) if says_text else (None, None)
    vector = VectorScale.of(nearest[: question.depth], question.relevance, *reach)
    if vector is not None and question.leaning:
        told = [m for m in question.leaning if all(m in survey.own for survey in surveys)]
        own = {m: np.concatenate([survey.own[m] for survey in surveys])[order] for m in told}
        vector = lean.settle(vector, question.leaning, nearest, own, question.depth)
    return Scoring.of(text, vector, question.text_weight, question.vector_weight)


def page_of(parts: Sequence[Part], sort: Sort, wanted: Wanted, scoring: Scoring | None) -> Merged:
    """The page that shards' candidates come to."""
    limit = wanted.limit
    if scoring is not None and scoring.text is not None and not wanted.settled:
        ceiling = max(scoring.text.ceiling, *(part.highest for part in parts))
        scoring = replace(scoring, text=replace(scoring.text, ceiling=ceiling))
    found = [part.candidates for part in parts]
    ids = [product_id for each in found for product_id in each.ids]
    owner = np.repeat(np.arange(len(found)), [len(each.ids) for each in found])
    rows = np.concatenate([each.rows for each in found])
    keys = np.concatenate([each.keys for each in found])
    # What has no number goes by id alone.
    seconds = np.where(np.isnan(keys), 0.0, np.concatenate([each.seconds for each in found]))
    if scoring is None:
        scores, lexical, vector, extras = np.zeros(len(ids)), None, None, dict[str, Shares]()
    else:
        scores, lexical, vector, extras = _scored(parts, scoring)
    if sort == "relevance" and scoring is not None:
        keys = scores
    order = _first(keys if sort == "price_asc" else -keys, seconds, ids, limit + 1)
    page = order[:limit]
    last = None
    if len(order) > limit:
        key = float(keys[page[-1]])
        last = After(None if np.isnan(key) else key, ids[page[-1]], float(seconds[page[-1]]) or None)
    return Merged(
        total=sum(part.total for part in parts),
        facets=facets.finish([part.facets for part in parts], wanted.facets),
        shards=owner[page],
        rows=rows[page],
        keys=keys[page],
        scores=scores[page],
        lexical=None if lexical is None else lexical[page],
        vector=None if vector is None else vector[page],
        extras={name: extra[page] for name, extra in extras.items()},
        last=last,
        scoring=scoring,
    )


def _scored(
    parts: Sequence[Part], scoring: Scoring
) -> tuple[Shares, Shares | None, Shares | None, dict[str, Shares]]:
    """Every candidate's score and shares, by :class:`Matches`: there those near by vector go first."""
    lexical = np.concatenate([part.candidates.lexical for part in parts])
    cosines = np.concatenate([part.candidates.cosines for part in parts])
    far = np.isnan(cosines)
    order = np.argsort(far, kind="stable")
    count = len(far) - int(np.count_nonzero(far))
    # Photos of reviews come to one shard a moment before another.
    names = dict.fromkeys(name for part in parts for name in part.candidates.extras)
    nothing = [np.zeros(len(part.candidates.ids)) for part in parts]
    extras = {
        name: np.concatenate(
            [part.candidates.extras.get(name, zero) for part, zero in zip(parts, nothing, strict=True)]
        )[order]
        for name in names
    }
    matches = Matches(order.astype(np.int32), lexical[order], cosines[order[:count]], scoring, extras=extras)
    places = np.argsort(order)
    text, vector = matches.shares(places)
    return matches.scores()[places], text, vector, matches.added(places)


def _first(keys: Shares, seconds: Shares, ids: Sequence[str], count: int) -> NDArray[np.int64]:
    """Places of the first by rising key, NaN last, equals by falling ``seconds``, then by id."""
    chosen = np.arange(len(keys))
    if len(keys) > count:
        chosen = np.flatnonzero(~(keys > np.partition(keys, count - 1)[count - 1]))
    comparable = np.nan_to_num(keys[chosen], nan=np.inf).tolist()
    places = chosen.tolist()
    named = (ids[place] for place in places)
    ordered = sorted(zip(comparable, (-seconds[chosen]).tolist(), named, places, strict=True))
    return np.array([place for *_, place in ordered[:count]], np.int64)
