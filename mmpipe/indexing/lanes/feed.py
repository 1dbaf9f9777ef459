"""One large feed from start to end: read and encoded by workers, written by one committer.

Who the workers are (Ray Data, a process pool, this process) is the caller's choice; everything else is the
same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from mmpipe.encoders.base import Profile
from mmpipe.errors import LiveMoved, MmpipeError, ObjectNotFound, PermanentError, ProfileMismatch
from mmpipe.indexing.lanes.chunks import Job, unpack_result
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.pipeline.result import ChunkResult, reject_of_source
from mmpipe.indexing.sources.rows import removal_source
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.sources.versions import NOTHING_REVEALED, revealed_nothing
from mmpipe.indexing.tables.following import FOLLOW_ATTEMPTS, live_profile, models_for
from mmpipe.indexing.writing.commit import Committer, Progress, begun, finished, forget_replaced, publish
from mmpipe.indexing.writing.replace import delete_missing
from mmpipe.lake import open_lake

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.schemas.run import RunRecord
    from mmpipe.schemas.work import WorkOrder
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)
Workers = Callable[[Job], Generator[bytes, None, None]]


def execute(
    order: WorkOrder,
    settings: Settings,
    workers: Workers,
    *,
    loaded: LoadedEncoders | None = None,
    follow: bool = True,
    progress: Progress | None = None,
) -> RunRecord:
    """Index the order's feed, bring the indexes up to date, publish; returns the run's record.

    It is written into the live table, by the models of that table; where nothing is live yet, or without
    ``follow``, into the table of the order's profile, whose models may be at hand as ``loaded``.
    Every ``commit_rows`` the rows are committed and the ledger says how far the run is. A run that was killed
    is repeated with the same order: rows that were committed are found by their order and content hashes and
    are not encoded again. A run that the ledger holds as done is returned as it is. A ``PermanentError`` of
    the feed ends as a ``failed`` record and a reject; a ``RetryableError`` is raised, with the record still
    ``running``.
    """
    collection = open_lake(settings).collection(order.collection, create=True)
    before = collection.runs.get(order.run_id)
    if before is not None and before.status == "done":
        return before
    record = begun(order, datetime.now(UTC) if before is None else before.started_at)
    if revealed_nothing(order, stores(settings), collection.runs):
        record = finished(record, error=NOTHING_REVEALED)
        collection.runs.put(record)
        return record
    collection.runs.put(record)
    for attempt in range(FOLLOW_ATTEMPTS):
        profile = live_profile(collection) if follow else None
        job = Job(order, settings, profile=profile)
        run = _Run(job, collection, loaded, follow=follow)
        try:
            with closing(workers(job)) as packed:
                record = run.consume(packed, record, progress)
            record, note = run.replace(record)
            record = finished(record, error=run.publish() or note)
            forget_replaced(collection, order, run.least_order)
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
    collection.runs.put(record, *(_interrupted(old, record) for old in _left_behind(collection, record)))
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
    """The committing side of one run. Models are loaded here only where a medium changed under way."""

    def __init__(
        self, job: Job, collection: Collection, loaded: LoadedEncoders | None, *, follow: bool
    ) -> None:
        self._job = job
        self._order = job.order
        self._settings = job.settings
        self._collection = collection
        self._loaded = loaded
        self._follow = follow
        self._pipeline: Pipeline | None = None
        self._table: ProductTable | None = None
        self._committer: Committer | None = None

    @property
    def record(self) -> RunRecord | None:
        """How far the run is; None before its first chunk."""
        return None if self._committer is None else self._committer.record

    @property
    def least_order(self) -> str | None:
        """The least order of a row of the run; None before its first commit."""
        return None if self._committer is None else self._committer.least_order

    def consume(self, packed: Iterator[bytes], record: RunRecord, progress: Progress | None) -> RunRecord:
        """Commit everything the workers hand back."""
        results = (unpack_result(data) for data in packed)
        first = next(results, None)
        if first is None:
            return record.model_copy(update={"total": 0})
        profile = Profile.from_json(first[1])
        self._table = self._collection.products(profile, create=True)
        commit_rows = self._settings.indexing.commit_rows
        self._committer = Committer(
            record, self._collection, self._table, self._pipeline_now, commit_rows, progress
        )
        return self._committer.consume(_of_one_profile(chain([first], results), first[1]))

    def replace(self, record: RunRecord) -> tuple[RunRecord, str]:
        """Where the collection's feeds are whole catalogues, delete what this one lacks; says why not."""
        if self._table is None or self._order.collection not in self._settings.feeds.replace:
            return record, ""
        deleted, note = delete_missing(
            self._collection, self._table, record.run_id, record.feed, self.least_order, self._settings
        )
        return record.model_copy(update={"deleted": record.deleted + deleted}), note

    def publish(self) -> str:
        """Bring the indexes up to date and make the result live; returns why it is not, or nothing."""
        table = self._table
        if table is None or table.latest().count_rows() == 0:
            return "no product was written"
        try:
            table.maintain()
        except (MmpipeError, OSError) as error:
            # Searches are right without indexes, only slower; the next commit's maintenance catches up.
            logger.warning("maintenance was put off", extra={"table": table.name, "reason": str(error)})
        reason = f"{self._order.kind} {self._order.object.uri}"
        return publish(self._collection, table, reason, follow=self._follow)

    def close(self) -> None:
        """End the threads, if any were needed."""
        if self._pipeline is not None:
            self._pipeline.close()

    def _pipeline_now(self) -> Pipeline:
        if self._pipeline is None:
            name, profile = self._order.profile, self._job.profile
            models = models_for(self._settings, name, profile, self._loaded, threads=1)
            self._pipeline = Pipeline(self._settings, models, stores(self._settings))
        return self._pipeline


def _of_one_profile(results: Iterable[tuple[ChunkResult, str]], expected: str) -> Iterator[ChunkResult]:
    for result, profile in results:
        if profile != expected:
            raise ProfileMismatch("workers hold different models; run one release of mmpipe on all of them")
        yield result
