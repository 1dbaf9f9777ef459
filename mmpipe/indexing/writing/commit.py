"""Where results reach the lake: rows, then rejects, then the look at the media record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from mmpipe.errors import CommitConflict, InvalidFeed, LiveMoved, PublishRejected, StockWithoutProduct
from mmpipe.indexing.pipeline.result import ChunkResult, RunCounts
from mmpipe.indexing.sources.rows import removal_source
from mmpipe.indexing.writing.freshness import settle
from mmpipe.indexing.writing.restock import restock
from mmpipe.schemas.run import RunRecord

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.pipeline import Pipeline
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.schemas.work import WorkOrder

logger = logging.getLogger(__name__)
Progress = Callable[[int, int, int, int | None], None]
_PUBLISH_ATTEMPTS = 3


def write(
    result: ChunkResult,
    collection: Collection,
    table: ProductTable,
    pipeline_for: Callable[[], Pipeline],
) -> int | None:
    """Write one result, first its rows, then the stock it tells; returns the table's version, None where
    there was nothing to write.

    Afterwards the result's tables are gone and its counts say what really happened: a row that lost to a
    newer source is ``skipped``. ``pipeline_for`` is asked only where a medium changed in the meantime.
    """
    version: int | None = None
    if result.tables:
        written = table.upsert(pa.concat_tables(result.tables))
        version = written.version
        result.tables.clear()
        if written.skipped:
            _count_losers(result, table)
    told: dict[str, str] = {}
    if result.stocks:
        restocked, told = restock(result, table)
        if restocked:
            version = table.version
    if result.rejects:
        collection.rejects.put(result.rejects)
    if result.writes:
        collection.rejects.resolve({w.id: w.order for w in sorted(result.writes, key=lambda w: w.order)})
    if told:
        collection.rejects.resolve(told, error=StockWithoutProduct.__name__)
    if result.media and collection.media.lookup([read.uri for read in result.media]):
        refreshed = settle(result.media, collection, table, pipeline_for())
        if refreshed.rejects:
            collection.rejects.put(refreshed.rejects)
        for run_id, counts in refreshed.counts.items():
            result.of_run(run_id).encoded.update(counts.encoded)
        version = table.version
    result.media.clear()
    return version


def publish(collection: Collection, table: ProductTable, reason: str, *, follow: bool = False) -> str:
    """Make the newest version live; returns why it could not be, or nothing.

    A table of another profile than the live one's is left for an explicit ``mmpipe live switch``: readers
    must never be moved to another model by an upload. With ``follow`` it raises ``LiveMoved`` then: the work
    is to be done again, for the table that is live by now. Nor are readers moved on from a version they were
    rolled back to: the fault that made somebody roll back would be live again with the next upload.
    """
    for _ in range(_PUBLISH_ATTEMPTS):
        live = collection.live()
        if live is not None and live.profile_fingerprint != table.profile.fingerprint:
            if follow:
                raise LiveMoved(f"written to {table.name}; readers follow {live.table} since: write it there")
            return (
                f"written to {table.name}, not live: {live.table} of another profile is;"
                f" mmpipe live switch {table.name}"
            )
        if live is not None and live.restores is not None:
            return (
                f"written to {table.name}, not live: readers were rolled back to version {live.version};"
                f" when the newest is right again, mmpipe live promote {table.name}"
            )
        try:
            collection.publish(table, reason=reason, following=live)
        except LiveMoved:
            continue
        except PublishRejected as error:
            logger.warning("a version was not published", extra={"table": table.name, "reason": str(error)})
            return f"written, not live: {error}"
        return ""
    raise CommitConflict(f"{table.name}: what is live keeps changing")


def forget_replaced(collection: Collection, order: WorkOrder, row_order: str | None) -> None:
    """Forget the rejects of what a feed held before; ``row_order`` as in ``RejectTable.replaced``.

    A row without an id, or one that is gone from the feed, is mended by nothing else.
    """
    file_order = removal_source(order).order(0)
    collection.rejects.replaced(order.object.uri, row_order=row_order, file_order=file_order)


class Committer:
    """Writes the results of one run as they come, ``commit_rows`` at a time, and keeps the ledger at it."""

    def __init__(
        self,
        record: RunRecord,
        collection: Collection,
        table: ProductTable,
        pipeline_for: Callable[[], Pipeline],
        commit_rows: int,
        progress: Progress | None = None,
    ) -> None:
        self.record = record.model_copy(update={"table": table.name, "profile": table.profile.name})
        self._collection = collection
        self._table = table
        self._pipeline_for = pipeline_for
        self._commit_rows = commit_rows
        self._progress = progress
        self._pending = ChunkResult()
        self._counts = RunCounts()
        self.least_order: str | None = None

    def consume(self, results: Iterable[ChunkResult]) -> RunRecord:
        """Write everything and return the run's record, still ``running``.

        Raises ``InvalidFeed`` where the feed broke off, when everything before that has been read; what was
        committed by then stands, and the record has the feed's report.
        """
        broken = ""
        for result in results:
            broken = broken or result.broken
            self._pending.add(result)
            self._report(None)
            if len(self._pending.writes) + len(self._pending.stocks) >= self._commit_rows:
                self._flush()
        if broken:
            self._take_report(self._pending)
            raise InvalidFeed(broken)
        self._flush()
        self.record = self.record.model_copy(update={"total": self._counts.read})
        self._report(self._counts.read)
        return self.record

    def _flush(self) -> None:
        pending, self._pending = self._pending, ChunkResult()
        version = write(pending, self._collection, self._table, self._pipeline_for)
        found = pending.least_order(self.record.run_id)
        self.least_order = min((o for o in (self.least_order, found) if o is not None), default=None)
        for counts in pending.counts.values():
            self._counts.add(counts)
        self.record = self._counts.into(self.record)
        self._take_report(pending)
        if version is not None:
            self.record = self.record.model_copy(update={"version": version})
        self._collection.runs.put(self.record)

    def _take_report(self, result: ChunkResult) -> None:
        report = result.reports.get(self.record.run_id)
        if report is not None:
            self.record = self.record.model_copy(update={"feed": report})

    def _report(self, total: int | None) -> None:
        if self._progress is None:
            return
        seen = RunCounts()
        seen.add(self._counts)
        for counts in self._pending.counts.values():
            seen.add(counts)
        self._progress(seen.read, seen.indexed + seen.unchanged, seen.rejected, total)


def begun(order: WorkOrder, started_at: datetime) -> RunRecord:
    """The record of an order that nothing was read for yet."""
    return RunRecord(
        run_id=order.run_id,
        kind=order.kind,
        lane=order.lane,
        source_uri=order.object.uri,
        version_id=order.object.version_id,
        event_order=removal_source(order).order(0),
        profile=order.profile,
        status="running",
        started_at=started_at,
    )


def finished(record: RunRecord, *, error: str = "", failed: bool = False) -> RunRecord:
    """The record with its end."""
    status = "failed" if failed else "done"
    return record.model_copy(update={"status": status, "finished_at": datetime.now(UTC), "error": error})


def _count_losers(result: ChunkResult, table: ProductTable) -> None:
    ids = [w.id for w in result.writes]
    stored = table.fetch(ids, columns=["id", "source_order"])
    order_of = dict(
        zip(stored.column("id").to_pylist(), stored.column("source_order").to_pylist(), strict=True)
    )
    result.lost([w for w in result.writes if order_of.get(w.id, w.order) > w.order])
