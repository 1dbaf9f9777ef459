"""Lists about a shopper: what fits what they did, in all or in this visit, and what they looked at last.

A score blends three measures: how near a product is to the shopper's taste
(:mod:`mmpipe.recommend.kinds.past`), what the learnt model expects next, and what others viewed who viewed
the shopper's latest products. Each has a weight; of those that have something to say the weights are scaled
to sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.kinds.past import FADING, SESSION_FADING
from mmpipe.recommend.rank.scored import NOBODY, Because, Column, Scored, Split, aligned, highest, united
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.recommend.kinds.asked import Asked
    from mmpipe.recommend.kinds.past import Liking, Past

Rows = NDArray[np.int32]
Values = NDArray[np.float64]

# Products of the history whose companions are looked up, and the latest shoppers of each who are asked.
_COMPANIONS_OF = 4
_SHOPPERS = 500
# Products of the history that an item's why names; the others share one part.
_NAMED = 3


@dataclass(frozen=True)
class Blend:
    """What each measure weighs."""

    taste: float
    learnt: float
    together: float


FOR_YOU = Blend(taste=0.28, learnt=0.6, together=0.12)
SESSION = Blend(taste=0.35, learnt=0.5, together=0.15)


def for_you(asked: Asked, depth: int) -> Scored:
    """By all that the shopper did."""
    return _blended(asked, asked.past, asked.taste, FOR_YOU, FADING, depth)


def session(asked: Asked, depth: int) -> Scored:
    """By what the shopper did in this visit."""
    if not len(asked.visit):
        return NOBODY
    return _blended(asked, asked.visit, asked.mood, SESSION, SESSION_FADING, depth)


def recently_viewed(asked: Asked, depth: int) -> Scored:
    """What the shopper viewed, the latest first: ``1 / n`` for the n-th."""
    rows, times = asked.past.viewed()
    inside = has(asked.mask, rows)
    rows, times = rows[inside], times[inside]
    worth = 1.0 / (1 + np.arange(len(rows)))
    ago = dict(zip(rows.tolist(), np.maximum(asked.now - times, 0.0).tolist(), strict=True))

    def told(some: Rows, values: Values) -> list[list[Because]]:
        return [
            [Because("recently-viewed", value, None, {"seconds": ago[row]})]
            for row, value in zip(some.tolist(), values.tolist(), strict=True)
        ]

    order = np.argsort(rows)
    return Scored(rows[order], (Column("recently-viewed", worth[order], split=told),))


def tasted(asked: Asked, liking: Liking, rows: Rows, weight: float) -> Column:
    """``weight`` times each row's cosine to a taste, told apart by the products that it is made of."""
    return Column(
        "taste", asked.cosines(rows, liking.vector) * weight, split=_by_product(asked, liking, weight)
    )


def _blended(
    asked: Asked, past: Past, liking: Liking | None, blend: Blend, fading: float, depth: int
) -> Scored:
    pools: list[Rows] = []
    if liking is not None:
        pools.append(asked.near(liking.vector, asked.mask, depth))
    learnt = asked.learnt.likely(asked.mask)
    if learnt is not None:
        likeliest = highest(*learnt, depth)
        pools.append(likeliest[0])
    companions = _companions(asked, past, fading, depth)
    more = any(len(pool) >= depth for pool in pools)
    rows = united([*pools, *(some for _, _, some, _ in companions)])
    if not len(rows):
        return NOBODY
    total = (
        (blend.taste if liking is not None else 0.0)
        + (blend.learnt if learnt is not None else 0.0)
        + (blend.together if companions else 0.0)
    )
    columns: list[Column] = []
    if liking is not None:
        columns.append(tasted(asked, liking, rows, blend.taste / total))
    if learnt is not None:
        values = _scaled(rows, *learnt, float(likeliest[1].min())) * (blend.learnt / total)
        columns.append(Column("model", values))
    parts = [aligned(rows, some, values) * weight for _, weight, some, values in companions]
    # In parts of the highest: how strong the strongest is differs from shop to shop.
    highest_of_all = max(float(np.sum(parts, axis=0).max()), 1e-12) if parts else 1.0
    for (row, *_), part in zip(companions, parts, strict=True):
        columns.append(Column("also-viewed", part * (blend.together / total / highest_of_all), row))
    return Scored(rows, tuple(columns), more)


def _scaled(rows: Rows, some: Rows, values: Values, floor: float) -> Values:
    """``values`` of ``some`` as a column over ``rows``: 1 for the highest of all, 0 for ``floor`` and
    below."""
    high = float(values.max())
    if high <= floor:
        return aligned(rows, some, (values >= high).astype(np.float64))
    return aligned(rows, some, np.clip((values - floor) / (high - floor), 0.0, 1.0))


def _companions(asked: Asked, past: Past, fading: float, depth: int) -> list[tuple[int, float, Rows, Values]]:
    """Of the products that say most of the shopper, each with its share of their weight, what others view who
    view them."""
    if asked.behaviour is None:
        return []
    rows, weights = past.weights(asked.now, fading)
    rows, weights = rows[weights > 0][:_COMPANIONS_OF], weights[weights > 0][:_COMPANIONS_OF]
    found = []
    for row, weight in zip(rows.tolist(), (weights / weights.sum()).tolist(), strict=True):
        some, values = asked.behaviour.associated(row, "viewed", asked.mask, depth, _SHOPPERS)
        if len(some):
            found.append((row, weight, some, values))
    return found


def _by_product(asked: Asked, liking: Liking, weight: float) -> Split:
    def split(rows: Rows, values: Values) -> list[list[Because]]:
        vectors, _ = asked.version.fused.gather(rows)
        parts = (liking.vectors @ vectors.T).astype(np.float64) * (liking.weights * weight)[:, None]
        first = np.argsort(-np.abs(parts), axis=0, kind="stable")[:_NAMED]
        sources, reasons = liking.rows[first].T.tolist(), liking.past.reasons
        shown = np.take_along_axis(parts, first, axis=0).T.tolist()
        found = []
        for value, own, part_of in zip(values.tolist(), sources, shown, strict=True):
            named = [Because(reasons[row], part, row) for part, row in zip(part_of, own, strict=True)]
            rest = value - sum(each.part for each in named)
            others = len(liking.rows) - len(named)
            if others > 0:
                named.append(Because("history", rest, None, {"products": others}))
            elif named:
                # The vectors' rounding, below a millionth.
                last = named[-1]
                named[-1] = Because(last.reason, last.part + rest, last.row)
            found.append(named)
        return found

    return split
