"""Uploads of Shopify's exports through either lane, and what the ledger says of them."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.chunks import FeedJob, read_packed
from mmpipe.indexing.lanes.worker import ChunkEncoder, ChunkIndexer, ChunkPreparer
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.shopify import products_csv, stock_csv

Stages = Callable[[FeedJob, Shop], Generator[bytes, None, None]]


def export(shop: Shop, *rows: dict[str, object], name: str = "products") -> CatalogueEvent:
    event = shop.bucket.put(f"feeds/{name}.csv", products_csv(*rows))
    shop.bucket.tick()
    return event


def inventory(shop: Shop, *rows: dict[str, object], name: str = "inventory") -> CatalogueEvent:
    event = shop.bucket.put(f"feeds/{name}.csv", stock_csv(*rows))
    shop.bucket.tick()
    return event


def last_run(shop: Shop, event: CatalogueEvent) -> RunRecord:
    """The newest run of an event's object."""
    runs = [r for r in shop.collection.runs.list() if r.source_uri == event.object.uri]
    return max(runs, key=lambda run: run.event_order)


def counts(run: RunRecord) -> tuple[int, int, int, int, int]:
    """Rows read, and of them indexed, unchanged, skipped, rejected."""
    return run.read, run.indexed, run.unchanged, run.skipped, run.rejected


def one_stage(job: FeedJob, shop: Shop) -> Generator[bytes, None, None]:
    indexer = ChunkIndexer(job, shop.loaded)
    yield from map(indexer, read_packed(job.pack()))
    indexer.close()


def two_stages(job: FeedJob, _shop: Shop) -> Generator[bytes, None, None]:
    preparer, encoder = ChunkPreparer(job), ChunkEncoder(job)
    for chunk in read_packed(job.pack()):
        yield from map(encoder, preparer(chunk))


STAGES = pytest.mark.parametrize("stages", [one_stage, two_stages], ids=["one stage", "two stages"])


def run_batch(shop: Shop, event: CatalogueEvent, stages: Stages = one_stage) -> RunRecord:
    """Execute an upload in the batch lane; the shop is the ``batch`` fixture."""
    record = lanes.execute(order_of(event), shop.settings, lambda job: stages(job, shop), loaded=shop.loaded)
    assert shop.collection.runs.get(record.run_id) == record
    return record
