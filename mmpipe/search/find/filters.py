"""Filters to a bit set over rows.

A value, attribute name or category that no product carries matches nothing: what a catalogue holds changes
from upload to upload, so asking for what it lacks today is no fault of the request. Values are only looked up
in dictionaries, never evaluated, so there is nothing to inject into.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.search.find import expression

if TYPE_CHECKING:
    from mmpipe.schemas.conditions import Condition
    from mmpipe.schemas.search import Filters, PriceRange
    from mmpipe.search.versions.version import Version

Words = NDArray[np.uint64]


def mask(version: Version, filters: Filters, *, in_stock: bool = False) -> Words:
    """Living rows that satisfy every filter, all of them where none is given; of these with ``in_stock`` the
    ones that are not out of stock.

    The words are kept and shared: nobody may write into them.
    """
    given = bool(filters.model_fields_set)
    if not given and not in_stock:
        return version.alive
    key = in_stock, _key(filters) if given else None
    found: Words | None = version.prices.masks.get(key)
    if found is None:
        found = version.alive
        for part in _parts(version, filters):
            found = found & part
        if in_stock:
            found = found & ~version.coded["availability"].mask(["out_of_stock"])
        if found is not version.alive:
            version.prices.masks.put(key, found)
    return found


def allowed(
    version: Version, filters: Filters, conditions: Sequence[Condition], *, in_stock: bool = False
) -> Words:
    """:func:`mask` of the filters, less what does not meet every condition; as little to be written into."""
    found = mask(version, filters, in_stock=in_stock)
    for condition in conditions:
        found = found & expression.mask(version, condition)
    return found


def _key(filters: Filters) -> Hashable:
    fields = ((field, getattr(filters, field)) for field in FACET_FIELDS)
    price = filters.price
    return (
        tuple((field, frozenset(values)) for field, values in fields if values),
        frozenset((name, frozenset(values)) for name, values in filters.attributes.items()),
        None if price is None else _bounds(price),
    )


def _bounds(price: PriceRange) -> tuple[float | None, float | None]:
    return (
        None if price.gte is None else float(price.gte),
        None if price.lte is None else float(price.lte),
    )


def _parts(version: Version, filters: Filters) -> list[Words]:
    parts = []
    for field in FACET_FIELDS:
        values = getattr(filters, field)
        if values:
            parts.append(version.coded[field].mask(values))
    parts.extend(version.pairs.mask(name, values) for name, values in filters.attributes.items())
    if filters.price is not None:
        gte, lte = _bounds(filters.price)
        if gte is not None or lte is not None:
            # What is paid at the version's moment is compared, in the collection's own currency; products
            # priced in another one never match.
            parts.append(version.prices.range_mask(gte, lte))
    return parts
