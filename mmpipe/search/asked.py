"""What a search goes by besides its request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.search.find.taste import Taste


@dataclass(frozen=True)
class Asked:
    """``taste`` is the shopper's, whom the order leans to; ``query_id`` names the search, over all pages."""

    taste: Taste | None = None
    query_id: str | None = None


NOBODY = Asked()
