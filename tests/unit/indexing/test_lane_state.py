"""The batch lane, too, reads what is there now."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.chunks import FeedJob, read_packed
from mmpipe.indexing.lanes.worker import ChunkIndexer
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop


def run(shop: Shop, event: CatalogueEvent) -> RunRecord:
    def here(job: FeedJob) -> Generator[bytes, None, None]:
        indexer = ChunkIndexer(job, shop.loaded)
        yield from map(indexer, read_packed(job.pack()))
        indexer.close()

    record = lanes.execute(order_of(event), shop.settings, here, loaded=shop.loaded)
    shop.bucket.tick()
    return record


def feed(shop: Shop, name: str, title: str) -> RunRecord:
    return run(shop, shop.bucket.put_feed(name, [{"id": "a", "title": title}]))


def test_a_feed_that_was_rolled_back_is_read_again(batch: Shop) -> None:
    feed(batch, "all", "Red dress")
    feed(batch, "all", "Wrong")
    event = batch.bucket.roll_back("feeds/all.jsonl")
    record = run(batch, event)
    assert (record.kind, record.status, record.version_id) == ("feed_removed", "done", "v2")
    assert batch.row("a")["title"] == "Red dress"
    assert run(batch, event) == record
    record = run(batch, batch.bucket.roll_back("feeds/all.jsonl"))
    assert (record.status, record.read, record.error) == ("done", 0, "the object is gone")
    assert batch.row("a")["title"] == "Red dress"


def test_a_replaced_version_is_removed_unread(batch: Shop) -> None:
    for name, title in (("all", "Red dress"), ("all", "Blue dress"), ("prices", "Blue dress, reduced")):
        feed(batch, name, title)
    reads = batch.bucket.reads.copy()
    record = run(batch, batch.bucket.prune("feeds/all.jsonl"))
    assert (record.status, "replaced before" in record.error) == ("done", True)
    assert batch.bucket.reads == reads
    assert batch.row("a")["title"] == "Blue dress, reduced"


def test_a_store_that_does_not_answer_leaves_the_removal_to_be_repeated(
    batch: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(batch, "all", "Red dress")
    feed(batch, "all", "Wrong")
    event = batch.bucket.roll_back("feeds/all.jsonl")

    def down(*_: object, **__: object) -> object:
        raise StorageUnavailable("the bucket did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(batch.bucket, "stat", down)
        with pytest.raises(StorageUnavailable):
            run(batch, event)
    assert run(batch, event).status == "done"
    assert batch.row("a")["title"] == "Red dress"
