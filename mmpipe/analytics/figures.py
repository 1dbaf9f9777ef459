"""Figures of groups of searches, all groups in a few passes."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.schemas.analytics import Figures

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Of 95 %.
_Z: Final = 1.959963984540054


@dataclass(frozen=True)
class Searches:
    """Searches as parallel arrays: milliseconds; whether one found something, was followed by a click, a
    cart, a purchase; later pages, clicks, clicks that say a place, and the sum of these places."""

    ms: Floats
    found: Bools
    clicked: Bools
    carted: Bools
    bought: Bools
    later_pages: Ints
    clicks: Ints
    placed: Ints
    places: Ints

    def take(self, rows: Ints) -> Searches:
        """Those of these rows, in their order."""
        return Searches(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


class Grouped:
    """Figures by group. ``group`` numbers each search's, from 0 to ``count`` − 1; each has a search."""

    def __init__(self, searches: Searches, group: Ints, count: int) -> None:
        def sums(values: Bools | Ints) -> Ints:
            # Exact: doubles hold whole numbers up to 2**53.
            return np.bincount(group, values, count).astype(np.int64)

        found = searches.found
        self.searches = np.bincount(group, minlength=count).astype(np.int64)
        self.found = sums(found)
        # What nothing was found for cannot be clicked, whatever an event says.
        self.clicked = sums(searches.clicked & found)
        self.carts = sums(searches.carted & found)
        self.purchases = sums(searches.bought & found)
        self.later_pages = sums(searches.later_pages)
        self.clicks = sums(searches.clicks * found)
        self._placed = sums(searches.placed * found)
        self._places = sums(searches.places * found)
        order = np.lexsort((searches.ms, group))
        ends = np.cumsum(self.searches)
        sorted_ms = searches.ms[order]
        self.p50, self.p95 = (_ranked(sorted_ms, ends, self.searches, share) for share in (0.5, 0.95))

    @property
    def empty(self) -> Ints:
        """Searches that found nothing."""
        return self.searches - self.found

    def figures(self, group: int) -> Figures:
        """Of one group."""
        searches, found, clicked = (int(each[group]) for each in (self.searches, self.found, self.clicked))
        carts, purchases, placed = (int(each[group]) for each in (self.carts, self.purchases, self._placed))
        low, high = wilson(clicked, found)
        return Figures(
            searches=searches,
            empty=searches - found,
            empty_rate=(searches - found) / searches,
            pages=(searches + int(self.later_pages[group])) / searches,
            clicked=clicked,
            ctr=clicked / found if found else None,
            ctr_low=low,
            ctr_high=high,
            clicks=int(self.clicks[group]),
            position=int(self._places[group]) / placed if placed else None,
            carts=carts,
            cart_rate=carts / found if found else None,
            purchases=purchases,
            purchase_rate=purchases / found if found else None,
            p50_ms=float(self.p50[group]),
            p95_ms=float(self.p95[group]),
        )


def wilson(successes: int, trials: int) -> tuple[float | None, float | None]:
    """The interval of a share at 95 % (Wilson, *Probable inference*, JASA 22, 1927); None without trials."""
    if not trials:
        return None, None
    share, z2 = successes / trials, _Z * _Z
    middle = share + z2 / (2 * trials)
    width = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    low = 0.0 if successes == 0 else (middle - width) / scale
    high = 1.0 if successes == trials else (middle + width) / scale
    return low, high


def wilson_high(successes: Ints, trials: Ints) -> Floats:
    """The upper bounds alone, elementwise; 1 without trials."""
    n = np.maximum(trials, 1).astype(np.float64)
    share, z2 = successes / n, _Z * _Z
    high = (share + z2 / (2 * n) + _Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return np.where(successes >= trials, 1.0, high)


def _ranked(ordered: Floats, ends: Ints, counts: Ints, share: float) -> Floats:
    """By nearest rank: the least value that is no less than ``share`` of its group."""
    rank = np.maximum(np.ceil(share * counts).astype(np.int64), 1)
    return ordered[ends - counts + rank - 1] if len(ordered) else np.zeros(0)
