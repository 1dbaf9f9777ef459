"""What lifts or lowers some of the matches: boosts that a request names, understood words, rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find import expression
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.schemas.conditions import Condition
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Shares = NDArray[np.float64]
Source = Literal["boosts", "rules"]


@dataclass(frozen=True)
class Lift:
    """Matches under ``condition`` gain ``weight`` spans of scores; ``name`` says why."""

    source: Source
    name: str
    weight: float
    condition: Condition


def shares(version: Version, lifts: Sequence[Lift], rows: Rows) -> Mapping[str, Shares]:
    """What lifts add to the scores of matches ``rows``, float64, in spans of scores and by source; nothing
    for a source without."""
    found: dict[str, Shares] = {}
    for lift in lifts:
        added: Shares = held(version, lift, rows) * np.float64(lift.weight)
        found[lift.source] = found[lift.source] + added if lift.source in found else added
    return found


def held(version: Version, lift: Lift, rows: Rows) -> NDArray[np.bool_]:
    """Which of some rows a lift is for."""
    return has(expression.mask(version, lift.condition), rows)
