"""Search over the live version of a collection, in memory. See :mod:`mmpipe.search.searcher`."""

from mmpipe.search.cursor import pinned_version
from mmpipe.search.query import EncodedQuery, TextCache, compose, encode
from mmpipe.search.searcher import Searcher
from mmpipe.search.snapshot import Snapshot
from mmpipe.search.store import CollectionStatus, SnapshotStore

__all__ = [
    "CollectionStatus",
    "EncodedQuery",
    "Searcher",
    "Snapshot",
    "SnapshotStore",
    "TextCache",
    "compose",
    "encode",
    "pinned_version",
]
