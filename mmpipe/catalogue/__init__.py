"""Feed bytes to product rows: JSONL, CSV, TSV, Parquet, Google Merchant XML and TSV, Shopify CSV."""

from __future__ import annotations

from mmpipe.catalogue.feed import read_feed, read_product
from mmpipe.catalogue.rows import FeedRow

__all__ = ["FeedRow", "read_feed", "read_product"]
