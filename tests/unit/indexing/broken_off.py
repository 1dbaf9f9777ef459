"""Runs of the batch lane that end midway, or during which others upload."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.chunks import FeedJob, read_packed
from mmpipe.indexing.lanes.worker import ChunkIndexer
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent, WorkOrder
from mmpipe.settings import Settings
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop


def run_feed(
    shop: Shop,
    event: CatalogueEvent,
    *,
    order: WorkOrder | None = None,
    settings: Settings | None = None,
    loaded: LoadedEncoders | None = None,
    after: Callable[[int], None] = lambda _: None,
) -> RunRecord:
    """Execute a feed; the shop is the ``batch`` fixture. ``after`` is called with the number of results that
    were handed over, and what it raises ends the run."""

    def workers(job: FeedJob) -> Generator[bytes, None, None]:
        indexer = ChunkIndexer(job, loaded or shop.loaded)
        try:
            for number, packed in enumerate(read_packed(job.pack()), 1):
                yield indexer(packed)
                after(number)
        finally:
            indexer.close()

    chosen = order or order_of(event)
    return lanes.execute(chosen, settings or shop.settings, workers, loaded=loaded or shop.loaded)


def break_off(
    shop: Shop, event: CatalogueEvent, results: int, *, order: WorkOrder | None = None
) -> dict[str, int]:
    """Execute a feed until so many results were handed over; returns what was encoded for it."""

    def stop(number: int) -> None:
        if number == results:
            raise StorageUnavailable("the store did not answer")

    shop.encoded()
    with pytest.raises(StorageUnavailable):
        run_feed(shop, event, order=order, after=stop)
    return shop.encoded()


def noted(shop: Shop) -> list[Path]:
    """The files of journals."""
    return sorted((Path(shop.settings.lake.uri) / "demo" / "staging").rglob("*.arrow"))


def live_rows(shop: Shop) -> dict[str, str]:
    """Titles by id of what readers see; nothing before the first publication."""
    live = shop.collection.live()
    if live is None:
        return {}
    rows = shop.collection.table(live.table).at(live.version).to_table(filter="deleted = false").to_pylist()
    assert len({row["id"] for row in rows}) == len(rows), "no row is there twice"
    return {row["id"]: row["title"] for row in rows}
