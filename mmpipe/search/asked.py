"""What a search goes by besides its request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from mmpipe.schemas.rules import Pin
    from mmpipe.search.find.meaning import Meaning
    from mmpipe.search.find.taste import Taste
    from mmpipe.search.page.window import Reorder
    from mmpipe.search.rules.effects import Effects
    from mmpipe.search.versions.version import Version


@dataclass(frozen=True)
class Asked:
    """``taste`` is the shopper's, whom the order leans to; ``query_id`` names the search, over all pages.
    ``effects`` are those of the merchandising rules that take part, None where none does. ``popularity``
    gives what shoppers chose lately, a float64 for every row of a version, more for more and NaN for none;
    None where nobody knows it. ``judge`` puts the best matches in a better order. ``meaning`` is that of the
    query's text, None where its words are words alone."""

    taste: Taste | None = None
    query_id: str | None = None
    effects: Effects | None = None
    popularity: Callable[[Version], NDArray[np.float64] | None] | None = None
    judge: Reorder | None = None
    meaning: Meaning | None = None

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Products that rules put at places of their own."""
        return () if self.effects is None else self.effects.pins


NOBODY = Asked()
