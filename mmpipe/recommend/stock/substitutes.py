"""Products for the same need as one product, that can be bought now, at about its price."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find.likeness import alike, likeness, one_per_group
from mmpipe.search.kernels.memory import has, rows_of

if TYPE_CHECKING:
    from mmpipe.search.find.likeness import Likeness
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Need = Literal["category", "related", "price"]

# What a shopper still pays for another product: two thirds to one and a half times its price.
NEAR_PRICE = 1.5


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
    version: Version, row: int, limit: int, *, within: Words | None = None, near_price: float = NEAR_PRICE
) -> Substitutes:
    """Up to ``limit`` living rows that are ``in_stock``, in the category of ``row`` and between 1 /
    ``near_price`` and ``near_price`` times what it costs now, nearest by fused vector first, equals by id;
    where these are too few, then those of the category above it.

    ``within`` narrows them to rows of a bit set. Neither the product nor another of its ``item_group_id`` is
    among them, and of every other group only one. A product without a price in the collection's own currency
    is held to no price; one without a vector gets the nearest by price.
    """
    like = likeness(version, row)
    mask = version.alive & version.coded["availability"].mask(["in_stock"]) & _near(version, row, near_price)
    if within is not None:
        mask = mask & within
    ids: list[str] = []
    needs: list[Need] = []
    groups: set[str] = set()
    rows, scores = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for need, same in _needs(version, row):
        found = _best(version, like, row, mask & same, limit + len(ids))
        fresh = []
        for place, (product_id, group) in enumerate(zip(found[0], found[1], strict=True)):
            if len(ids) == limit:
                break
            if product_id in ids or (group is not None and group in groups):
                continue
            ids.append(product_id)
            needs.append(need)
            fresh.append(place)
            if group is not None:
                groups.add(group)
        rows.append(found[2][fresh])
        scores.append(found[3][fresh])
        if len(ids) == limit:
            break
    return Substitutes(tuple(ids), np.concatenate(rows), np.concatenate(scores), tuple(needs))


def _near(version: Version, row: int, near_price: float) -> Words:
    one = np.array([row], np.int32)
    paid = float(version.prices.paid(one)[0])
    if math.isnan(paid) or not has(version.prices.priced, one)[0]:
        return version.alive
    return version.prices.range_mask(paid / near_price, paid * near_price)


def _needs(version: Version, row: int) -> Iterator[tuple[Need, Words]]:
    path = version.coded["category"].values(np.array([row], np.int32))[0]
    labels = [label.strip() for label in (path or "").split(">") if label.strip()]
    if not labels:
        yield "price", version.alive
        return
    yield "category", version.coded["category"].mask([" > ".join(labels)])
    if len(labels) > 1:
        yield "related", version.coded["category"].mask([" > ".join(labels[:-1])])


def _best(
    version: Version, like: Likeness, row: int, mask: Words, limit: int
) -> tuple[list[str], list[str | None], Rows, NDArray[np.float32]]:
    if like.vector is not None:
        found = alike(version, like, mask, limit)
        return list(found.ids), list(found.groups), found.rows, found.scores
    rows = rows_of(mask)
    away = np.abs(version.prices.paid(rows) - version.prices.paid(np.array([row], np.int32))[0])
    rows = rows[np.lexsort((version.ids.rank[rows], away))]
    ids = list(version.ids.ids(rows))
    groups = [version.page.static(at)["item_group_id"] or None for at in rows.tolist()]
    keep = one_per_group(like, ids, groups)[:limit]
    nothing = np.full(len(keep), np.nan, np.float32)
    return [ids[at] for at in keep], [groups[at] for at in keep], rows[keep], nothing
