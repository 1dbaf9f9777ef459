"""The order of matches, and the cut of one page out of it. Equals go by rising id."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import address, words_of
from mmpipe.search.kernels.order import by_number, first_in_order, top_scores

if TYPE_CHECKING:
    from mmpipe.schemas.search import Sort
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Keys = NDArray[np.float64]
Places = NDArray[np.int64]
Table = NDArray[np.int64]


@dataclass(frozen=True)
class After:
    """Where a page begins: behind the match with this ``key`` (a score, price or other number, None for
    none), ``second`` number and ``id``."""

    key: float | None
    id: str
    second: float | None = None


START = After(None, "")
"""Before the first match by score and by id."""


@dataclass(frozen=True)
class Cut:
    """The rows of one page in order, and whether more follow. ``keys`` are what they are ordered by, NaN for
    none, ``seconds`` what equals of these are, where that is more than their ids; ``places`` where they stand
    among the matches, where that is known."""

    rows: Rows
    keys: Keys
    more: bool
    places: Places | None = None
    seconds: Keys | None = None

    def after(self, version: Version, at: int) -> After:
        """Where a page begins behind the row at a place."""
        last, key = version.ids.ids(self.rows[[at]])[0], float(self.keys[at])
        if math.isnan(key):
            # These go by their ids alone.
            return After(None, last)
        second = 0.0 if self.seconds is None else float(self.seconds[at])
        return After(key, last, None if math.isnan(second) else second or None)


class Natural(Protocol):
    """The order of some matches, whichever it is."""

    def cut(self, limit: int, after: After | None) -> Cut:
        """The first ``limit`` of them, behind ``after``."""


@dataclass(frozen=True)
class Numbers:
    """A number of every row. ``table`` is as :func:`mmpipe.search.kernels.order.by_number` takes it, ``of``
    gives the numbers of some rows; ``present`` are the rows that have one."""

    table: Table
    present: Words
    of: Callable[[Rows], Keys]

    @classmethod
    def each(cls, values: Keys) -> Numbers:
        """Of a float64 for every row of a version, NaN for none."""
        values = np.require(values, np.float64, ["C", "W"])
        table = np.array([[0, len(values), address(values)]], np.int64)
        return cls(table, words_of(~np.isnan(values)), lambda rows: values[rows])

    @classmethod
    def none(cls, version: Version) -> Numbers:
        """Where no row has one."""
        words = np.zeros(version.layout.words, np.uint64)
        return cls(np.zeros((0, 3), np.int64), words, lambda rows: np.full(len(rows), np.nan))


@dataclass(frozen=True)
class Key:
    """What rows are ordered by: their ``numbers``, those without one last; equals by ``seconds``, falling,
    where there are such, then by id."""

    numbers: Numbers
    descending: bool
    seconds: Numbers | None = None


def key_of(version: Version, sort: Sort, popularity: Keys | None = None) -> Key | None:
    """What a sort goes by; None for rising ids, which is relevance where nothing is asked. ``popularity`` is
    a float64 for every row, NaN for none; None where nobody knows it."""
    prices, numbers = version.prices, version.numbers
    if sort in ("price_asc", "price_desc"):
        return Key(Numbers(prices.table, prices.priced, prices.paid), sort == "price_desc")
    if sort == "newest":
        added = numbers["added"]
        return Key(Numbers(added.table, added.present, added.of), True)
    if sort == "rating":
        rated, counted = numbers["rating"], numbers["rating_count"]
        seconds = Numbers(counted.table, counted.present, counted.of)
        return Key(Numbers(rated.table, rated.present, rated.of), True, seconds)
    if sort == "popularity":
        return Key(Numbers.none(version) if popularity is None else Numbers.each(popularity), True)
    return None


@dataclass(frozen=True)
class ByScore:
    """Best first. ``places`` are where the rows stand among all matches, None where they are all."""

    version: Version
    rows: Rows
    scores: Keys
    places: Places | None = None

    def cut(self, limit: int, after: After | None) -> Cut:
        """See :class:`Natural`."""
        ids = self.version.ids
        if after is None:
            places = top_scores(self.rows, self.scores, ids.rank, limit + 1)
        else:
            key = np.inf if after.key is None else after.key
            places = top_scores(self.rows, self.scores, ids.rank, limit + 1, key, ids.place(after.id))
        page = places[:limit]
        among = page if self.places is None else self.places[page]
        return Cut(self.rows[page], self.scores[page], len(places) > limit, among)


@dataclass(frozen=True)
class ByKey:
    """By a number of every row, NaN last, or by rising id where there is no ``key``."""

    version: Version
    words: Words
    key: Key | None

    def cut(self, limit: int, after: After | None) -> Cut:
        """See :class:`Natural`."""
        return by_key(self.version, self.words, self.key, limit, after)


def by_key(version: Version, words: Words, key: Key | None, limit: int, after: After | None) -> Cut:
    """The first of a bit set by a number, those without one last, by id."""
    ids = version.ids
    if key is None:
        place = 0 if after is None else ids.place(after.id)
        rows = first_in_order(words, ids.order, ids.rank, limit + 1, place)
        return Cut(rows[:limit], np.zeros(min(len(rows), limit)), len(rows) > limit)
    numbers, seconds = key.numbers, key.seconds
    found: list[Rows] = []
    if after is None or after.key is not None:
        begins, place, second = np.nan, 0, 0.0
        if after is not None and after.key is not None:
            begins, place, second = after.key, ids.place(after.id), after.second or 0.0
        found.append(
            by_number(
                words & numbers.present,
                numbers.table,
                ids.rank,
                limit + 1,
                key.descending,
                begins,
                place,
                None if seconds is None else seconds.table,
                second,
            )
        )
    have = sum(len(rows) for rows in found)
    if have <= limit:
        place = ids.place(after.id) if after is not None and after.key is None else 0
        found.append(first_in_order(words & ~numbers.present, ids.order, ids.rank, limit + 1 - have, place))
    rows = np.concatenate(found)
    keys = np.concatenate([numbers.of(rows[:have]), np.full(len(rows) - have, np.nan)])
    more, rows = len(rows) > limit, rows[:limit]
    return Cut(rows, keys[:limit], more, None, None if seconds is None else seconds.of(rows))
