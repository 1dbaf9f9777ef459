"""Which rows have to be written: the newest of each product, where it stands against what the table holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mmpipe.indexing.pipeline.result import ChunkResult, Write, WriteKind, reject_of_row
from mmpipe.indexing.sources.rows import UploadRow
from mmpipe.lake.precedence import Standing, after
from mmpipe.lake.schema import Tombstone, build_tombstones
from mmpipe.schemas.product import Product

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.held import HeldRows
    from mmpipe.indexing.pipeline.seen import Asked
    from mmpipe.indexing.sources.rows import Upload


@dataclass(slots=True)
class Work:
    """One product that has to be written, and the row of it that the table holds, if any.

    ``only``: the addresses to be read again, where the row itself is not new. ``keep_uris``: the row keeps
    the list of addresses it has. ``whole``: the row is written whole, whatever of it changed. ``stock``: what
    the row keeps of its stock, as the table's column. ``content``: the digest of the upload. ``asked``: what
    was found out by asking about its media.
    """

    row: UploadRow
    product: Product
    known_row: int | None
    only: frozenset[str] | None = None
    keep_uris: bool = False
    whole: bool = False
    stock: str | None = None
    content: str | None = None
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A row that deletes, and what stands under its id then; ``effective`` where a product was there."""

    row: UploadRow
    product_id: str
    standing: Standing
    effective: bool


def contenders(rows: Iterable[UploadRow], result: ChunkResult) -> dict[str, list[UploadRow]]:
    """By id, the newest product row and the newest deletion for each item group, in the order of their
    sources.

    Rejected rows and losers are counted in ``result``, which also gets the rows that tell stock.
    """
    newest: dict[str, dict[tuple[bool, str | None], UploadRow]] = {}
    for row in rows:
        counts = result.of_run(row.source.run_id)
        counts.read += 1
        named = result.named.setdefault(row.source.run_id, set())
        if row.reject is not None:
            named.add(row.product_id or row.delete_id)
            counts.rejected += 1
            result.rejects.append(reject_of_row(row, row.reject))
            continue
        if row.stock is not None:
            result.stocks.append(row)
            continue
        product_id = row.product.id if row.product is not None else row.delete_id
        if product_id is None:
            raise ValueError(f"row {row.row} of {row.source.uri} is neither product, deletion nor reject")
        named.add(product_id)
        mine = newest.setdefault(product_id, {})
        kind = row.product is None, row.group_id
        other = mine.get(kind)
        if other is not None:
            loser = other if other.order < row.order else row
            result.of_run(loser.source.run_id).skipped += 1
        if other is None or other.order < row.order:
            mine[kind] = row
    return {i: sorted(mine.values(), key=lambda row: row.order) for i, mine in newest.items()}


def due(
    rows: Mapping[str, Sequence[UploadRow]], known: HeldRows, result: ChunkResult
) -> tuple[list[Work], list[Deletion]]:
    """Products and deletions that stand against what the table holds; ``result`` counts the others."""
    live: list[Work] = []
    deletions: list[Deletion] = []
    for product_id, mine in rows.items():
        known_row = known.find(product_id)
        before = now = None if known_row is None else known.standing(known_row)
        last: UploadRow | None = None
        for row in mine:
            then = after(now, _standing(row))
            loser = row if then == now else last
            if then != now:
                now, last = then, row
            if loser is None:
                continue
            counts = result.of_run(loser.source.run_id)
            if before is not None and before.order == loser.order:
                counts.unchanged += 1  # this very row, written before the run was interrupted
                result.repeated = True
            else:
                counts.skipped += 1
        if last is None or now is None:
            continue
        if last.product is not None:
            at_hand = known_row if known_row is not None and not known.deleted(known_row) else None
            live.append(Work(last, last.product, at_hand, asked=last.asked))
        else:
            effective = before is not None and not before.deleted
            deletions.append(Deletion(last, product_id, now, effective))
    return live, deletions


def _standing(row: UploadRow) -> Standing:
    if row.product is not None:
        return Standing(row.order, deleted=False, group=row.product.item_group_id)
    return Standing(row.order, deleted=True, group=row.group_id)


def live_rows(known: HeldRows) -> Iterator[tuple[str, Product, int]]:
    """The known products that are not deleted: document, product, row."""
    for product_id in known.ids():
        known_row = known.find(product_id)
        if known_row is None or known.deleted(known_row):
            continue
        document = known.document(known_row)
        if document is not None:
            yield document, Product.model_validate_json(document), known_row


def using(sources: Mapping[str, Upload], known: HeldRows) -> Iterator[Work]:
    """The known products that name any of these media addresses, with the addresses to read again."""
    for document, product, known_row in live_rows(known):
        only = frozenset(sources).intersection(known.media_uris(known_row))
        if only:
            source = sources[min(only)]
            order = known.order(known_row)
            row = UploadRow(source, 0, order, document, product=product, product_id=product.id)
            stock, content = known.stock(known_row), known.content(known_row)
            yield Work(row, product, known_row, only, keep_uris=True, stock=stock, content=content)


def write_tombstones(deletions: Sequence[Deletion], dim: int, result: ChunkResult) -> None:
    """Add deletions to the result. What deletes nothing is written all the same, for its order."""
    if not deletions:
        return
    now = datetime.now(UTC)
    tombstones = []
    for each in deletions:
        run_id, order = each.row.source.run_id, each.standing.order
        tombstones.append(Tombstone(each.product_id, order, run_id, now, each.standing.group))
        if each.effective:
            result.of_run(run_id).deleted += 1
        else:
            result.of_run(run_id).unchanged += 1
        kind: WriteKind = "deleted" if each.effective else "unchanged"
        result.writes.append(Write(each.product_id, order, run_id, kind))
    result.changes.rows.append(build_tombstones(tombstones, dim))
