"""A result into the lake: everything in one commit, then what was wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from mmpipe.errors import CommitConflict, StockWithoutProduct, TooManyDeleted
from mmpipe.indexing.sources.rows import removal_source
from mmpipe.indexing.writing.restock import count_stocks, stocks_of
from mmpipe.lake.changes import Changes
from mmpipe.lake.checks import may_vanish
from mmpipe.schemas.run import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmpipe.indexing.pipeline.result import ChunkResult
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.lake.changes import Applied
    from mmpipe.schemas.run import Reject
    from mmpipe.schemas.work import WorkOrder


# Attempts of an upload whose products others keep changing.
_ROUNDS = 5


@dataclass(slots=True)
class Committed:
    """What one commit did. ``stale`` products are to be compared anew and committed then: nothing has been
    written. ``told`` has by id the order of each stock that met its product."""

    applied: Applied
    told: dict[str, str] = field(default_factory=dict)

    @property
    def stale(self) -> frozenset[str]:
        """Products that others changed since they were compared with the table."""
        return self.applied.stale


def commit(result: ChunkResult, table: ProductTable, max_shrink: float) -> Committed:
    """Write everything of one result in one version of the table, or nothing.

    Afterwards its counts say what really happened: what lost to a newer source is ``skipped``. Raises
    ``TooManyDeleted``, and ``CommitConflict`` where other writers kept winning; nothing is written then.
    """
    applied = _commit([result], table, max_shrink)
    return Committed(applied) if applied.stale else _counted([result], applied)[0]


def commit_together(
    results: Sequence[ChunkResult], table: ProductTable, max_shrink: float
) -> list[Committed] | None:
    """Write everything of several results in one version of the table, or nothing; None where others have
    changed products of one of them. Otherwise as :func:`commit`."""
    applied = _commit(results, table, max_shrink)
    return None if applied.stale else _counted(results, applied)


def commit_fresh(
    make: Callable[[], ChunkResult], table: ProductTable, max_shrink: float
) -> tuple[ChunkResult, Committed]:
    """Make a result and commit it, again where others changed its products between the two.

    Raises as :func:`commit` does.
    """
    for _ in range(_ROUNDS):
        result = make()
        committed = commit(result, table, max_shrink)
        if not committed.stale:
            return result, committed
    raise CommitConflict(f"{table.name}: others keep changing what this upload is about")


def record_rejects(
    result: ChunkResult, committed: Committed | None, collection: Collection, table: ProductTable
) -> None:
    """Keep what was wrong with a result, and forget what is mended by it where it was committed.

    What was wrong with a medium is of no account where the table has the product of a newer source.
    """
    rejects = collection.rejects
    faults = _of_what_stands(result.rejects, table)
    if faults:
        rejects.put(faults)
    writes = sorted(result.writes, key=lambda write: write.order)
    rejects.resolve({w.id: w.order for w in writes if w.kind != "seen"})
    # Of a product that is as it was, the media are, too: what was wrong with them still is.
    rejects.resolve({w.id: w.order for w in writes if w.kind == "seen"}, scope="row")
    if committed is not None and committed.told:
        rejects.resolve(committed.told, error=StockWithoutProduct.__name__)


def _of_what_stands(rejects: Sequence[Reject], table: ProductTable) -> list[Reject]:
    ids = {each.product_id for each in rejects if each.scope == "media" and each.product_id is not None}
    if not ids:
        return list(rejects)
    rows = table.fetch(sorted(ids), ["id", "source_order"])
    orders = dict(zip(*(rows.column(name).to_pylist() for name in ("id", "source_order")), strict=True))
    return [
        each
        for each in rejects
        if each.scope != "media" or each.source_order >= orders.get(each.product_id or "", "")
    ]


def forget_replaced(collection: Collection, order: WorkOrder, row_order: str | None) -> None:
    """Forget the rejects of what a feed held before; ``row_order`` as in ``RejectTable.replaced``.

    A row without an id, or one that is gone from the feed, is mended by nothing else.
    """
    file_order = removal_source(order).order(0)
    collection.rejects.replaced(order.object.uri, row_order=row_order, file_order=file_order)


def begun(order: WorkOrder, started_at: datetime, profile: str) -> RunRecord:
    """The record of an order that nothing was read for yet; ``profile`` names the models at hand."""
    return RunRecord(
        run_id=order.run_id,
        kind=order.kind,
        lane=order.lane,
        source_uri=order.object.uri,
        version_id=order.object.version_id,
        etag=order.object.etag,
        event_order=removal_source(order).order(0),
        profile=profile,
        status="running",
        started_at=started_at,
    )


def finished(record: RunRecord, *, error: str = "", failed: bool = False) -> RunRecord:
    """The record with its end."""
    status = "failed" if failed else "done"
    return record.model_copy(update={"status": status, "finished_at": datetime.now(UTC), "error": error})


def _commit(results: Sequence[ChunkResult], table: ProductTable, max_shrink: float) -> Applied:
    changes = Changes(sound=True)  # the pipeline refuses every other vector
    for result in results:
        result.changes.stocks = stocks_of(result.stocks)
        changes.add(result.changes)
    return table.apply(changes, accept=partial(_check_deletions, max_shrink))


def _counted(results: Sequence[ChunkResult], applied: Applied) -> list[Committed]:
    found, start = [], 0
    for result in results:
        if applied.lost:
            result.lost([w for w in result.writes if (w.id, w.order) in applied.lost])
        end = start + len(result.stocks)
        found.append(Committed(applied, count_stocks(result, applied.restocked[start:end])))
        start = end
    return found


def _check_deletions(max_shrink: float, deleted: int, live: int) -> None:
    if deleted > may_vanish(live, max_shrink):
        raise TooManyDeleted(
            f"it would delete {deleted:,} of {live:,} products, more than the share of {max_shrink:g} that"
            " may go at once (MMPIPE_LAKE__MAX_SHRINK); nothing of it was written. If it is meant:"
            " mmpipe index FEED --accept"
        )
