"""Lists about products: like them, viewed or bought with them, in their place, beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.kinds.pairs import first_by_value
from mmpipe.recommend.rank.scored import NOBODY, Column, Scored, aligned, united
from mmpipe.recommend.stock import substitutes as in_its_place

if TYPE_CHECKING:
    from mmpipe.recommend.kinds.asked import Asked

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Values = NDArray[np.float64]

# What shoppers who viewed both add to a cosine.
_VIEWED_WEIGHT = 0.5
# A substitute for the same category, or the one above it; price alone is none.
_NEEDS = {"category": 0.5, "related": 0.25, "price": 0.0}
_ALIKE_WEIGHT = 0.5
# Categories that go with the sources'.
_CATEGORIES = 4
_BRAND_WEIGHT = 0.2
# Between the labels of a category path.
_WITHIN = " > "
_EVERYBODY = "unisex"


def similar(asked: Asked, depth: int) -> Scored:
    """The mean over the sources of ``cosine + 0.5 * strength``: fused vectors, and being viewed together."""
    vectors = {row: asked.vector(row) for row in asked.sources}
    pools = [
        asked.like(row, vector, depth, asked.mask) for row, vector in vectors.items() if vector is not None
    ]
    more = any(len(pool) >= depth for pool in pools)
    seen = _associated(asked, "viewed", asked.mask, depth)
    rows = united([*pools, *(rows for rows, _ in seen)])
    share = 1.0 / max(len(asked.sources), 1)
    columns = [
        Column("similar", asked.cosines(rows, vector) * share, row)
        for row, vector in vectors.items()
        if vector is not None
    ]
    columns += _columns(asked, "also-viewed", rows, seen, _VIEWED_WEIGHT * share)
    return Scored(rows, tuple(columns), more)


def also_viewed(asked: Asked, depth: int) -> Scored:
    """The mean over the sources of the strength with which shoppers view both."""
    return _together(asked, "viewed", "also-viewed", asked.mask, depth)


def bought_together(asked: Asked, depth: int) -> Scored:
    """The mean over the sources of the strength with which shoppers buy both."""
    return _together(asked, "bought", "bought-together", asked.mask, depth)


def complements(asked: Asked, depth: int) -> Scored:
    """As :func:`bought_together`, of other categories than the sources'."""
    return _together(asked, "bought", "bought-together", _elsewhere(asked), depth)


