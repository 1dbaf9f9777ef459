"""One large feed from start to end: read and encoded by workers, staged as it comes, written in one commit.

Who the workers are (Ray Data, a process pool, this process) is the caller's choice; everything else is the
same. Until the commit nobody sees anything of the run, and no other upload's publication has a part of it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.errors import (
    CommitConflict,
    InvalidFeed,
    LiveMoved,
    MmpipeError,
    ObjectNotFound,
    PermanentError,
)
from mmpipe.indexing.lanes.chunks import FeedJob
from mmpipe.indexing.lanes.collector import collecting_seldom
from mmpipe.indexing.lanes.staging import FeedWorkers, Progress, Staging
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.pipeline.result import reject_of_source
from mmpipe.indexing.sources.rows import removal_source
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.sources.versions import NOTHING_REVEALED, revealed_nothing
from mmpipe.indexing.tables.following import FOLLOW_ATTEMPTS, live_profile, models_for
from mmpipe.indexing.writing.commit import begun, commit, finished, forget_replaced, record_rejects
from mmpipe.indexing.writing.freshness import settle
from mmpipe.indexing.writing.publish import publish
from mmpipe.indexing.writing.replace import add_missing
from mmpipe.indexing.writing.reviewing import settle_reviews
from mmpipe.lake import open_lake
from mmpipe.lake.checks import shows
from mmpipe.telemetry import continued, span

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.schemas.run import RunRecord
    from mmpipe.schemas.work import WorkOrder
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)
# Products that others keep changing between a look at the table and the commit.
_ROUNDS = 5


@collecting_seldom()
def execute(
    order: WorkOrder,
    settings: Settings,
    workers: FeedWorkers,
    *,
    loaded: LoadedEncoders | None = None,
    follow: bool = True,
    progress: Progress | None = None,
) -> RunRecord:
    """Index the order's feed, bring the indexes up to date, publish; returns the run's record.

    It is written into the live table, by the models of that table; where nothing is live yet, or without
    ``follow``, into the table of the order's profile, whose models may be at hand as ``loaded``.
    Everything is written in one commit at the end, or nothing is. A run that was killed before is repeated
    with the same order: rows that its journal has are not read or encoded again. A run that the ledger holds
    as done is returned as it is. A ``PermanentError`` of the feed ends as a ``failed`` record and a reject; a
    ``RetryableError`` is raised, with the record still ``running``.

    ``progress`` is called with (read, indexed, rejected, total): the total is None until everything is read,
    and the last call comes after the commit.
    """
    collection = open_lake(settings).collection(order.collection, create=True)
    before = collection.runs.get(order.run_id)
    if before is not None and before.status == "done":
        return before
    started_at = datetime.now(UTC) if before is None else before.started_at
    record = begun(order, started_at, settings.indexing.profile)
    if revealed_nothing(order, stores(settings), collection.runs):
        record = finished(record, error=NOTHING_REVEALED)
        collection.runs.put(record)
        return record
    collection.runs.put(record)
    for attempt in range(FOLLOW_ATTEMPTS):
        profile = live_profile(collection) if follow else None
        run = _Run(FeedJob(order, settings, profile=profile), collection, loaded, follow=follow)
        try:
            with continued(order.trace), span("feed.index", kind=order.kind):
                record = run.execute(workers, record, progress)
            break
        except LiveMoved:
            # What the switch has carried over by now is found there and costs nothing.
            if attempt == FOLLOW_ATTEMPTS - 1:
                raise
        except ObjectNotFound:
            # Removed since; nothing of a removed feed is to be written.
            record = finished(record, error="the object is gone")
            break
        except PermanentError as error:
            record = finished(run.record or record, error=str(error), failed=True)
            collection.rejects.put([reject_of_source(removal_source(order), error)])
            break
        finally:
            run.close()
    run.forget()
    collection.runs.put(record, *(_interrupted(old, record) for old in _left_behind(collection, record)))
    run.tidy()
    return record


def _left_behind(collection: Collection, record: RunRecord) -> list[RunRecord]:
    """Runs of the same file that began before this one and never ended, which it has now made up for."""
    if record.status != "done":
        return []
    open_runs = collection.runs.list(status="running", source_uri=record.source_uri)
    return [run for run in open_runs if run.run_id != record.run_id and run.started_at < record.started_at]


def _interrupted(run: RunRecord, by: RunRecord) -> RunRecord:
    # Should it be alive after all, its own end replaces this.
    return finished(run, error=f"interrupted; run {by.run_id} indexed the file again", failed=True)


class _Run:
    """One attempt. Models are loaded here only where a medium changed under way."""

    def __init__(
        self, job: FeedJob, collection: Collection, loaded: LoadedEncoders | None, *, follow: bool
    ) -> None:
        self._job = job
        self._order = job.order
        self._settings = job.settings
        self._collection = collection
        self._loaded = loaded
        self._follow = follow
        self._pipeline: Pipeline | None = None
        self._staging: Staging | None = None

    @property
    def record(self) -> RunRecord | None:
        """How far the run is; None before its first result."""
        return None if self._staging is None else self._staging.record

    def execute(self, workers: FeedWorkers, record: RunRecord, progress: Progress | None) -> RunRecord:
        """Read, encode, commit, publish; returns the finished record."""
        staging = self._staging = Staging(self._job, self._collection, record, progress)
        with span("feed.encode"):
            broken = staging.consume(workers)
        if broken:
            raise InvalidFeed(broken)
        table = staging.table
        if table is None:
            staging.count()
            return finished(staging.record, error="no product was written")
        return self._write(staging, table, workers, progress)

    def _write(
        self, staging: Staging, table: ProductTable, workers: FeedWorkers, progress: Progress | None
    ) -> RunRecord:
        result, order, note = staging.result, self._order, ""
        max_shrink = self._settings.lake.max_shrink
        if order.collection in self._settings.feeds.replace:
            report = staging.record.feed
            note = add_missing(result, table, order.run_id, report, max_shrink)
        for _ in range(_ROUNDS):
            with span("feed.commit"):
                committed = commit(result, table, max_shrink)
            if not committed.stale:
                break
            # Only what others changed meanwhile is read, compared and encoded again.
            staging.again(workers, committed.stale)
        else:
            raise CommitConflict(f"{table.name}: others keep changing what this feed is about")
        least = result.least_order(order.run_id)
        staging.count(committed.applied.version if committed.applied.committed else None)
        if progress is not None:
            now = staging.record
            progress(now.read, now.indexed + now.unchanged, now.rejected, now.read)
        visible = committed.applied.visible
        reads, result.media = result.media, []
        refreshed = settle(reads, self._collection, table, self._pipeline_now)
        staging.add_encoded(refreshed)
        record_rejects(result, committed, self._collection, table)
        self._collection.rejects.put(refreshed.rejects)
        forget_replaced(self._collection, order, least)
        refused = self._publish(
            table, committed.applied.version, visible=visible or result.repeated or bool(refreshed.writes)
        )
        try:
            settle_reviews(self._collection, table)
        except (MmpipeError, OSError) as error:
            # The next upload's upkeep does it.
            logger.warning("ratings were put off", extra={"table": table.name, "reason": str(error)})
        record = staging.record.model_copy(update={"refused": refused})
        return finished(record, error=refused or note)

    def _publish(self, table: ProductTable, version: int, *, visible: bool) -> str:
        """Make the result live, with its indexes; returns why it is not, or nothing. Where readers would see
        no difference they get no new version."""
        shrink = self._settings.lake.max_shrink
        live = self._collection.live()
        same = live is not None and live.table == table.name
        if live is not None and same and not visible and shrink < 1 and shows(table, live, version):
            return ""
        if table.latest().count_rows() == 0:
            return "no product was written"
        try:
            table.maintain()
        except (MmpipeError, OSError) as error:
            # Searches are right without indexes, only slower; the next commit's maintenance catches up.
            logger.warning("maintenance was put off", extra={"table": table.name, "reason": str(error)})
        reason = f"{self._order.kind} {self._order.object.uri}"
        with span("feed.publish"):
            return publish(self._collection, table, reason, follow=self._follow, max_shrink=shrink)

    def tidy(self) -> None:
        """Remove what many runs have left behind, after the last of them."""
        table = None if self._staging is None else self._staging.table
        if table is None:
            return
        try:
            table.clean_up()
            self._collection.maintain_records()
        except (MmpipeError, OSError) as error:
            logger.warning("maintenance was put off", extra={"table": table.name, "reason": str(error)})

    def forget(self) -> None:
        """Nothing of the run is needed any more."""
        if self._staging is not None:
            self._staging.forget()

    def close(self) -> None:
        """End the threads, if any were needed."""
        if self._pipeline is not None:
            self._pipeline.close()

    def _pipeline_now(self) -> Pipeline:
        if self._pipeline is None:
            name, profile = self._settings.indexing.profile, self._job.profile
            models = models_for(self._settings, name, profile, self._loaded, threads=1)
            self._pipeline = Pipeline(self._settings, models, stores(self._settings))
        return self._pipeline
