"""Feed bytes to product rows: what shops, marketplaces and APIs export, each format read whole."""

from __future__ import annotations

from mmpipe.catalogue.feed import FeedRows, read_feed, read_product
from mmpipe.catalogue.rows import FeedRow

__all__ = ["FeedRow", "FeedRows", "read_feed", "read_product"]