def goes_with(asked: Asked, depth: int) -> Scored:
    """Of the categories whose products are bought with those of the sources' categories, what is most like
    the sources: ``0.5 * how often that category is + 0.5 * cosine``. Where nobody bought anything yet,
    products of other branches of the categories by ``cosine + 0.2`` for the same brand."""
    mask = _elsewhere(asked)
    paired = _paired_categories(asked, mask)
    vectors = [(row, vector) for row in asked.sources if (vector := asked.vector(row)) is not None]
    if not vectors:
        return NOBODY
    share = 1.0 / len(vectors)
    if not paired:
        mask = _farther(asked, mask)
        pools = [asked.near(vector, mask, depth) for _, vector in vectors]
        rows = united(pools)
        columns = [Column("similar", asked.cosines(rows, vector) * share, row) for row, vector in vectors]
        columns += [Column("same-brand", _same_brand(asked, row, rows) * share, row) for row, _ in vectors]
        return Scored(rows, tuple(columns), any(len(pool) >= depth for pool in pools))
    pools, affinity = [], []
    for name, value, words in paired:
        for row, vector in vectors:
            others = asked.source_categories
            pools.append(asked.like(row, vector, depth // 2 + 1, words, name, others))
            affinity.append(value / paired[0][1])
    rows = united(pools)
    pairs = np.zeros(len(rows))
    for pool, value in zip(pools, affinity, strict=True):
        np.maximum(pairs, aligned(rows, pool, np.full(len(pool), value)), out=pairs)
    first = vectors[0][0]
    category_facts = {"category": asked.category(first) or ""}
    columns = [Column("category-bought-with", 0.5 * pairs, None, category_facts)]
    columns += [Column("similar", 0.5 * share * asked.cosines(rows, vector), row) for row, vector in vectors]
    return Scored(rows, tuple(columns), any(len(pool) > depth // 2 for pool in pools))


def substitutes(asked: Asked, depth: int) -> Scored:
    """In stock, near in price, of the same category or the one above it: ``0.5`` or ``0.25`` for that and
    ``0.5 * cosine`` (:func:`mmpipe.recommend.stock.substitutes`)."""
    # One of each group, and none that the mask leaves out: fewer need be looked at than elsewhere.
    count = depth // 4
    found = [
        (row, in_its_place(asked.version, row, count, within=asked.mask, in_category=asked.in_category))
        for row in dict.fromkeys(asked.sources)
    ]
    rows = united([each.rows for _, each in found])
    share = 1.0 / max(len(found), 1)
    columns = []
    for row, each in found:
        need = np.array([_NEEDS[name] for name in each.needs])
        alike = _ALIKE_WEIGHT * np.maximum(np.nan_to_num(each.cosine.astype(np.float64)), 0.0)
        # Without a vector or a category the price is all that is known.
        worth = np.where((need + alike) > 0, 0.0, 0.1)
        facts = {"category": asked.category(row) or ""}
        columns += [
            Column("same-need", aligned(rows, each.rows, need) * share, row, facts),
            Column("similar", aligned(rows, each.rows, alike) * share, row),
            Column("near-price", aligned(rows, each.rows, worth) * share, row),
        ]
    return Scored(rows, tuple(columns), any(len(each.rows) >= count for _, each in found))


def _associated(
    asked: Asked, kind: Literal["bought", "viewed"], mask: Words, depth: int
) -> list[tuple[Rows, Values]]:
    """Per source the products of a bit set that go with it."""
    if asked.behaviour is None:
        return []
    return [asked.behaviour.associated(row, kind, mask, depth) for row in asked.sources]


def _columns(
    asked: Asked, reason: str, rows: Rows, found: Sequence[tuple[Rows, Values]], weight: float
) -> list[Column]:
    return [
        Column(reason, aligned(rows, some, values) * weight, row)
        for row, (some, values) in zip(asked.sources, found, strict=False)
    ]


def _together(
    asked: Asked, kind: Literal["bought", "viewed"], reason: str, mask: Words, depth: int
) -> Scored:
    found = _associated(asked, kind, mask, depth)
    rows = united([some for some, _ in found])
    columns = _columns(asked, reason, rows, found, 1.0 / max(len(asked.sources), 1))
    return Scored(rows, tuple(columns), any(len(some) >= depth for some, _ in found))


def _elsewhere(asked: Asked) -> Words:
    """Who may be recommended of other categories than the sources'."""
    mask = asked.mask
    for category in asked.source_categories:
        mask = mask & ~asked.in_category(category)
    return mask


def _farther(asked: Asked, mask: Words) -> Words:
    """Of other branches than the sources' own, which serve the same need as a rule (sandals beside heels),
    and for the same people. Where the tree has two levels, what is beside them stays (a hat beside a dress);
    where nothing else is left, all does."""
    genders = asked.version.coded["gender"]
    for row in asked.sources:
        labels = (asked.category(row) or "").split(_WITHIN)
        if len(labels) > 2:
            nearer = _some(mask & ~asked.in_category(_WITHIN.join(labels[:2])), mask)
            mask = _some(mask & ~asked.in_category(labels[0]), nearer)
        gender = genders.values(np.array([row], np.int32))[0]
        if gender is not None:
            mask = _some(mask & genders.mask([gender, _EVERYBODY]), mask)
    return mask


def _some(chosen: Words, else_: Words) -> Words:
    return chosen if chosen.any() else else_


def _paired_categories(asked: Asked, mask: Words) -> list[tuple[str, float, Words]]:
    """Of the categories that are bought with those of the sources, the ones that go with them most and have
    something of a bit set: how strongly they do, and what that is."""
    if asked.behaviour is None:
        return []
    beside = [asked.behaviour.beside(category) for category in asked.source_categories]
    paired = beside[0] if len(beside) == 1 else _summed(beside)
    found: list[tuple[str, float, Words]] = []
    for name, value in paired.items():
        words = mask & asked.in_category(name)
        if words.any():
            found.append((name, value, words))
            if len(found) == _CATEGORIES:
                break
    return found


def _summed(beside: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    total: Counter[str] = Counter()
    for each in beside:
        total.update(each)
    return first_by_value(total)


def _same_brand(asked: Asked, row: int, rows: Rows) -> Values:
    column = asked.version.coded["brand"]
    brand = column.values(np.array([row], np.int32))[0]
    if brand is None:
        return np.zeros(len(rows))
    return np.array([_BRAND_WEIGHT if each == brand else 0.0 for each in column.values(rows)])
