"""Two rankings in one list, and whose the clicks are.

Team-draft interleaving (Radlinski, Kurup and Joachims, *How does clickthrough data reflect retrieval
quality?*, CIKM 2008): as captains choose players, the rankings pick in turn their best product that is not
taken yet, and a coin decides who picks first in each round. Where the rankings are the same, every position
is either's with probability one half, so clicks without preference favour nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def interleave(
    a: Sequence[Item], b: Sequence[Item], seed: str, limit: int | None = None
) -> tuple[list[Item], list[int]]:
    """One list out of two, each product once, and for each place the team that picked it: 0 for ``a``, 1 for
    ``b``, −1 for what was left of one list when the other had run out (nobody's: it earns no credit).

    The same for the same ``seed``, everywhere; at most ``limit`` products. ``a`` and ``b`` may each name a
    product twice; the second time is passed over.
    """
    lists = (a, b)
    at = [0, 0]
    picks = [0, 0]
    items: list[Item] = []
    teams: list[int] = []
    taken: set[Item] = set()
    most = len(a) + len(b) if limit is None else max(0, limit)

    def following(team: int) -> bool:
        """Move to the team's best product that is not taken; False where there is none."""
        ranking = lists[team]
        while at[team] < len(ranking) and ranking[at[team]] in taken:
            at[team] += 1
        return at[team] < len(ranking)

    def pick(team: int, credited: int) -> None:
        item = lists[team][at[team]]
        taken.add(item)
        items.append(item)
        teams.append(credited)

    while len(items) < most and following(0) and following(1):
        team = _coin(seed, picks[0]) if picks[0] == picks[1] else int(picks[1] < picks[0])
        pick(team, team)
        picks[team] += 1
    for team in (0, 1):
        while len(items) < most and following(team):
            pick(team, -1)
    return items, teams


def credit(teams: Mapping[Item, int], clicked: Iterable[Item]) -> tuple[int, int]:
    """How many different products that were clicked each team had picked."""
    won = [0, 0]
    for item in set(clicked):
        team = teams.get(item, -1)
        if team >= 0:
            won[team] += 1
    return won[0], won[1]


def _coin(seed: str, toss: int) -> int:
    return hashlib.blake2b(f"{toss}\0{seed}".encode(), digest_size=1).digest()[0] & 1
