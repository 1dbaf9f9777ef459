"""The places of a list that are paid for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.recommend.sponsored import Context
from mmpipe.search.find.groups import groups_of

if TYPE_CHECKING:
    from mmpipe.recommend.kinds.asked import Asked
    from mmpipe.recommend.rank.choice import Taken
    from mmpipe.recommend.rank.scored import Because, Scored
    from mmpipe.recommend.sponsored import Sponsored


@dataclass(frozen=True)
class Item:
    """The candidate at one place of what a measure found, to be shown."""

    scored: Scored
    at: int
    explored: bool = False
    sponsored: bool = False

    @property
    def row(self) -> int:
        """Its row in the version."""
        return int(self.scored.rows[self.at])

    @property
    def score(self) -> float:
        """Its score."""
        return self.scored.score(self.at)


def because(items: list[Item]) -> list[list[Because]]:
    """The parts of each item's score."""
    found: list[list[Because]] = [[] for _ in items]
    for scored in {id(item.scored): item.scored for item in items}.values():
        places = [place for place, item in enumerate(items) if item.scored is scored]
        at = np.array([items[place].at for place in places], np.int64)
        for place, parts in zip(places, scored.because(at), strict=True):
            found[place] = parts
    return found


def sold(
    sponsored: Sponsored, asked: Asked, items: list[Item], taken: Taken, limit: int, slots: int | None
) -> tuple[list[Item], str | None]:
    """A list's ``items`` with those that are paid for in their places, at most ``limit`` and ``slots``, and
    the id by which a click on one of these is known; None where nothing was sold.

    For sale are the candidates of the measure that gave the first item, as relevant as their scores are in
    parts of the highest: those in the list already, and those that nothing excludes. A product is in the list
    once, and so is a group; what is pushed behind the limit is left out.
    """
    bids = sponsored.bids.by_product
    scored = items[0].scored
    scores = scored.scores
    highest = float(scores.max())
    if not bids or highest <= 0:
        return items, None
    listed = {item.row for item in items}
    free: dict[str, int] = {}
    for at, (product_id, row) in enumerate(
        zip(asked.version.ids.ids(scored.rows), scored.rows.tolist(), strict=True)
    ):
        if product_id in bids and (row in listed or not taken.has(row)):
            free[product_id] = at
    relevance = [(product_id, float(scores[at]) / highest) for product_id, at in free.items()]
    exposures = None if asked.behaviour is None else asked.behaviour.exposures_of_ids
    won = sponsored.place(relevance, slots, Context(asked.main_category(), None, exposures))
    placed: dict[int, Item] = {}
    shown = []
    groups = set(_groups(asked, [item.row for item in items])) - {-1}
    for each in won:
        item = Item(scored, free[each.product_id], sponsored=True)
        (group,) = _groups(asked, [item.row])
        if each.position >= limit or (item.row not in listed and group in groups):
            continue
        groups |= {group} - {-1}
        placed[each.position] = item
        shown.append(each)
    if not placed:
        return items, None
    rows = {item.row for item in placed.values()}
    found = [item for item in items if item.row not in rows]
    for position, item in sorted(placed.items()):
        found.insert(min(position, len(found)), item)
    return found[:limit], sponsored.query_id(shown)


def _groups(asked: Asked, rows: list[int]) -> list[int]:
    found: list[int] = groups_of(asked.version, np.array(rows, np.int32)).tolist()
    return found
