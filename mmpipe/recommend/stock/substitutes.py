"""Products for the same need as one product, that can be bought now, at about its price."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find.groups import groups_of
from mmpipe.search.find.likeness import fused_vector
from mmpipe.search.kernels.memory import has, rows_of

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Need = Literal["category", "related", "price"]

# What a shopper still pays for another product: two thirds to one and a half times its price.
NEAR_PRICE = 1.5
# So many are looked at for each that is wanted, for some are variants.
_FIRST_DEPTH = 4


@dataclass(frozen=True)
class Substitutes:
    """Parallel sequences, best first. ``cosine`` is that of the fused vectors, NaN where the product has
    none. ``needs`` says what is shared: ``category`` the whole path, ``related`` the path above it, ``price``
    only that it is near in price (of a product without a category)."""

    ids: tuple[str, ...]
    rows: Rows
    cosine: NDArray[np.float32]
    needs: tuple[Need, ...]


def substitutes(
    version: Version,
    row: int,
    limit: int,
    *,
    within: Words | None = None,
    near_price: float = NEAR_PRICE,
    in_category: Callable[[str], Words] | None = None,
) -> Substitutes:
    """Up to ``limit`` living rows that are ``in_stock``, in the category of ``row`` and between 1 /
    ``near_price`` and ``near_price`` times what it costs now, nearest by fused vector first, equals by id;
    where these are too few, then those of the category above it.

    ``within`` narrows them to rows of a bit set. Neither the product nor another of its ``item_group_id`` is
    among them, and of every other group only one. A product without a price in the collection's own currency
    is held to no price; one without a vector gets the nearest by price. ``in_category`` gives the products of
    a category path and those below it, where whoever asks keeps these.
    """
    vector = fused_vector(version, row)
    mask = version.alive & version.coded["availability"].mask(["in_stock"]) & _near(version, row, near_price)
    if within is not None:
        mask = mask & within
    rows: list[int] = []
    cosines: list[float] = []
    needs: list[Need] = []
    groups: set[int] = set()
    for need, same in _needs(version, row, in_category or _in_category(version)):
        some, scores = _best(version, vector, row, mask & same, limit + len(rows))
        there = set(rows)
        for each, group, cosine in zip(
            some.tolist(), groups_of(version, some).tolist(), scores.tolist(), strict=True
        ):
            if len(rows) == limit:
                break
            if each in there or group in groups:
                continue
            rows.append(each)
            cosines.append(cosine)
            needs.append(need)
            if group >= 0:
                groups.add(group)
        if len(rows) == limit:
            break
    found = np.array(rows, np.int32)
    ids = tuple(version.ids.ids(found))
    return Substitutes(ids, found, np.array(cosines, np.float32), tuple(needs))


def _near(version: Version, row: int, near_price: float) -> Words:
    one = np.array([row], np.int32)
    paid = float(version.prices.paid(one)[0])
    if math.isnan(paid) or not has(version.prices.priced, one)[0]:
        return version.alive
    return version.prices.range_mask(paid / near_price, paid * near_price)


def _in_category(version: Version) -> Callable[[str], Words]:
    return lambda path: version.coded["category"].mask([path])


def _needs(version: Version, row: int, in_category: Callable[[str], Words]) -> Iterator[tuple[Need, Words]]:
    path = version.coded["category"].values(np.array([row], np.int32))[0]
    labels = [label.strip() for label in (path or "").split(">") if label.strip()]
    if not labels:
        yield "price", version.alive
        return
    yield "category", in_category(" > ".join(labels))
    if len(labels) > 1:
        yield "related", in_category(" > ".join(labels[:-1]))


def _best(
    version: Version, vector: Vectors | None, row: int, mask: Words, limit: int
) -> tuple[Rows, NDArray[np.float32]]:
    """Up to ``limit`` rows of a bit set, none of the group of ``row`` and one of every other, and their
    cosines."""
    if vector is None:
        rows = rows_of(mask)
        away = np.abs(version.prices.paid(rows) - version.prices.paid(np.array([row], np.int32))[0])
        rows = rows[np.lexsort((version.ids.rank[rows], away))]
        rows = rows[_one_each(version, row, rows)[:limit]]
        return rows, np.full(len(rows), np.nan, np.float32)
    depth = _FIRST_DEPTH * limit + 1
    while True:
        rows, scores = version.fused.nearest(vector, mask, depth, version.ids.rank)
        kept = _one_each(version, row, rows)[:limit]
        if len(kept) == limit or len(rows) < depth:
            return rows[kept], scores[kept]
        # Many variants stood in the way.
        depth *= 4


def _one_each(version: Version, row: int, rows: Rows) -> NDArray[np.int64]:
    """Places of the first of each group but that of ``row``, and of those without one."""
    groups = groups_of(version, rows)
    first = np.zeros(len(rows), np.bool_)
    first[np.unique(groups, return_index=True)[1]] = True
    own = int(groups_of(version, np.array([row], np.int32))[0])
    kept = (rows != row) & ((groups < 0) | (first & (groups != own)))
    return np.flatnonzero(kept)
