"""Feed bytes to product rows: what shops, marketplaces and APIs export, each format read whole.

:func:`read_feed` streams a feed's rows in constant memory and keeps a report of it; :func:`read_product`
reads one ``products/<id>.json``. A :class:`FeedRow` is a product, a deletion, a stock or a reject. A file
that is no feed, or breaks off, is an ``InvalidFeed``; a bad row never is.

bytes → ``compression``, ``lines`` (encodings) → ``readers`` (CSV, JSON Lines, JSON, XML, Parquet: records
under the file's own names) → ``formats`` (Shopify, WooCommerce, Google …: records under the product's names)
→ ``build`` (with ``roles``, ``normalise``, ``text``, ``prices``, ``dates``, ``links``: one checked
``Product``) → :class:`FeedRow`; ``report`` listens. The format follows from the content (decision 9), and a
format is a table of columns that the code and ``docs/feeds/`` are both made from. What no format names is
private (``private``). Bytes in a Parquet column ``image``, ``audio`` or ``video`` are media inside the feed,
under the link's field.
"""

from __future__ import annotations

from mmpipe.catalogue.feed import FeedRows, read_feed, read_product
from mmpipe.catalogue.rows import FeedRow

__all__ = ["FeedRow", "FeedRows", "read_feed", "read_product"]
