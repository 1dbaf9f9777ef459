"""A feed that is the whole catalogue: products that it lacks are deleted, in the commit of its own rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.indexing.pipeline.result import Write
from mmpipe.lake.checks import may_vanish
from mmpipe.lake.schema import Tombstone, build_tombstones

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.result import ChunkResult
    from mmpipe.lake import ProductTable
    from mmpipe.schemas.feed import FeedReport


def add_missing(
    result: ChunkResult, table: ProductTable, run_id: str, report: FeedReport | None, max_shrink: float
) -> str:
    """Add to ``result``, which holds a feed that was read to its end, the deletion of every live product that
    is older than the feed and not in it. What a rejected row names stays, and what a newer source wrote.

    Returns why nothing is deleted, where something spoke against it: an empty feed, one that tells stock
    alone, or one that lacks more of the products than may go at once (:func:`may_vanish`).
    """
    least = result.least_order(run_id)
    if least is None or report is None or not report.products:
        return "the feed has no product for sale, so it replaces nothing"
    if report.stock:
        return "the feed tells stock alone, so it replaces nothing"
    named = result.named.get(run_id, set())
    if None in named:
        return "nothing was deleted: a rejected row names no product, so what is missing is not known"
    # Of a run that was repeated, rows before the least one that is known here may have been written before.
    order = _before_rows(least)
    missing = [product_id for product_id in table.older_than(order) if product_id not in named]
    live = table.count_live()
    if len(missing) > may_vanish(live, max_shrink):
        return (
            f"nothing was deleted: {len(missing):,} of {live:,} products are not in the feed, more than the"
            f" share of {max_shrink:g} that may go at once (MMPIPE_LAKE__MAX_SHRINK); if the feed is whole:"
            " mmpipe index FEED --replace --accept"
        )
    if missing:
        now = datetime.now(UTC)
        tombstones = [Tombstone(product_id, order, run_id, now) for product_id in missing]
        result.changes.rows.append(build_tombstones(tombstones, table.dim))
        result.writes += [Write(product_id, order, run_id, "deleted") for product_id in missing]
        result.of_run(run_id).deleted += len(missing)
    return ""


def _before_rows(order: str) -> str:
    """The order of a whole file, before its first row; see ``SourceOrder.encode``."""
    seconds, sequencer, _, digest = order.split(".")
    return f"{seconds}.{sequencer}.{0:010d}.{digest}"
