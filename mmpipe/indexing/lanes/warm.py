"""The warm lane: many small orders, one commit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from mmpipe.errors import (
    BatchLaneNeeded,
    InvalidFeed,
    LiveMoved,
    ModelUnavailable,
    PermanentError,
    ProfileMismatch,
    RetryableError,
)
from mmpipe.indexing.lanes.tasks import ReadOrder, outcome, outcome_of, read_task
from mmpipe.indexing.pipeline.held import lookup_in
from mmpipe.indexing.pipeline.result import ChunkResult, reject_of_row, reject_of_source
from mmpipe.indexing.sources.rows import UploadRow
from mmpipe.indexing.tables.following import FOLLOW_ATTEMPTS, Pipelines, live_table
from mmpipe.indexing.tables.keeper import Keeper
from mmpipe.indexing.writing.commit import Committed, forget_replaced, record_rejects
from mmpipe.indexing.writing.freshness import refresh_using, settle
from mmpipe.indexing.writing.photographing import note_media, settle_photos
from mmpipe.indexing.writing.publish import publish
from mmpipe.indexing.writing.replace import add_missing
from mmpipe.indexing.writing.reviewing import publish_ratings
from mmpipe.indexing.writing.together import Share, Together, Turns
from mmpipe.lake.checks import shows
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.telemetry import continued, span

if TYPE_CHECKING:
    import lance

    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.indexing.pipeline.pipeline import Pipeline
    from mmpipe.indexing.sources.readers import StoreFor
    from mmpipe.lake import Collection, Lake, ProductTable
    from mmpipe.lake.live import LiveFile
    from mmpipe.schemas.run import RunRecord
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)
Outcomes = dict[str, WorkOutcome]
Reads = dict[str, "Future[ReadOrder]"]
# Objects that are read at the same time, and groups that look at the same time where they are to go.
_READERS = 8
_LOOKERS = 8


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a collection's uploads go now. ``follows``: to the live table, whatever the settings say;
    ``live`` is what was live when that was found out, ``version`` the table's newest then."""

    collection: Collection
    table: ProductTable
    pipeline: Pipeline
    live: LiveFile | None
    version: lance.LanceDataset

    @property
    def follows(self) -> bool:
        """Whether anything is live."""
        return self.live is not None


@dataclass(frozen=True, slots=True)
class _Upload:
    """A group of orders that were read, and where they go."""

    target: _Target
    tasks: Sequence[ReadOrder]


@dataclass(slots=True)
class _Done:
    """What became of a group of orders: ``note`` says why a commit is not live."""

    result: ChunkResult = field(default_factory=ChunkResult)
    committed: Committed | None = None
    note: str = ""


