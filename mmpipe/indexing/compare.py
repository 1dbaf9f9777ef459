"""Which rows have to be written: the newest of each product, where it is newer than what the table holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.errors import InvalidRow
from mmpipe.indexing.results import ChunkResult, Write, reject_of_row
from mmpipe.indexing.rows import SourceRow, means
from mmpipe.lake.schema import Tombstone, build_tombstones
from mmpipe.schemas.product import Availability, Product

if TYPE_CHECKING:
    from mmpipe.indexing.known import KnownRows
    from mmpipe.indexing.rows import Source


@dataclass(slots=True)
class Work:
    """One product that has to be written, and the row of it that the table holds, if any.

    ``only``: the addresses to be read again, where the row itself is not new. ``keep_uris``: the row keeps
    the list of addresses it has. ``stock_order``: the order of the source that told the stock, where that is
    not the row's own. ``restocked``: nothing but the stock is new, and the row keeps its order.
    """

    row: SourceRow
    product: Product
    known_row: int | None
    only: frozenset[str] | None = None
    keep_uris: bool = False
    stock_order: str | None = None
    restocked: bool = False


def newest_per_product(
    rows: Iterable[SourceRow], result: ChunkResult
) -> tuple[dict[str, SourceRow], dict[str, SourceRow]]:
    """The row of each product that the others lose to, and likewise the row that tells its stock. Rejected
    rows and losers are counted in ``result``.
    """
    newest: dict[str, SourceRow] = {}
    stocks: dict[str, SourceRow] = {}
    for row in rows:
        counts = result.of_run(row.source.run_id)
        counts.read += 1
        if row.reject is not None:
            counts.rejected += 1
            result.rejects.append(reject_of_row(row, row.reject))
            continue
        if row.stock is not None and row.product_id is not None:
            _keep_newest(stocks, row.product_id, row, result)
            continue
        product_id = row.product.id if row.product is not None else row.delete_id
        if product_id is None:
            raise ValueError(f"row {row.row} of {row.source.uri} is neither product, deletion nor reject")
        other = newest.get(product_id)
        if other is not None and not (means(row, other.product) and means(other, row.product)):
            # A deletion of another product, which has the id by its own making: the product stands.
            stray = row if row.product is None else other
            result.of_run(stray.source.run_id).skipped += 1
            newest[product_id] = other if stray is row else row
            continue
        _keep_newest(newest, product_id, row, result)
    return newest, stocks


def _keep_newest(newest: dict[str, SourceRow], product_id: str, row: SourceRow, result: ChunkResult) -> None:
    other = newest.get(product_id)
    if other is not None:
        loser = other if other.order < row.order else row
        result.of_run(loser.source.run_id).skipped += 1
    if other is None or other.order < row.order:
        newest[product_id] = row


def due(
    newest: dict[str, SourceRow], known: KnownRows, result: ChunkResult
) -> tuple[list[Work], list[SourceRow]]:
    """Products and deletions newer than what the table holds; the others are counted in ``result``."""
    live: list[Work] = []
    deletions: list[SourceRow] = []
    for product_id, row in newest.items():
        known_row = known.find(product_id)
        if known_row is not None and known.order(known_row) >= row.order:
            counts = result.of_run(row.source.run_id)
            if known.order(known_row) == row.order:
                counts.unchanged += 1  # this very row, written before the run was interrupted
            else:
                counts.skipped += 1
        elif row.product is None:
            if row.group_id is None or means(row, known.product(known_row)):
                deletions.append(row)
            else:
                result.of_run(row.source.run_id).skipped += 1
        else:
            live.append(Work(row, row.product, known_row))
    return live, deletions


def restocked(
    live: list[Work], stocks: Mapping[str, SourceRow], known: KnownRows, result: ChunkResult
) -> list[Work]:
    """The products to write, each with the stock that was told last, and the known ones of which only the
    stock is new.

    Stock has an order of its own: a product row that is older than the last stock brings everything but that.
    A stock of a product that is not there is a reject.
    """
    works = []
    told: set[str] = set()
    for work in live:
        product_id, order = work.product.id, work.row.order
        row = stocks.get(product_id)
        if row is not None and means(row, work.product):
            told.add(product_id)
            result.of_run(row.source.run_id).unchanged += 1
            if row.order > order:
                order = row.order
                work = replace(work, product=_stocked(work.product, row.stock), stock_order=order)
        known_order = None if work.known_row is None else known.stock_order(work.known_row)
        before = known.product(work.known_row)
        if known_order is not None and known_order > order and before is not None:
            work = replace(work, product=_stocked(work.product, before.availability), stock_order=known_order)
        works.append(work)
    for product_id, row in stocks.items():
        if product_id in told:
            continue
        known_row = known.find(product_id)
        product = known.product(known_row)
        counts = result.of_run(row.source.run_id)
        if product is None or known_row is None or not means(row, product):
            counts.rejected += 1
            result.rejects.append(reject_of_row(row, _unknown(row, product)))
        elif max(known.order(known_row), known.stock_order(known_row) or "") >= row.order:
            counts.skipped += 1
        elif product.availability == row.stock:
            counts.unchanged += 1
        else:
            stocked = _stocked(product, row.stock)
            again = replace(row, order=known.order(known_row), product=stocked, stock=None)
            works.append(
                Work(
                    again,
                    stocked,
                    known_row,
                    frozenset(),
                    keep_uris=True,
                    stock_order=row.order,
                    restocked=True,
                )
            )
    return works


def _stocked(product: Product, stock: Availability | None) -> Product:
    return product if stock is None else product.model_copy(update={"availability": stock})


def _unknown(row: SourceRow, product: Product | None) -> InvalidRow:
    if product is None:
        return InvalidRow(
            "id", f"there is no product {row.product_id!r} yet: upload the product export first"
        )
    return InvalidRow(
        "id",
        f"{row.product_id!r} is a product of {product.item_group_id!r}, not of {row.group_id!r}: upload the"
        " product export first",
    )


def live_rows(known: KnownRows) -> Iterator[tuple[str, Product, int]]:
    """The known products that are not deleted: document, product, row."""
    for product_id in known.ids():
        known_row = known.find(product_id)
        if known_row is None or known.deleted(known_row):
            continue
        document = known.document(known_row)
        if document is not None:
            yield document, Product.model_validate_json(document), known_row


def using(sources: Mapping[str, Source], known: KnownRows) -> Iterator[Work]:
    """The known products that name any of these media addresses, with the addresses to read again."""
    for document, product, known_row in live_rows(known):
        only = frozenset(sources).intersection(known.media_uris(known_row))
        if only:
            source = sources[min(only)]
            order = known.order(known_row)
            row = SourceRow(source, 0, order, document, product=product, product_id=product.id)
            stock_order = known.stock_order(known_row)
            yield Work(row, product, known_row, only, keep_uris=True, stock_order=stock_order)


def write_tombstones(rows: Sequence[SourceRow], dim: int, result: ChunkResult) -> None:
    """Add deletions to the result."""
    if not rows:
        return
    now = datetime.now(UTC)
    tombstones = [Tombstone(str(r.delete_id), r.order, r.source.run_id, now) for r in rows]
    for tombstone in tombstones:
        result.of_run(tombstone.run_id).deleted += 1
        result.writes.append(Write(tombstone.id, tombstone.source_order, tombstone.run_id, "deleted"))
    result.tables.append(build_tombstones(tombstones, dim))
