"""Which rows have to be written: the newest of each product, where it is newer than what the table holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.indexing.results import ChunkResult, Write, reject_of_row
from mmpipe.indexing.rows import SourceRow
from mmpipe.lake.schema import Tombstone, build_tombstones
from mmpipe.schemas.product import Product

if TYPE_CHECKING:
    from mmpipe.indexing.known import KnownRows
    from mmpipe.indexing.rows import Source


@dataclass(slots=True)
class Work:
    """One product that has to be written, and the row of it that the table holds, if any.

    ``only``: the addresses to be read again, where the row itself is not new. ``keep_uris``: the row keeps
    the list of addresses it has.
    """

    row: SourceRow
    product: Product
    known_row: int | None
    only: frozenset[str] | None = None
    keep_uris: bool = False


def newest_per_product(rows: Iterable[SourceRow], result: ChunkResult) -> dict[str, SourceRow]:
    """The row of each product that the others lose to. Rejected rows and losers are counted in ``result``."""
    newest: dict[str, SourceRow] = {}
    for row in rows:
        counts = result.of_run(row.source.run_id)
        counts.read += 1
        if row.reject is not None:
            counts.rejected += 1
            result.rejects.append(reject_of_row(row, row.reject))
            continue
        product_id = row.product.id if row.product is not None else row.delete_id
        if product_id is None:
            raise ValueError(f"row {row.row} of {row.source.uri} is neither product, deletion nor reject")
        other = newest.get(product_id)
        if other is not None:
            loser = other if other.order < row.order else row
            result.of_run(loser.source.run_id).skipped += 1
        if other is None or other.order < row.order:
            newest[product_id] = row
    return newest


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
            deletions.append(row)
        else:
            live.append(Work(row, row.product, known_row))
    return live, deletions


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
            yield Work(row, product, known_row, only, keep_uris=True)


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
