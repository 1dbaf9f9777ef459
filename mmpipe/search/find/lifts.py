"""What lifts or lowers some of the matches: boosts that a request names, understood words, rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find import expression
from mmpipe.search.find.things import things
from mmpipe.search.kernels.memory import has, set_rows

if TYPE_CHECKING:
    from mmpipe.schemas.conditions import Condition
    from mmpipe.search.columns.words import Word
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Shares = NDArray[np.float64]
# A way of half the factor names a thing as well as the word itself.
_ENOUGH = 2.0
Source = Literal["boosts", "rules"]


@dataclass(frozen=True)
class Lift:
    """Matches under ``condition`` gain ``weight`` spans of scores; or those that are what the first word of
    ``thing`` names and hold the others, less where only a way of less than half names it. ``name`` says why.
    """

    source: Source
    name: str
    weight: float
    condition: Condition | None = None
    thing: tuple[Word, ...] = ()


def shares(version: Version, lifts: Sequence[Lift], rows: Rows) -> Mapping[str, Shares]:
    """What lifts add to the scores of matches ``rows``, float64, in spans of scores and by source; nothing
    for a source without."""
    found: dict[str, Shares] = {}
    for lift in lifts:
        added: Shares = held(version, lift, rows) * lift.weight
        found[lift.source] = found[lift.source] + added if lift.source in found else added
    return found


def held(version: Version, lift: Lift, rows: Rows) -> Shares:
    """How far a lift is for each of some rows, from 0 to 1, float64."""
    if lift.thing:
        name, *besides = lift.thing
        named = version.names.named(rows, name.ways, things().roles)
        if besides and named.any():
            whole = version.text.with_all(besides, set_rows(rows[named > 0], version.layout.rows))
            named *= has(whole, rows)
        return np.minimum(_ENOUGH * named, 1.0)
    if lift.condition is None:
        return np.zeros(len(rows))
    return has(expression.mask(version, lift.condition), rows).astype(np.float64)
