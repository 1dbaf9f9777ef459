"""Counts of values over exactly the matching rows.

Every count is what ``total`` would be among the same matches with that value as the filter: spellings that
differ in case are one value, a category path counts for its ancestors, a price range names its inclusive
ends. Values come by falling count, then by value; at most ``MAX_VALUES`` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.search.present import plain_number

if TYPE_CHECKING:
    from mmpipe.search.dictionaries import Tally
    from mmpipe.search.snapshot import Snapshot

Rows = NDArray[np.int64]
MAX_VALUES = 50
PRICE_RANGES = 5
_ATTRIBUTE = "attributes."


def check(names: Sequence[str]) -> None:
    """Raise :class:`InvalidRequest` for a name that is no facet."""
    for name in names:
        if (
            name not in FACET_FIELDS
            and name != "price"
            and not (name.startswith(_ATTRIBUTE) and len(name) > len(_ATTRIBUTE))
        ):
            known = ", ".join((*FACET_FIELDS, "price"))
            raise InvalidRequest(
                "facets", f"no facet '{name[:80]}'; known are {known}, and attributes.<name>"
            )


def count(snapshot: Snapshot, rows: Rows, names: Sequence[str]) -> dict[str, Tally]:
    """Per facet name its ``(value, count)`` list over ``rows`` (each row once)."""
    return {name: _count(snapshot, rows, name) for name in names}


def _count(snapshot: Snapshot, rows: Rows, name: str) -> Tally:
    if name == "price":
        return _price_ranges(snapshot, rows)
    if name.startswith(_ATTRIBUTE):
        return _attribute(snapshot, rows, name.removeprefix(_ATTRIBUTE))
    codes = snapshot.codes[name][rows]
    counts = np.bincount(codes[codes >= 0])
    return _top(snapshot.dictionaries.fields[name].tally(counts))


def _attribute(snapshot: Snapshot, rows: Rows, name: str) -> Tally:
    pairs = snapshot.dictionaries.pairs
    number = pairs.name(name)
    if number is None:
        return []
    positions, codes = snapshot.pairs(rows)
    named = np.flatnonzero(codes >= 0)
    named = named[pairs.names.view()[codes[named]] == number]
    # A row that carries one value in two spellings still counts once.
    groups = pairs.groups.view()[codes[named]].astype(np.int64)
    _, first = np.unique(positions[named] * (len(pairs) + 1) + groups, return_index=True)
    tally = pairs.tally(np.bincount(codes[named[first]]))
    return _top([(pair.partition("=")[2].strip(), number_of_rows) for pair, number_of_rows in tally])


def _price_ranges(snapshot: Snapshot, rows: Rows) -> Tally:
    """Up to ``PRICE_RANGES`` ranges of about equally many products, from cheap to dear, as ``low..high``."""
    prices = np.sort(snapshot.price[rows[snapshot.priced[rows]]])
    if not len(prices):
        return []
    values, counts = np.unique(prices, return_counts=True)
    # A price belongs to the range that holds the middle of its products, so equal prices stay together.
    middle = (np.cumsum(counts) - counts / 2) / len(prices)
    bucket = np.minimum((middle * PRICE_RANGES).astype(np.int64), PRICE_RANGES - 1)
    ranges: Tally = []
    for index in np.unique(bucket).tolist():
        inside = bucket == index
        low, high = float(values[inside][0]), float(values[inside][-1])
        ranges.append((f"{plain_number(low)}..{plain_number(high)}", int(counts[inside].sum())))
    return ranges


def _top(tally: Tally) -> Tally:
    ordered = sorted([(-count, value) for value, count in tally])[:MAX_VALUES]
    return [(value, -negative) for negative, value in ordered]
