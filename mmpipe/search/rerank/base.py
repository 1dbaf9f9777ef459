"""What a ranker is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

if TYPE_CHECKING:
    from mmpipe.search.versions.version import Version

Rows = NDArray[np.int32]
Scores = NDArray[np.float64]

_READ = ("title", "brand", "category", "color")


@dataclass(frozen=True)
class Candidates:
    """Matches of one search, best first. ``query`` is its text, empty where it has none."""

    version: Version
    query: str
    rows: Rows

    @cached_property
    def ids(self) -> list[str]:
        """The products' ids."""
        return self.version.ids.ids(self.rows)

    @cached_property
    def texts(self) -> list[str]:
        """What each product is: title, brand, category and colour, as far as it has them. From memory."""
        found = []
        for members in self.version.page.members(self.rows):
            shown = from_json(b"{%b}" % members)
            found.append(". ".join(shown[name] for name in _READ if shown[name]))
        return found


class Ranker(Protocol):
    """Judges candidates of one search; made for it, so that it knows who asks."""

    def scores(self, candidates: Candidates) -> Scores | None:
        """How good each is, more for better: finite float64 ``(len(candidates.rows),)``; None where nothing
        can be said of them. On a thread of its own, one call at a time."""
