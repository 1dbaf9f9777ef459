"""The warm lane: many small orders, one commit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from mmpipe.errors import MmpipeError, PermanentError, RetryableError
from mmpipe.indexing.commit import forget_replaced, publish, write
from mmpipe.indexing.freshness import refresh_using
from mmpipe.indexing.known import lookup_in
from mmpipe.indexing.pipeline import Pipeline
from mmpipe.indexing.results import ChunkResult, reject_of_row, reject_of_source
from mmpipe.indexing.rows import SourceRow
from mmpipe.indexing.tasks import Task, outcome, outcome_of, read_task
from mmpipe.schemas.work import WorkOrder, WorkOutcome

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.indexing.readers import StoreFor
    from mmpipe.lake import Collection, Lake, ProductTable
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)
Outcomes = dict[str, WorkOutcome]


class Indexer:
    """Executes work orders of any collection with one loaded profile.

    Safe to call from several threads; calls take turns. Maintenance (indexes, compaction) runs after the
    outcomes are returned, on a thread of its own, and only one at a time.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        loaded: LoadedEncoders,
        store_for: StoreFor,
        *,
        maintain: bool = True,
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._loaded = loaded
        self._store_for = store_for
        self._pipeline = Pipeline(settings, loaded, store_for)
        self._lock = threading.Lock()
        self._tables: dict[str, tuple[Collection, ProductTable]] = {}
        self._after = ThreadPoolExecutor(1, thread_name_prefix="mmpipe-maintain") if maintain else None
        self._maintaining: dict[str, Future[None]] = {}

    def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """One outcome per order, in the same order; never raises for what an order holds.

        Orders of one collection share one commit. Where that fails, each is tried alone, so one bad order
        never sinks the others. A run that the ledger holds as done is a ``duplicate``.
        """
        with self._lock:
            outcomes: Outcomes = {}
            groups: dict[str, dict[str, WorkOrder]] = {}
            for order in orders:
                groups.setdefault(order.collection, {})[order.run_id] = order
            for name, group in groups.items():
                outcomes.update(self._execute_group(name, list(group.values())))
            answers: list[WorkOutcome] = []
            seen: set[str] = set()
            for order in orders:
                if order.run_id in seen:
                    answers.append(outcome(order, "duplicate", "twice in one call"))
                else:
                    answers.append(outcomes[order.run_id])
                seen.add(order.run_id)
            return answers

    def drain(self) -> None:
        """Wait for maintenance that is under way."""
        for running in list(self._maintaining.values()):
            running.result()

    def close(self) -> None:
        """Finish maintenance and end the threads."""
        if self._after is not None:
            self._after.shutdown(wait=True, cancel_futures=True)
        self._pipeline.close()

    def _execute_group(self, name: str, orders: list[WorkOrder]) -> Outcomes:
        outcomes: Outcomes = {}
        due: list[WorkOrder] = []
        try:
            collection, table = self._open(name)
            known = collection.runs.get_many([order.run_id for order in orders])
        except Exception as error:  # noqa: BLE001  whatever it is, the queue must get its answers
            return {order.run_id: outcome_of(order, error) for order in orders}
        for order in orders:
            record = known.get(order.run_id)
            if record is not None and record.status == "done":
                outcomes[order.run_id] = outcome(order, "duplicate", "the ledger holds this run as done")
            elif order.profile != self._loaded.profile.name:
                # Not a fault of the upload: back to its queue, until somebody mends the configuration.
                outcomes[order.run_id] = outcome(order, "retry", self._wrong_profile(order))
            else:
                due.append(order)
        if due:
            outcomes.update(self._execute_due(collection, table, due))
        return outcomes

    def _execute_due(self, collection: Collection, table: ProductTable, orders: list[WorkOrder]) -> Outcomes:
        try:
            return self._commit(
                collection, table, [read_task(o, self._settings, self._store_for) for o in orders]
            )
        except Exception as error:  # noqa: BLE001  one order's fault must not become the others'
            if len(orders) > 1:
                logger.warning(
                    "orders are executed one by one", extra={"orders": len(orders), "reason": str(error)}
                )
                alone: Outcomes = {}
                for order in orders:
                    alone.update(self._execute_due(collection, table, [order]))
                return alone
            if isinstance(error, PermanentError):
                task = Task.failed(orders[0], error)
                return self._finish(collection, table, [task], ChunkResult(), "")
            return {orders[0].run_id: outcome_of(orders[0], error)}

    def _commit(self, collection: Collection, table: ProductTable, tasks: list[Task]) -> Outcomes:
        usable = [task for task in tasks if task.error is None]
        # Announce before looking for products: see freshness.
        announced = [task.media for task in usable if task.media is not None]
        if announced:
            collection.media.record(announced)
        result = ChunkResult()
        lookup = lookup_in(table, table.dim)
        for chunk in _chunks([row for task in usable for row in task.rows], self._pipeline.chunk_rows):
            result.add(self._pipeline.process(chunk, lookup))
        written = write(result, collection, table, lambda: self._pipeline)
        # Unchanged rows count: an attempt before this one may have ended between its commit and its
        # publication.
        touched = written is not None or any(counts.unchanged for counts in result.counts.values())
        sources = {task.media.uri: task.source for task in usable if task.media is not None}
        if sources:
            refreshed = refresh_using(sources, collection, table, self._pipeline)
            collection.rejects.put(refreshed.rejects)
            touched = touched or bool(refreshed.media)
            refreshed.media.clear()
            result.add(refreshed)
        for task in usable:
            if task.interactions:
                collection.interactions.append(task.interactions, run_id=task.order.run_id)
        note = publish(collection, table, _reason(usable)) if touched else ""
        return self._finish(collection, table, tasks, result, note)

    def _finish(
        self, collection: Collection, table: ProductTable, tasks: list[Task], result: ChunkResult, note: str
    ) -> Outcomes:
        """Rejects of whole files, then the ledger: what it holds as done has been written and published."""
        failed = [task for task in tasks if isinstance(task.error, PermanentError)]
        collection.rejects.put([reject_of_source(task.source, task.error) for task in failed if task.error])
        bad_lines = [reject_of_row(row, row.reject) for t in tasks for row in t.bad_lines if row.reject]
        collection.rejects.put(bad_lines)
        for task in tasks:
            if task.error is None and task.order.kind == "feed_uploaded" and not task.note:
                forget_replaced(collection, task.order, result.least_order(task.order.run_id))
        kept = [task for task in tasks if not isinstance(task.error, RetryableError)]
        collection.runs.put(*(task.record(table, result) for task in kept))
        self._maintain_later(collection, table)
        return {task.order.run_id: task.outcome(note) for task in tasks}

    def _open(self, name: str) -> tuple[Collection, ProductTable]:
        if name not in self._tables:
            collection = self._lake.collection(name, create=True)
            self._tables[name] = (collection, collection.products(self._loaded.profile, create=True))
        return self._tables[name]

    def _wrong_profile(self, order: WorkOrder) -> str:
        return (
            f"profile: the order wants {order.profile!r}, this indexer holds {self._loaded.profile.name!r};"
            " set MMPIPE_INDEXING__PROFILE alike for handlers and indexer"
        )

    def _maintain_later(self, collection: Collection, table: ProductTable) -> None:
        if self._after is None:
            return
        running = self._maintaining.get(table.uri)
        if running is None or running.done():
            self._maintaining[table.uri] = self._after.submit(_maintain, collection, table)


def _maintain(collection: Collection, table: ProductTable) -> None:
    try:
        live = collection.live()
        # Readers that were rolled back or pinned to an older version stay there.
        followed = live is not None and live.table == table.name and live.version == table.version
        if table.maintain().changed and followed:
            publish(collection, table, "maintenance")
    except (MmpipeError, OSError) as error:
        # The next commit tries again; searches stay right meanwhile, only slower.
        logger.warning("maintenance was put off", extra={"table": table.name, "reason": str(error)})


def _chunks(rows: list[SourceRow], size: int) -> Iterator[list[SourceRow]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _reason(tasks: Sequence[Task]) -> str:
    if len(tasks) == 1:
        return f"{tasks[0].order.kind} {tasks[0].order.object.uri}"
    return f"{len(tasks)} uploads"
