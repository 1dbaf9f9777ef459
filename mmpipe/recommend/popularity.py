"""What shoppers chose lately, by row: what a search is sorted by popularity with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.recommend.items import ItemRows
    from mmpipe.recommend.signals import Actions
    from mmpipe.search.versions.version import Columns

Values = NDArray[np.float64]

# An event of a week ago counts half. Behaviour keeps sums of this half-life up to date.
HALF_LIFE_SECONDS = 7 * 86_400.0
# Sums that are rearranged differ in their last digits, which must not change an order between two pages.
_DECIMALS = 6
# What shoppers do counts after so long at most.
_SECONDS = 1.0


def popularity(items: ItemRows, actions: Actions, now: float) -> Values:
    """How much shoppers did with every row's product, float64 ``(layout.rows,)``, NaN where nothing.

    It is the base-2 logarithm of the sum of its events' weights, each halved per
    :data:`HALF_LIFE_SECONDS` since it happened, plus the half-lives that ``now`` is since 1970: time passing
    changes none of them, so that pages agree, and an event only adds to its own product's.
    """
    codes, weights = actions.trending(now, HALF_LIFE_SECONDS)
    rows = items.rows(codes)
    there = (rows >= 0) & (weights > 0)
    found = np.full(items.version.layout.rows, np.nan)
    found[rows[there]] = np.round(np.log2(weights[there]) + now / HALF_LIFE_SECONDS, _DECIMALS)
    return found


@dataclass(frozen=True)
class _Kept:
    columns: Columns
    actions: Actions
    since: float
    values: Values


class PopularityOfCollections:
    """:func:`popularity` of each collection's version that was asked last. Safe for many threads."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of(self, items: ItemRows, actions: Actions, now: float) -> Values:
        """What it was at most a second ago; nobody may write into it."""
        version = items.version
        kept = self._kept.get(version.collection)
        if (
            kept is None
            or kept.columns is not version.columns
            or kept.actions is not actions
            or not 0 <= now - kept.since < _SECONDS
        ):
            kept = _Kept(version.columns, actions, now, popularity(items, actions, now))
            self._kept[version.collection] = kept
        return kept.values
