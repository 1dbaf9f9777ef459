"""A file of reviews without events, queue or indexer: ``mmpipe reviews add``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.errors import InvalidFeed, ObjectNotFound
from mmpipe.indexing.lanes.tasks import read_task
from mmpipe.indexing.pipeline.result import ChunkResult, reject_of_row, reject_of_source
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.tables.following import exactly
from mmpipe.indexing.writing.photographing import settle_photos
from mmpipe.indexing.writing.reviewing import publish_ratings
from mmpipe.objects import to_uri
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, run_id_of

if TYPE_CHECKING:
    from pathlib import PurePath

    from mmpipe.lake import Collection, Lake
    from mmpipe.schemas.run import RunRecord


def execute_reviews(lake: Lake, collection: Collection, file: str | PurePath) -> RunRecord:
    """Hold the reviews of one file and tell the products of the live table; returns the run's record.

    Raises ``ObjectNotFound`` for a missing file, ``InvalidFeed`` where nothing is live yet, and
    ``RetryableError``; a file that cannot be read comes back as a record with status ``failed``.
    """
    settings, uri = lake.settings, to_uri(file)
    live = collection.live()
    if live is None:
        raise InvalidFeed(f"nothing is live in {collection.name} yet: index its products first")
    table = collection.table(live.table)
    stat = stores(settings)(uri).stat(uri)
    ref = ObjectRef(uri=uri, etag=stat.etag, size=stat.size, event_time=datetime.now(UTC))
    event = CatalogueEvent(kind="reviews_uploaded", collection=collection.name, object=ref)
    run_id = run_id_of(event, table.profile.name)
    order = WorkOrder(run_id=run_id, kind=event.kind, collection=collection.name, object=ref, lane="warm")
    task = read_task(order, settings, stores(settings), collection.runs)
    refused = ""
    if task.error is None:
        visible = task.store_reviews(collection, table, lake.pseudonyms)
        refused = publish_ratings(collection, table, f"reviews of {uri}", visible=visible)
        with exactly(settings, table.profile) as pipeline:
            while settle_photos(collection, table, table.profile, pipeline):
                pass
        collection.rejects.put([reject_of_row(row, row.reject) for row in task.bad_lines if row.reject])
    elif isinstance(task.error, InvalidFeed | ObjectNotFound):
        collection.rejects.put([reject_of_source(task.source, task.error)])
    else:
        raise task.error
    record = task.record(table, ChunkResult(), refused)
    collection.runs.put(record)
    return record
