"""Uploads as a pipeline makes them: compared with the table, and written as a row, an edit or as seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from mmpipe.lake import ProductTable
from mmpipe.lake.changes import Changes, Seen, basis_of, seen_table
from mmpipe.lake.schema import (
    EDIT_COLUMNS,
    ProductRow,
    Tombstone,
    VectorBlock,
    build_edits,
    build_table,
    build_tombstones,
)
from mmpipe.lake.stock import Stock
from mmpipe.schemas.product import Availability, Money, Product
from tests.unit.lake.rows import DIM, NOW, order, vector_of


@dataclass(frozen=True)
class Upload:
    """What a source of order ``n`` says of a product: its words (text alone depends on them), price and
    availability; without words, that it is gone."""

    id: str
    n: int
    words: str | None
    price: int = 1
    availability: Availability = "in_stock"

    @property
    def content(self) -> str:
        return f"{self.words}/{self.price}/{self.availability}"

    def row(self, image: str | None = None) -> ProductRow:
        assert self.words is not None
        money = Money(amount=Decimal(self.price), currency="USD")
        product = Product(id=self.id, title=self.words, price=money, availability=self.availability)
        return made(product, self.n, image, content=self.content)


@dataclass(frozen=True)
class Photo:
    """A photo that is at the address of a product's now."""

    id: str
    image: str


@dataclass(frozen=True)
class Told:
    """A stock that is told apart."""

    id: str
    n: int
    availability: Availability

    @property
    def stock(self) -> Stock:
        return Stock(order(self.n), self.availability)


Step = Upload | Photo | Told


def made(product: Product, n: int | str, image: str | None, **columns: Any) -> ProductRow:
    hashes: dict[Any, str] = {"text": product.title} | ({} if image is None else {"image": image})
    uris = () if image is None else (f"s3://b/{product.id}.png",)
    return ProductRow(product, n if isinstance(n, str) else order(n), "run", NOW, uris, hashes, **columns)


def whole(rows: Sequence[ProductRow]) -> pa.Table:
    """Rows with the vectors that their hashes say."""
    blocks = {
        "text_vector": _block([row.hashes["text"] for row in rows]),
        "image_vector": _block([row.hashes.get("image") for row in rows]),
        "vector": _block([f"{row.hashes['text']}+{row.hashes.get('image')}" for row in rows]),
    }
    return build_table(rows, blocks, DIM)


def tombstones(uploads: Sequence[Upload]) -> pa.Table:
    now = datetime.now(UTC)  # or maintenance would collect them
    return build_tombstones([Tombstone(u.id, order(u.n), "run", now) for u in uploads], DIM)


def _block(names: Sequence[str | None]) -> VectorBlock:
    values = [np.zeros(DIM, np.float32) if name is None else vector_of(name) for name in names]
    return VectorBlock(np.stack(values), np.array([name is not None for name in names]))


def looked(table: ProductTable, steps: Sequence[Step], *, staged: bool = False) -> Changes:
    """What these steps change in the table as it is now; ``staged``: new rows lie in its folder already."""
    held = {row["id"]: row for row in table.fetch([step.id for step in steps]).to_pylist()}
    changes = Changes()
    rows: list[ProductRow] = []
    gone: list[Upload] = []
    edits: list[ProductRow] = []
    seen: list[Seen] = []
    for step in steps:
        head = held.get(step.id)
        live = head is not None and not head["deleted"]
        if isinstance(step, Told):
            changes.stocks.append((step.id, step.stock))
        elif isinstance(step, Photo):
            if head is not None and live:
                product = Product.model_validate_json(head["document"])
                row = made(
                    product, head["source_order"], step.image, content=head["content"], stock=head["stock"]
                )
                changes.refreshed.append(whole([row]))
        elif step.words is None:
            gone.append(step)
        elif head is None or not live or head["text_hash"] != step.words:
            rows.append(step.row(None if head is None else head["image_hash"]))
        elif head["content"] != step.content or _superseded(head, step):
            edits.append(step.row(head["image_hash"]))
        else:
            basis = basis_of(head["content"], head["source_order"])
            seen.append(Seen(step.id, order(step.n), None, basis))
    if rows:
        (changes.staged.extend(table.stage(whole(rows))) if staged else changes.rows.append(whole(rows)))
    if gone:
        changes.rows.append(tombstones(gone))
    if edits:
        changes.edits.append(build_edits(edits).select(EDIT_COLUMNS))
    if seen:
        changes.seen.append(seen_table(seen))
    return changes


def _superseded(head: Mapping[str, Any], upload: Upload) -> bool:
    return head["stock"] is not None and head["stock"] < order(upload.n)


@dataclass
class Model:
    """What must stand, whoever came first."""

    uploads: dict[str, Upload] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    photos: dict[str, set[str | None]] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        if isinstance(step, Photo):
            self.photos.setdefault(step.id, {None}).add(step.image)
        elif isinstance(step, Told):
            self.told[step.id] = max(step, self.told.get(step.id, step), key=lambda each: each.n)
        else:
            self.uploads[step.id] = max(step, self.uploads.get(step.id, step), key=lambda each: each.n)

    def check(self, table: ProductTable) -> None:
        rows = table.latest().to_table().to_pylist()
        assert sorted(row["id"] for row in rows) == sorted(self.uploads), "lost, or stored twice"
        for row in rows:
            upload, told = self.uploads[row["id"]], self.told.get(row["id"])
            told = None if told is None or told.n < upload.n else told
            assert (row["source_order"], row["deleted"]) == (order(upload.n), upload.words is None)
            assert row["stock"] == (None if told is None else told.stock.encode())
            if upload.words is None:
                assert row["vector"] is row["content"] is row["document"] is None
                continue
            product = Product.model_validate_json(row["document"])
            expected = upload.availability if told is None else told.availability
            assert row["availability"] == product.availability == expected
            assert row["title"] == product.title == row["text_hash"] == upload.words
            assert (row["price"], row["content"]) == (float(upload.price), upload.content)
            assert row["image_hash"] in self.photos.get(row["id"], {None})
            assert upload.words.lower() in row["search_text"]
            for column, name in (
                ("text_vector", upload.words),
                ("image_vector", row["image_hash"]),
                ("vector", f"{upload.words}+{row['image_hash']}"),
            ):
                assert (row[column] is None) == (name is None)
                assert name is None or np.allclose(row[column], vector_of(name))
