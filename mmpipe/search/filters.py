"""Filters to a mask over rows.

A value, attribute name or category that no product carries matches nothing: what a catalogue holds changes
from upload to upload, so asking for what it lacks today is no fault of the request. Values are only looked up
in dictionaries, never evaluated, so there is nothing to inject into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.schemas.product import FACET_FIELDS

if TYPE_CHECKING:
    from mmpipe.schemas.search import Filters, PriceRange
    from mmpipe.search.snapshot import Snapshot

Mask = NDArray[np.bool_]


def mask(snapshot: Snapshot, filters: Filters) -> Mask | None:
    """Live rows that satisfy every filter; None where no filter is given."""
    found: Mask | None = None
    for part in _parts(snapshot, filters):
        found = part if found is None else found & part
    return None if found is None else found & snapshot.alive


def _parts(snapshot: Snapshot, filters: Filters) -> list[Mask]:
    parts = []
    for field in FACET_FIELDS:
        values = getattr(filters, field)
        if values:
            parts.append(snapshot.dictionaries.fields[field].allowed(values)[snapshot.codes[field]])
    for name, values in filters.attributes.items():
        allowed = snapshot.dictionaries.pairs.allowed(f"{name}={value}" for value in values)
        parts.append(snapshot.rows_with_pair(allowed))
    if filters.price is not None and (filters.price.gte is not None or filters.price.lte is not None):
        parts.append(_in_range(snapshot, filters.price))
    return parts


def _in_range(snapshot: Snapshot, price: PriceRange) -> Mask:
    """What is paid at the snapshot's moment is compared, in the collection's own currency; products priced in
    another one never match."""
    found = snapshot.priced
    if price.gte is not None:
        found = found & (snapshot.price >= float(price.gte))
    if price.lte is not None:
        found = found & (snapshot.price <= float(price.lte))
    return found
