"""What a page shows, in order: pinned products at their places, the best matches in a better order, the rest.

The natural order of matches is total, and a page of it begins behind the last one shown. Two things change
it: rules pin products to positions, and the first matches, the *window*, may be put in another order, by a
judge or so that what is alike does not stand together. The first page does so once; what it does not show of
the window goes with the cursor, by id, so that no later page can judge otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from mmpipe.search.find import groups, rank
from mmpipe.search.find.diversity import diversified
from mmpipe.search.find.rank import START, After, ByKey, ByScore
from mmpipe.search.kernels.memory import has, set_rows

if TYPE_CHECKING:
    from mmpipe.search.find.query import EncodedQuery
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Keys = NDArray[np.float64]
Places = NDArray[np.int64]
MAX_WINDOW = 300
# Of so many a page is chosen where what is alike is to stand apart.
_TIMES, _LEAST = 3, 60


class Reorder(Protocol):
    """Puts the first matches in another order."""

    def depth(self, limit: int) -> int:
        """How many it looks at, for pages of ``limit``; :data:`MAX_WINDOW` at most are given."""

    def order(self, version: Version, query: EncodedQuery, rows: Rows, scores: Keys) -> Places | None:
        """Their places in the new order, each once, int64; None to leave them. They come best first."""


@dataclass(frozen=True)
class Diversity:
    """Of what is alike the first pages show less, see :mod:`mmpipe.search.find.diversity`."""

    diversity: float

    def depth(self, limit: int) -> int:
        """See :class:`Reorder`."""
        return max(_TIMES * limit, _LEAST)

    def order(self, version: Version, query: EncodedQuery, rows: Rows, scores: Keys) -> Places | None:
        """See :class:`Reorder`."""
        vectors, _ = version.fused.gather(rows)
        return np.array(diversified(scores, vectors, self.diversity, len(rows)), np.int64)


@dataclass(frozen=True)
class Begin:
    """Where a page begins: so many were ``shown`` before, pins up to the position ``pinned`` among them. Of
    the window the ids of ``rest`` come next, then the natural order goes on ``after`` a match; None: from its
    first."""

    after: After | None = None
    shown: int = 0
    pinned: int = 0
    rest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pinned:
    """Pinned products that can be shown: their ``positions`` from 1 on, rising, and ``rows``."""

    positions: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()

    def array(self) -> Rows:
        """The rows, int32."""
        return np.array(self.rows, np.int32)


@dataclass(frozen=True)
class Page:
    """The rows of a page in order, and where the next one begins, None where nothing follows. ``places`` are
    those among all matches where they are known. ``judged`` is whether the judge gave an order, None where
    nobody judged."""

    rows: Rows
    following: Begin | None
    places: Places | None = None
    judged: bool | None = None


def plain(version: Version, natural: ByScore | ByKey, begins: Begin, limit: int) -> Page:
    """A page of the natural order alone."""
    cut = natural.cut(limit, begins.after)
    following = None
    if cut.more:
        following = Begin(cut.after(version, len(cut.rows) - 1), begins.shown + len(cut.rows), begins.pinned)
    return Page(cut.rows, following, cut.places)


@dataclass(frozen=True)
class Composer:
    """Makes pages of a natural order with pins and a window. ``natural`` has none of the pinned."""

    version: Version
    natural: ByScore | ByKey
    pinned: Pinned

    def first(
        self,
        query: EncodedQuery,
        limit: int,
        judge: Reorder | None,
        diversity: Reorder | None,
        room: int,
    ) -> Page:
        """The first page. What is left of the window takes at most ``room`` bytes as JSON."""
        orders = [order for order in (judge, diversity) if order is not None]
        depth = min(max((order.depth(limit) for order in orders), default=0), MAX_WINDOW)
        cut = self.natural.cut(max(depth, limit), None)
        depth = _fitting(self.version.ids.ids(cut.rows[:depth]), room)
        order, judged = self._ordered(query, cut.rows[:depth], cut.keys[:depth], limit, judge, diversity)
        after = cut.after(self.version, depth - 1) if depth else START
        tail = rank.Cut(cut.rows[depth:], cut.keys[depth:], cut.more)
        return self._page(Begin(after), limit, cut.rows[:depth][order].tolist(), tail, judged)

    def later(self, begins: Begin, limit: int) -> Page:
        """A page behind the first."""
        rest = self._still(begins.rest)
        natural = self.natural
        if rest:
            natural = groups.without(natural, np.array(rest, np.int32), None)
        return self._page(begins, limit, rest, natural.cut(limit, begins.after), None)

    def _page(
        self, begins: Begin, limit: int, window: Sequence[int], tail: rank.Cut, judged: bool | None
    ) -> Page:
        """Pins that are due, then the window, then the ``tail``, which is the natural order behind it."""
        rows: list[int] = []
        pins = [
            each
            for each in zip(self.pinned.positions, self.pinned.rows, strict=True)
            if each[0] > begins.pinned
        ]
        others = [*window, *tail.rows.tolist()]
        due = taken = 0
        while len(rows) < limit and (due < len(pins) or taken < len(others)):
            position = begins.shown + len(rows) + 1
            if due < len(pins) and (pins[due][0] <= position or taken == len(others)):
                rows.append(pins[due][1])
                due += 1
            else:
                rows.append(others[taken])
                taken += 1
        more = due < len(pins) or taken < len(others) or tail.more
        following = None
        if more:
            left = window[taken:]
            following = Begin(
                tail.after(self.version, taken - len(window) - 1) if taken > len(window) else begins.after,
                begins.shown + len(rows),
                pins[due - 1][0] if due else begins.pinned,
                tuple(self.version.ids.ids(np.array(left, np.int32))) if left else (),
            )
        return Page(np.array(rows, np.int32), following, None, judged)

    def _ordered(
        self,
        query: EncodedQuery,
        rows: Rows,
        scores: Keys,
        limit: int,
        judge: Reorder | None,
        diversity: Reorder | None,
    ) -> tuple[Places, bool | None]:
        order = np.arange(len(rows), dtype=np.int64)
        judged: bool | None = None
        for reorder in (judge, diversity):
            if reorder is None:
                continue
            first = order[: reorder.depth(limit)]
            found = reorder.order(self.version, query, rows[first], scores[first]) if len(first) else None
            if reorder is judge:
                judged = found is not None
            if found is not None:
                order[: len(first)] = first[found]
                # What was judged goes by its place from now on.
                scores = np.empty(len(rows))
                scores[order] = np.linspace(1.0, 0.0, len(rows))
        return order, judged

    def _still(self, ids: Iterable[str]) -> list[int]:
        """The rows of those that are matches still."""
        rows = [row for row in map(self.version.find, ids) if row is not None]
        if not rows:
            return []
        natural = self.natural
        words: Words = (
            natural.words if isinstance(natural, ByKey) else set_rows(natural.rows, self.version.layout.rows)
        )
        held = has(words, np.array(rows, np.int32)).tolist()
        return list(dict.fromkeys(row for row, there in zip(rows, held, strict=True) if there))


def _fitting(ids: Sequence[str], room: int) -> int:
    """How many of some ids take no more than ``room`` bytes as JSON."""
    taken = 0
    for count, each in enumerate(ids):
        taken += len(to_json(each)) + 1
        if taken > room:
            return count
    return len(ids)
