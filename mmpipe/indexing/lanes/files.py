"""Index a feed file without events, queue or cluster: ``mmpipe index`` and ``mmpipe eval``."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.chunks import FeedJob, is_result, read_packed
from mmpipe.indexing.lanes.processes import pool_chunks
from mmpipe.indexing.lanes.worker import ChunkIndexer
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.tables.following import live_profile, models_for
from mmpipe.lake import open_lake
from mmpipe.objects import scheme_of, to_uri
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, run_id_of

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.indexing.lanes.staging import Progress
    from mmpipe.schemas.run import RunRecord
    from mmpipe.settings import Settings

# Below this a file is indexed sooner than worker processes would have loaded their models.
POOL_MIN_BYTES = 4_000_000


def execute_file(
    settings: Settings,
    feed: str | PurePath,
    collection: str,
    lake: str | PurePath | None = None,
    *,
    loaded: LoadedEncoders | None = None,
    follow: bool = True,
    progress: Progress | None = None,
) -> RunRecord:
    """Index one feed file into a lake and publish it; the lake is ``settings.lake.uri`` unless given.

    It goes into the live table, by that table's models; where nothing is live yet, or without ``follow``,
    into the table of ``indexing.profile``.

    Each call is a run of its own, so media that changed beside an unchanged feed are seen. Rows keep the
    order of the file's time: an older file never overwrites what a newer one said. ``progress`` is called
    with (read, indexed, rejected, total or None). A large file is spread over ``indexing.workers`` processes.

    Raises ``ObjectNotFound`` for a missing file and ``RetryableError``; a feed that cannot be read comes back
    as a record with status ``failed``.
    """
    if lake is not None:
        settings = settings.model_copy(
            update={"lake": settings.lake.model_copy(update={"uri": to_uri(lake)})}
        )
    uri = to_uri(feed)
    stat = stores(settings)(uri).stat(uri)
    ref = ObjectRef(
        uri=uri,
        etag=stat.etag,
        version_id=stat.version_id,
        size=stat.size,
        event_time=datetime.now(UTC),
    )
    event = CatalogueEvent(kind="feed_uploaded", collection=collection, object=ref)
    profile = settings.indexing.profile
    large = stat.size >= POOL_MIN_BYTES
    order = WorkOrder(
        run_id=run_id_of(event, profile),
        kind=event.kind,
        collection=collection,
        object=ref,
        lane="batch" if large else "warm",
    )
    workers = settings.indexing.workers or len(os.sched_getaffinity(0))
    if large and workers > 1 and scheme_of(uri) != "memory":
        return lanes.execute(
            order,
            settings,
            lambda job: pool_chunks(job, workers),
            loaded=loaded,
            follow=follow,
            progress=progress,
        )
    home = open_lake(settings).collection(collection, create=True)
    # Before anything is recorded: models that are not here are no fault of the file.
    models = models_for(settings, profile, live_profile(home) if follow else None, loaded)
    return lanes.execute(
        order, settings, lambda job: _here(job, models), loaded=models, follow=follow, progress=progress
    )


def _here(job: FeedJob, loaded: LoadedEncoders) -> Generator[bytes, None, None]:
    indexer = ChunkIndexer(job, loaded)
    try:
        for chunk in read_packed(job.pack()):
            yield chunk if is_result(chunk) else indexer(chunk)
    finally:
        indexer.close()
