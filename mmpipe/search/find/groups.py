"""Groups of variants: of each ``item_group_id`` one match stands for the others. Products without a group
stand for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.scratch import Scratch
from mmpipe.search.find.rank import ByKey, ByScore
from mmpipe.search.kernels import groups as kernels
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Codes = NDArray[np.int32]
FIELD = "item_group_id"


# What the passes leave as zeros under "best", and what they need not.
_scratch = Scratch()


def groups_of(version: Version, rows: Rows) -> Codes:
    """The number of each of some rows' groups, int32, as :class:`Groups` has it for all."""
    return version.coded[FIELD].codes(rows)


@dataclass(frozen=True)
class Groups:
    """The groups of a version: ``of`` int32 is each row's, dead ones included, -1 for none; all are below
    ``size``. Equal numbers are equal ids."""

    of: Codes
    size: int

    @classmethod
    def in_version(cls, version: Version) -> Groups:
        """Kept with the version from the first call on."""
        column = version.coded[FIELD]
        return cls(column.every, column.size)

    def best(self, order: ByScore | ByKey) -> ByScore | ByKey:
        """The same order of the first of each group alone."""
        return self._by_score(order) if isinstance(order, ByScore) else self._by_key(order)

    def _by_score(self, order: ByScore) -> ByScore:
        version, rows, scores = order.version, order.rows, order.scores
        kept = kernels.best_by_score(
            rows, scores, version.ids.rank, self.of, _scratch.of("best", self.size, np.int64)
        )
        return ByScore(
            version, rows[kept], scores[kept], kept if order.places is None else order.places[kept]
        )

    def _by_key(self, order: ByKey) -> ByKey:
        version, words, key = order.version, np.require(order.words, np.uint64, ["C", "W"]), order.key
        best = _scratch.of("best", self.size, np.int64)
        if key is None or not len(key.numbers.table):
            return ByKey(version, kernels.best_by_id(words, version.ids.rank, self.of, best), key)
        found = kernels.best_by_number(
            words,
            np.require(key.numbers.present, np.uint64, ["C", "W"]),
            key.numbers.table,
            version.ids.rank,
            key.descending,
            None if key.seconds is None else key.seconds.table,
            self.of,
            best,
            _scratch.of("keys", self.size, np.float64),
            _scratch.of("ties", self.size, np.int64),
        )
        return ByKey(version, found, key)

    def marks(self, rows: Rows) -> NDArray[np.uint8]:
        """Which groups some rows are of, an entry per group and one more."""
        found = np.zeros(self.size + 1, np.uint8)
        codes = self.of[rows]
        found[codes[codes >= 0]] = 1
        return found

    def members(self, words: Words, rows: Rows) -> Rows:
        """The rows of a bit set that are of the groups of some rows, ascending."""
        found: Rows = kernels.members(self.of, self.marks(rows))
        return found[has(words, found)]

    def one_each(self, rows: Sequence[int]) -> list[int]:
        """Some rows without those whose group is that of one before."""
        seen: set[int] = set()
        kept = []
        for row in rows:
            group = int(self.of[row])
            if group < 0 or group not in seen:
                kept.append(row)
                seen.add(group)
        return kept


def without(order: ByScore | ByKey, rows: Rows, groups: Groups | None) -> ByScore | ByKey:
    """An order without some rows, and with ``groups`` without all that is of theirs."""
    version = order.version
    marks = None if groups is None else groups.marks(rows)
    if isinstance(order, ByScore):
        gone = np.isin(order.rows, rows)
        if groups is not None and marks is not None:
            gone |= marks[groups.of[order.rows]] != 0
        kept = np.flatnonzero(~gone)
        places = kept if order.places is None else order.places[kept]
        return ByScore(version, order.rows[kept], order.scores[kept], places)
    words = order.words.copy()
    if groups is not None:
        rows = np.union1d(rows, groups.members(words, rows)).astype(np.int32)
    held = rows[has(words, rows)]
    np.bitwise_and.at(words, held >> 6, ~(np.uint64(1) << (held & 63).astype(np.uint64)))
    return ByKey(version, words, order.key)
