"""Which candidates a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.rank.diversity import diversified
from mmpipe.recommend.rank.exploration import explored

if TYPE_CHECKING:
    from mmpipe.recommend.kinds.shelf import Shelf
    from mmpipe.recommend.rank.scored import Scored
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Places = NDArray[np.int64]
Exposures = Callable[[Rows], tuple[NDArray[np.int64], NDArray[np.int64]]]

# Candidates that diversity and exploration choose from, for each that is shown.
_POOL = 4
_MOST = 200
# Products that are looked up at once beyond those, for some are variants.
_SPARE = 8


@dataclass
class Taken:
    """What a call has used up: rows, and groups of variants."""

    rows: set[int] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)

    def add(self, row: int, shelf: Shelf) -> None:
        """A product, and so its variants."""
        self.rows.add(row)
        group = shelf.group(row)
        if group is not None:
            self.groups.add(group)


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


def choose(
    version: Version, shelf: Shelf, scored: Scored, limit: int, taken: Taken, manner: Manner
) -> Chosen:
    """Up to ``limit`` of the candidates, none of ``taken`` and one of each group. By falling score, equals by
    id, unless diversity or exploration says otherwise."""
    scores = scored.scores
    order = np.lexsort((version.ids.rank[scored.rows], -scores))
    plain = manner.diversity <= 0 and (manner.explore <= 0 or manner.exposures is None)
    pool = _collapsed(shelf, scored.rows, order, limit if plain else min(_POOL * limit, limit + _MOST), taken)
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


def _collapsed(shelf: Shelf, rows: Rows, order: Places, count: int, taken: Taken) -> Places:
    found: list[int] = []
    groups: set[str] = set()
    shelf.see(rows[order[: count + _SPARE]].tolist())
    for place in order.tolist():
        row = int(rows[place])
        if row in taken.rows:
            continue
        group = shelf.group(row)
        if group is not None:
            if group in groups or group in taken.groups:
                continue
            groups.add(group)
        found.append(place)
        if len(found) == count:
            break
    return np.array(found, np.int64)
