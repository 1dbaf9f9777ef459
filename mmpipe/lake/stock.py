"""What was told of a product's stock apart from the product itself, and how a row takes it over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pyarrow as pa

from mmpipe.schemas.product import Availability, Product

# Another than the row's; the same; this very word is held; a newer one is; no such product; another group's.
Restocked = Literal["changed", "same", "held", "older", "absent", "other"]


@dataclass(frozen=True, slots=True)
class Stock:
    """The availability that a source of ``order`` told, of a product of ``item_group_id`` (None: of any)."""

    order: str
    availability: Availability
    item_group_id: str | None = None

    def encode(self) -> str:
        """As one text, ``<order> <availability> <item group>``, which sorts by the order."""
        return f"{self.order} {self.availability} {self.item_group_id or ''}"

    @classmethod
    def decode(cls, text: str) -> Stock:
        """The inverse of :meth:`encode`. Raises ``ValueError``."""
        order, word, group = text.split(" ", 2)
        for availability in get_args(Availability):
            if availability == word:
                return cls(order, availability, group or None)
        raise ValueError(f"stock: {word!r} is no availability")

    def means(self, item_group_id: str | None) -> bool:
        """Whether it is about a product of this item group."""
        return self.item_group_id in (None, item_group_id)

    def against(self, row: Mapping[str, Any] | None) -> Restocked:
        """What it is to the row of its id (``source_order, deleted, item_group_id, availability, stock``).

        A product that is deleted keeps it for the case that an upload from before comes late.
        """
        if row is None:
            return "absent"
        group = row["item_group_id"]
        if not (self.means(group) or (row["deleted"] and group is None)):
            return "absent" if row["deleted"] else "other"
        if row["stock"] == self.encode():
            return "held"
        if row["source_order"] > self.order or (row["stock"] is not None and row["stock"] > self.encode()):
            return "older"
        return "same" if row["deleted"] or row["availability"] == self.availability else "changed"


def with_stock(rows: pa.Table, stocks: Mapping[str, Stock]) -> pa.Table:
    """Rows of ``products``, each with the stock of its id, where it is about the row's product."""
    names = ("stock", "availability", "document")
    told, words, documents = (rows.column(name).to_pylist() for name in names)
    heads = zip(*(rows.column(name).to_pylist() for name in ("id", "deleted", "item_group_id")), strict=True)
    for place, (product_id, deleted, group) in enumerate(heads):
        stock = stocks.get(product_id)
        if stock is None:
            continue
        told[place] = stock.encode()
        if not deleted and stock.means(group):
            words[place] = stock.availability
            documents[place] = _stocked(documents[place], stock.availability)
    for name, values in zip(names, (told, words, documents), strict=True):
        position = rows.schema.get_field_index(name)
        rows = rows.set_column(position, rows.schema.field(position), pa.array(values, pa.string()))
    return rows


def _stocked(document: str, availability: Availability) -> str:
    fields = json.loads(document) | {"availability": availability}
    if availability == Product.model_fields["availability"].default:
        del fields["availability"]
    # As Product writes itself, so that the same product is the same text.
    places = {name: place for place, name in enumerate(Product.model_fields)}
    ordered = sorted(fields.items(), key=lambda item: places.get(item[0], len(places)))
    return json.dumps(dict(ordered), ensure_ascii=False, separators=(",", ":"))
