"""Another process that works on the same lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mmpipe.indexing import Indexer
from mmpipe.lake import Collection, open_lake
from tests.unit.indexing.conftest import Shop


@contextmanager
def another_indexer(shop: Shop) -> Iterator[Indexer]:
    """An indexer over the shop's bucket and lake that shares no handle with the shop's."""
    lake = open_lake(shop.settings)
    indexer = Indexer(shop.settings, lake, shop.loaded, lambda _uri: shop.bucket, maintain=False)
    try:
        yield indexer
    finally:
        indexer.close()


def another_collection(shop: Shop) -> Collection:
    """The shop's collection, with handles of its own."""
    return open_lake(shop.settings).collection(shop.collection.name)
