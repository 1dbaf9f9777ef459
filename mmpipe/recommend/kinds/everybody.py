"""Lists about everybody: what is wanted now, what always was, what is new, what stands for the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.kinds.shopper import tasted
from mmpipe.recommend.rank.scored import NOBODY, Column, Scored
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.recommend.kinds.asked import Asked

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Values = NDArray[np.float64]

# What shoppers did yesterday counts half.
TRENDING_HALF_LIFE_SECONDS = 86_400.0
# What was added, or part of an event, so long ago is not new, however lately its row was written.
NEW_SECONDS = 60 * 86_400.0
_NEW_WEIGHT = 0.5


def trending_here(asked: Asked, depth: int) -> Scored:
    """What shoppers do now in the category that most of this one's history is in, as :func:`trending`;
    nothing where the request chose a category, or where nothing says which is the shopper's."""
    category = None if asked.filters.category else asked.main_category()
    if category is None:
        return NOBODY
    return _trending(asked, asked.mask & asked.in_category(category), depth, category)


def trending(asked: Asked, depth: int) -> Scored:
    """What shoppers do now, each event half as much after a day: the logarithm of the sum, in parts of the
    highest."""
    return _trending(asked, asked.mask, depth, None)


def popular(asked: Asked, depth: int) -> Scored:
    """What shoppers do, whenever that was: its logarithm, in parts of the highest."""
    if asked.behaviour is None:
        return NOBODY
    return _counted("popular", *asked.behaviour.popular(asked.mask, depth), None)


def typical(asked: Asked, depth: int) -> Scored:
    """Products that stand for the catalogue, of which nobody need have done anything
    (:meth:`mmpipe.recommend.kinds.shelf.Shelf.typical`), of those that fit the shopper's taste more."""
    rows, worth = asked.shelf.typical(asked.base)
    inside = has(asked.mask, rows)
    return Scored(rows[inside], (Column("typical", worth[inside]),))


def anything(asked: Asked, depth: int) -> Scored:
    """What there is, the latest first."""
    rows = asked.shelf.newest(asked.mask, depth)
    order = np.argsort(rows)
    worth = 1.0 / (1 + np.arange(len(rows)))
    return Scored(rows[order], (Column("in-range", worth[order]),), len(rows) >= depth)


def new_arrivals(asked: Asked, depth: int) -> Scored:
    """What was added to the collection last, ``1`` for the latest down to ``1 / n``; with a shopper's taste
    half of that and half of the cosine to it. What was added :data:`NEW_SECONDS` ago is left out, and so is,
    where that is not known, what shoppers knew then: the table holds at its end what was written anew too."""
    since = asked.now - NEW_SECONDS
    latest = asked.shelf.newest(asked.mask, depth, since)
    more = len(latest) >= depth
    unknown = np.flatnonzero(np.isnan(asked.version.numbers["added"].of(latest)))
    if asked.behaviour is not None and len(unknown):
        codes = asked.behaviour.items.codes(latest[unknown])
        named = codes >= 0
        first = asked.behaviour.actions.first_seen(codes[named])
        latest = np.delete(latest, unknown[named][first < since])
    newness = 1.0 - np.arange(len(latest)) / max(len(latest), 1)
    order = np.argsort(latest)
    rows, newness = latest[order], newness[order]
    liking = asked.taste
    if liking is None:
        return Scored(rows, (Column("new-arrival", newness),), more)
    return Scored(
        rows,
        (
            Column("new-arrival", newness * _NEW_WEIGHT),
            tasted(asked, liking, rows, 1 - _NEW_WEIGHT),
        ),
        more,
    )


def _trending(asked: Asked, mask: Words, depth: int, category: str | None) -> Scored:
    if asked.behaviour is None:
        return NOBODY
    found = asked.behaviour.trending(asked.now, TRENDING_HALF_LIFE_SECONDS, mask, depth)
    return _counted("trending", *found, category)


def _counted(reason: str, rows: Rows, values: Values, more: bool, category: str | None) -> Scored:
    if not len(rows):
        return NOBODY
    worth = np.log1p(values)
    facts = {} if category is None else {"category": category}
    return Scored(rows, (Column(reason, worth / float(worth.max()), None, facts),), more)
