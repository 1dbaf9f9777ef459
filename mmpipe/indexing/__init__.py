"""Uploads to table rows: one pipeline, a warm lane for small orders and a batch lane for large feeds."""

from __future__ import annotations

from mmpipe.indexing.files import execute_file
from mmpipe.indexing.replay import replay
from mmpipe.indexing.warm import Indexer

__all__ = ["Indexer", "execute_file", "replay"]
