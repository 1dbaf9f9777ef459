"""The order of matches, and the cut of one page out of it. Equals go by rising id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.kernels.order import by_price, first_in_order, top_scores

if TYPE_CHECKING:
    from mmpipe.schemas.search import Sort
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Keys = NDArray[np.float64]


@dataclass(frozen=True)
class After:
    """Where a page begins: behind the match with this ``key`` (a score or price, None for no price) and
    ``id``."""

    key: float | None
    id: str


@dataclass(frozen=True)
class Cut:
    """The rows of one page in order, and whether more follow. ``keys`` are what they are ordered by, NaN for
    no price; ``places`` where they stand among the matches, where that is known."""

    rows: Rows
    keys: Keys
    more: bool
    places: NDArray[np.int64] | None = None


def by_score(version: Version, rows: Rows, scores: Keys, limit: int, after: After | None) -> Cut:
    """Best first."""
    ids = version.ids
    if after is None:
        places = top_scores(rows, scores, ids.rank, limit + 1)
    else:
        key = np.inf if after.key is None else after.key
        places = top_scores(rows, scores, ids.rank, limit + 1, key, ids.place(after.id))
    page = places[:limit]
    return Cut(rows[page], scores[page], len(places) > limit, page)


def by_id(version: Version, words: Words, limit: int, after: After | None) -> Cut:
    """Rising ids."""
    ids = version.ids
    place = 0 if after is None else ids.place(after.id)
    rows = first_in_order(words, ids.order, ids.rank, limit + 1, place)
    return Cut(rows[:limit], np.zeros(min(len(rows), limit)), len(rows) > limit)


def by_paid(version: Version, words: Words, sort: Sort, limit: int, after: After | None) -> Cut:
    """By what is paid now; without a price in the collection's own currency last, by id."""
    ids, prices = version.ids, version.prices
    found: list[Rows] = []
    keys: list[Keys] = []
    if after is None or after.key is not None:
        key, place = (np.nan, 0) if after is None or after.key is None else (after.key, ids.place(after.id))
        rows = by_price(
            words & prices.priced, prices.table, ids.rank, limit + 1, sort == "price_desc", key, place
        )
        found.append(rows)
        keys.append(prices.paid(rows))
    have = sum(len(rows) for rows in found)
    if have <= limit:
        place = ids.place(after.id) if after is not None and after.key is None else 0
        rows = first_in_order(words & ~prices.priced, ids.order, ids.rank, limit + 1 - have, place)
        found.append(rows)
        keys.append(np.full(len(rows), np.nan))
    rows, key_of = np.concatenate(found), np.concatenate(keys)
    return Cut(rows[:limit], key_of[:limit], len(rows) > limit)
