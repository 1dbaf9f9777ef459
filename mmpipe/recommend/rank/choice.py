"""Which candidates a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.rank.exploration import explored
from mmpipe.search.find.diversity import diversified
from mmpipe.search.find.groups import groups_of
from mmpipe.search.kernels.memory import has, set_rows

if TYPE_CHECKING:
    from mmpipe.recommend.rank.scored import Scored
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Words = NDArray[np.uint64]
Places = NDArray[np.int64]
Exposures = Callable[[Rows], tuple[NDArray[np.int64], NDArray[np.int64]]]

# Candidates that diversity and exploration choose from, for each that is shown.
_POOL = 4
_MOST = 200


@dataclass
class Taken:
    """What a call has used up of ``version``: rows, a bit set, and groups of variants."""

    version: Version
    rows: Words
    groups: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, version: Version, rows: Rows) -> Taken:
        """Some products, and so their variants."""
        taken = cls(version, np.zeros(version.layout.words, np.uint64))
        taken.add(rows)
        return taken

    def add(self, rows: Rows) -> None:
        """Further products, and so their variants."""
        if len(rows):
            self.rows |= set_rows(rows, self.version.layout.rows)
            groups = groups_of(self.version, rows)
            self.groups.update(groups[groups >= 0].tolist())

    def has(self, row: int) -> bool:
        """Whether a product is used up, or a variant of it."""
        one = np.array([row], np.int32)
        return bool(has(self.rows, one)[0]) or int(groups_of(self.version, one)[0]) in self.groups


@dataclass(frozen=True)
class Manner:
    """How a list is put together beyond its scores. ``exposures`` tells of rows how often each was shown and
    clicked, None where nobody knows; ``draws`` gives what chance goes by."""

    diversity: float
    explore: float
    exposures: Exposures | None
    draws: Callable[[], np.random.Generator]


@dataclass(frozen=True)
class Chosen:
    """Places of the candidates to show, in order, and those of them that are explored."""

    places: Places
    explored: frozenset[int]


def choose(version: Version, scored: Scored, limit: int, taken: Taken, manner: Manner) -> Chosen:
    """Up to ``limit`` of the candidates, none of ``taken`` and one of each group. By falling score, equals by
    id, unless diversity or exploration says otherwise."""
    scores = scored.scores
    order = np.lexsort((version.ids.rank[scored.rows], -scores))
    plain = manner.diversity <= 0 and (manner.explore <= 0 or manner.exposures is None)
    pool = _collapsed(scored.rows, order, limit if plain else min(_POOL * limit, limit + _MOST), taken)
    if not len(pool) or plain:
        return Chosen(pool, frozenset())
    rows, worth = scored.rows[pool], scores[pool]
    picked = list(range(len(pool)))
    if manner.diversity > 0:
        vectors, _ = version.fused.gather(rows)
        picked = diversified(worth, vectors, manner.diversity, limit)
    cold: set[int] = set()
    if manner.explore > 0 and manner.exposures is not None:
        shown, clicked = manner.exposures(rows)
        # Where nobody tells what was shown, nobody knows what is cold.
        if shown.any():
            picked, cold = explored(picked, limit, worth, shown, clicked, manner.explore, manner.draws())
    places = pool[np.array(picked[:limit], np.int64)]
    return Chosen(places, frozenset(int(pool[at]) for at in cold))


def _collapsed(rows: Rows, order: Places, count: int, taken: Taken) -> Places:
    found: list[int] = []
    groups = set(taken.groups)
    # Most lists are full long before the last candidate.
    step = 2 * count
    for begin in range(0, len(order), step):
        some = order[begin : begin + step]
        some = some[~has(taken.rows, rows[some])]
        for place, group in zip(some.tolist(), groups_of(taken.version, rows[some]).tolist(), strict=True):
            if group >= 0:
                if group in groups:
                    continue
                groups.add(group)
            found.append(place)
            if len(found) == count:
                return np.array(found, np.int64)
    return np.array(found, np.int64)