class Indexer:
    """Executes work orders of any collection, by the models of the table that is live there; ``loaded`` are
    those for collections where nothing is live yet.

    Safe to call from several threads: they read at the same time, encode in turn, and what several of them
    have ready for one collection shares a commit and a publication. Maintenance (indexes, compaction) runs
    after the outcomes are returned, on a thread of its own, and only one at a time.

    A feed that holds more than its size told is ``large``, for the batch lane; without ``batch_lane`` it is
    ``failed``, and rejected as a whole.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        loaded: LoadedEncoders,
        store_for: StoreFor,
        *,
        maintain: bool = True,
        batch_lane: bool = True,
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._store_for = store_for
        self._batch_lane = batch_lane
        self._pipelines = Pipelines(settings, loaded, store_for)
        self._commits: dict[str, Together[_Upload]] = {}
        self._ledgers: dict[str, Turns[list[RunRecord]]] = {}
        self._running: dict[str, Future[WorkOutcome]] = {}
        self._lock = threading.Lock()
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="mmpipe-read")
        self._looking = ThreadPoolExecutor(_LOOKERS, thread_name_prefix="mmpipe-look")
        hold = settings.lake.hold_versions_seconds
        self._keeper = Keeper(hold, self.settle_photos) if maintain else None

    def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """One outcome per order, in the same order; never raises for what an order holds.

        Orders of one collection share one commit. Where that fails for now, all of them are to be tried
        again; where it fails for good, or nobody knows why, they are halved until the one at fault is found,
        so one bad order never sinks the others. A run that the ledger holds as done is a ``duplicate``, and
        so is one that another call of this indexer does meanwhile; another process may do it twice.
        """
        mine, elsewhere = self._begin(orders)
        outcomes: Outcomes = {}
        groups: dict[str, dict[str, WorkOrder]] = {}
        for order in mine.values():
            groups.setdefault(order.collection, {})[order.run_id] = order
        try:
            for name, group in groups.items():
                outcomes.update(self._execute_group(name, list(group.values())))
        finally:
            self._end(mine, outcomes)
        # Only now, so that no two calls wait for each other.
        outcomes |= {run_id: _again(running.result()) for run_id, running in elsewhere.items()}
        answers: list[WorkOutcome] = []
        seen: set[str] = set()
        for order in orders:
            if order.run_id in seen:
                answers.append(outcome(order, "duplicate", "twice in one call"))
            else:
                answers.append(outcomes[order.run_id])
            seen.add(order.run_id)
        return answers

    def settle_photos(self, collection: Collection, table: ProductTable) -> bool:
        """A pass over the photos of reviews that were noted, where ``table`` is what readers follow; gives
        whether more is left. Raises ``MmpipeError``."""
        live = collection.live()
        if live is None or live.table != table.name:
            return False
        profile = table.profile
        return settle_photos(collection, table, profile, lambda: self._pipelines.of(profile))

    def drain(self) -> None:
        """Wait for maintenance that is under way."""
        if self._keeper is not None:
            self._keeper.drain()

    def close(self) -> None:
        """Finish maintenance and end the threads."""
        if self._keeper is not None:
            self._keeper.close()
        self._reading.shutdown(cancel_futures=True)
        self._looking.shutdown(cancel_futures=True)
        self._pipelines.close()

    def _begin(
        self, orders: Sequence[WorkOrder]
    ) -> tuple[dict[str, WorkOrder], dict[str, Future[WorkOutcome]]]:
        """The orders that this call executes, and what other calls are at, each by run."""
        mine: dict[str, WorkOrder] = {}
        elsewhere: dict[str, Future[WorkOutcome]] = {}
        with self._lock:
            for order in orders:
                running = None if order.run_id in mine else self._running.get(order.run_id)
                if running is not None:
                    elsewhere[order.run_id] = running
                else:
                    mine[order.run_id] = order
                    self._running.setdefault(order.run_id, Future())
        return mine, elsewhere

    def _end(self, mine: dict[str, WorkOrder], outcomes: Outcomes) -> None:
        with self._lock:
            ended = {run_id: self._running.pop(run_id) for run_id in mine}
        for run_id, running in ended.items():
            lost = outcome(mine[run_id], "retry", "the call that had begun it failed")
            running.set_result(outcomes.get(run_id, lost))

    def _execute_group(self, name: str, orders: list[WorkOrder]) -> Outcomes:
        outcomes: Outcomes = {}
        due: list[WorkOrder] = []
        try:
            # Beside one another: each takes a request or more.
            opening = self._looking.submit(self._open, name)
            collection = self._lake.collection(name, create=True)
            ledger = self._looking.submit(collection.runs.get_many, [order.run_id for order in orders])
            reads = self._read(collection, orders)
            known = ledger.result()
            target = opening.result()
        except (ModelUnavailable, ProfileMismatch) as error:
            # Not a fault of the uploads: back to their queue, until the live table's models are here.
            return {order.run_id: outcome(order, "retry", str(error)) for order in orders}
        except Exception as error:  # noqa: BLE001  whatever it is, the queue must get its answers
            return {order.run_id: outcome_of(order, error) for order in orders}
        for order in orders:
            record = known.get(order.run_id)
            if record is not None and record.status == "done":
                outcomes[order.run_id] = outcome(order, "duplicate", "the ledger holds this run as done")
            else:
                due.append(order)
        if due:
            outcomes.update(self._execute_following(name, target, due, reads))
        return outcomes

    def _execute_following(
        self, name: str, target: _Target, orders: list[WorkOrder], reads: Reads
    ) -> Outcomes:
        for _ in range(FOLLOW_ATTEMPTS):
            try:
                return self._execute_due(target, orders, reads)
            except LiveMoved as error:
                logger.info("readers were moved to another table", extra={"reason": str(error)})
            try:
                target = self._open(name)
            except Exception as error:  # noqa: BLE001  whatever it is, the queue must get its answers
                return {order.run_id: outcome(order, "retry", str(error)) for order in orders}
        return {order.run_id: outcome(order, "retry", "what is live keeps changing") for order in orders}

    def _execute_due(self, target: _Target, orders: list[WorkOrder], reads: Reads) -> Outcomes:
        try:
            # What was read before the ledger had answered counts once: what follows a failure reads again.
            begun = {order.run_id: reads.pop(order.run_id, None) for order in orders}
            missing = [order for order in orders if begun[order.run_id] is None]
            again = self._read(target.collection, missing)
            tasks = [(begun[order.run_id] or again[order.run_id]).result() for order in orders]
            return self._finish(target, tasks, self._commit(target, tasks))
        except LiveMoved:
            raise
        except RetryableError as error:
            return {order.run_id: outcome_of(order, error) for order in orders}
        except Exception as error:  # noqa: BLE001  one order's fault must not become the others'
            if len(orders) > 1:
                logger.warning(
                    "orders are halved to find one's fault",
                    extra={"orders": len(orders), "reason": str(error)},
                )
                middle = len(orders) // 2
                first = self._execute_due(target, orders[:middle], {})
                return first | self._execute_due(target, orders[middle:], {})
            if isinstance(error, PermanentError):
                return self._finish(target, [ReadOrder.failed(orders[0], error)], _Done())
            return {orders[0].run_id: outcome_of(orders[0], error)}

    def _read(self, collection: Collection, orders: Sequence[WorkOrder]) -> Reads:
        """Begin to read what the orders need."""

        def read(order: WorkOrder) -> ReadOrder:
            with continued(order.trace), span("upload.read", kind=order.kind):
                task = read_task(order, self._settings, self._store_for, collection.runs)
            if isinstance(task.error, BatchLaneNeeded) and not self._batch_lane:
                task.error = InvalidFeed(f"{task.error}, and there is no batch lane here: split the file")
            return task

        return {order.run_id: self._reading.submit(read, order) for order in orders}

    def _commit(self, target: _Target, tasks: list[ReadOrder]) -> _Done:
        collection, table, pipeline = target.collection, target.table, target.pipeline
        usable = [task for task in tasks if task.error is None]
        # Announce before looking for products: see freshness.
        announced = [task.media for task in usable if task.media is not None]
        if announced:
            collection.media.record(announced)
            note_media(collection, [version.uri for version in announced], usable[0].order.run_id)
        done = _Done()
        if any(task.rows for task in usable):
            # What was made ready outside counts where nobody changed these products meanwhile.
            with continued(usable[0].order.trace), span("uploads.encode", orders=len(usable)):
                ready = self._process(target, usable, target.version)
            again = partial(self._process, target, usable)
            share = Share(_Upload(target, usable), table, ready, again)
            # Several uploads share it: it is a part of the first one's trace.
            with continued(usable[0].order.trace), span("uploads.commit", orders=len(usable)):
                written = self._committing(collection).write(share)
            done = _Done(written.result, written.committed, written.note)
        reads, done.result.media = done.result.media, []
        changed = settle(reads, collection, table, lambda: pipeline)
        sources = {task.media.uri: task.source for task in usable if task.media is not None}
        if sources:
            changed.add(refresh_using(sources, collection, table, pipeline))
            changed.media.clear()
        if changed.writes:
            with self._committing(collection).turn:
                done.note = self._publish([_Upload(target, usable)], None, True) or done.note
        done.result.add(changed)
        for task in usable:
            task.store_interactions(collection, table, self._lake.pseudonyms)
        if any(task.reviews for task in usable):
            visible = [task.store_reviews(collection, table, self._lake.pseudonyms) for task in usable]
            with self._committing(collection).turn:
                note = publish_ratings(collection, table, _reason(usable), visible=any(visible))
            done.note = note or done.note
        return done

    def _process(
        self, target: _Target, tasks: Sequence[ReadOrder], version: lance.LanceDataset | None = None
    ) -> ChunkResult:
        table, pipeline = target.table, target.pipeline
        result = ChunkResult()
        lookup = lookup_in(table, table.dim, version)
        for chunk in _chunks([row for task in tasks for row in task.rows], pipeline.chunk_rows):
            result.add(pipeline.process(chunk, lookup))
        for task in tasks:
            order = task.order
            if task.report is not None and order.collection in self._settings.feeds.replace:
                shrink = self._settings.lake.max_shrink
                task.kept = add_missing(result, table, order.run_id, task.report, shrink)
        return result

    def _publish(self, uploads: Sequence[_Upload], version: int | None, visible: bool) -> str:
        target = uploads[0].target
        live = target.live
        same = live is not None and live.live.table == target.table.name
        # Somebody may have ended between a commit and its publication: who meets that next makes up for it.
        if live is not None and same and not visible and version is not None:
            visible = not shows(target.table, live.live, version)
        if same and not visible:
            return ""
        return publish(
            target.collection,
            target.table,
            _reason([task for upload in uploads for task in upload.tasks]),
            version=version,
            follow=True,
            seen=live,
            max_shrink=self._settings.lake.max_shrink,
            tidy=False,
        )

    def _finish(self, target: _Target, tasks: list[ReadOrder], done: _Done) -> Outcomes:
        """Rejects, then the ledger: what it holds as done has been written and published."""
        collection, table, result = target.collection, target.table, done.result
        record_rejects(result, done.committed, collection, table)
        failed = [task for task in tasks if isinstance(task.error, PermanentError)]
        collection.rejects.put([reject_of_source(task.source, task.error) for task in failed if task.error])
        bad_lines = [reject_of_row(row, row.reject) for t in tasks for row in t.bad_lines if row.reject]
        collection.rejects.put(bad_lines)
        for task in tasks:
            is_feed = task.order.kind in ("feed_uploaded", "feed_removed")
            if is_feed and task.error is None and not task.note:
                forget_replaced(collection, task.order, result.least_order(task.order.run_id))
        kept = [task for task in tasks if not isinstance(task.error, RetryableError)]
        self._ledger(collection).take([task.record(table, result, done.note) for task in kept])
        if self._keeper is not None:
            self._keeper.committed(collection, table)
        return {task.order.run_id: task.outcome(done.note) for task in tasks}

    def _open(self, name: str) -> _Target:
        collection = self._lake.collection(name, create=True)
        live, profile = live_table(collection)
        pipeline = self._pipelines.of(profile)
        table = collection.products(pipeline.loaded.profile, create=True)
        return _Target(collection, table, pipeline, live, table.latest())

    def _committing(self, collection: Collection) -> Together[_Upload]:
        with self._lock:
            together = Together(self._publish, self._settings.lake.max_shrink)
            return self._commits.setdefault(collection.name, together)

    def _ledger(self, collection: Collection) -> Turns[list[RunRecord]]:
        def put(records: Sequence[list[RunRecord]]) -> None:
            collection.runs.put(*chain.from_iterable(records))

        with self._lock:
            return self._ledgers.setdefault(collection.name, Turns(put))


def _chunks(rows: list[UploadRow], size: int) -> Iterator[list[UploadRow]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _again(found: WorkOutcome) -> WorkOutcome:
    """What a second order of a run is told, where the first became ``found``."""
    if found.status != "done":
        return found
    return found.model_copy(update={"status": "duplicate", "reason": "another call has just done it"})


def _reason(tasks: Sequence[ReadOrder]) -> str:
    if len(tasks) == 1:
        return f"{tasks[0].order.kind} {tasks[0].order.object.uri}"
    return f"{len(tasks)} uploads"
