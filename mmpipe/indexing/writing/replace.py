"""A feed that is the whole catalogue: products that it lacks are deleted, ordered like any write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.lake.schema import Tombstone, build_tombstones

if TYPE_CHECKING:
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.schemas.feed import FeedReport
    from mmpipe.settings import Settings

_MAX_REJECTS = 100_000


def delete_missing(
    collection: Collection,
    table: ProductTable,
    run_id: str,
    report: FeedReport | None,
    least_order: str | None,
    settings: Settings,
) -> tuple[int, str]:
    """Delete the live products whose row is older than a feed that was read to its end and committed.

    ``least_order`` is the least order of that feed's rows. What a rejected row names stays, and what a newer
    source wrote. Returns how many products went, and why none did where something spoke against it: an empty
    feed, one that tells stock alone, or one that lacks more than ``lake.max_shrink`` of the products.
    """
    if least_order is None or report is None or not report.products:
        return 0, "the feed has no product for sale, so it replaces nothing"
    if report.stock:
        return 0, "the feed tells stock alone, so it replaces nothing"
    rejects = collection.rejects.list(run_id=run_id, scope="row", limit=_MAX_REJECTS)
    named = {reject.product_id for reject in rejects}
    if None in named:
        return 0, "nothing was deleted: a rejected row names no product, so what is missing is not known"
    live = table.count_live()
    # Of a run that was repeated, rows before the least one that is known here may have been written before.
    order = _before_rows(least_order)
    missing = [product_id for product_id in table.older_than(order) if product_id not in named]
    if len(missing) > settings.lake.max_shrink * live:
        return 0, (
            f"nothing was deleted: {len(missing)} of {live} products are not in the feed, more than the share"
            f" of {settings.lake.max_shrink:g} that may go at once (MMPIPE_LAKE__MAX_SHRINK); if the feed is"
            " whole: mmpipe index --replace --accept"
        )
    if missing:
        now = datetime.now(UTC)
        tombstones = [Tombstone(product_id, order, run_id, now) for product_id in missing]
        table.upsert(build_tombstones(tombstones, table.dim))
    return len(missing), ""


def _before_rows(order: str) -> str:
    """The order of a whole file, before its first row; see ``SourceOrder.encode``."""
    seconds, sequencer, _, digest = order.split(".")
    return f"{seconds}.{sequencer}.{0:010d}.{digest}"
