"""What a product's reviews come to, on its row: numbers alone, and how the row takes them over.

While reviews rate a product, its ``rating`` and ``rating_count`` are theirs. What its own uploads say is kept
beside (``given``), for the case that the last of them is taken back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import pyarrow as pa

from mmpipe.schemas.product import Product

# To the row of its id: other numbers; the same of a deletion, for the product that may come again; the same
# numbers; this or a newer state of the reviews is held; no such product.
Rerated = Literal["changed", "kept", "same", "held", "absent"]
_COLUMNS: Final = ("rating", "rating_count", "document", "reviewed")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the reviews came to in their ``version``: how many rate the product, and their mean. ``given`` are
    rating and count by the product's own uploads."""

    version: int
    rated: int
    rating: float | None
    given: tuple[float | None, int | None] = (None, None)

    def encode(self) -> str:
        """As one text, which sorts by the version."""
        rest = json.dumps([self.rated, self.rating, *self.given], separators=(",", ":"))
        return f"{self.version:015d} {rest}"

    @classmethod
    def decode(cls, text: str) -> Reviewed:
        """The inverse of :meth:`encode`. Raises ``ValueError``."""
        version, _, rest = text.partition(" ")
        rated, rating, given, count = json.loads(rest)
        return cls(int(version), rated, rating, (given, count))

    def shown(self) -> tuple[float | None, int | None]:
        """The product's rating and how many rated."""
        return (self.rating, self.rated) if self.rated else self.given

    def against(self, row: Mapping[str, Any] | None) -> Rerated:
        """What it is to the row of its id (``reviewed, deleted``)."""
        if row is None:
            return "absent"
        held = Reviewed(0, 0, None) if row["reviewed"] is None else Reviewed.decode(row["reviewed"])
        if (held.rated, held.rating) == (self.rated, self.rating):
            return "same"
        if held.version >= self.version:
            return "held"
        return "kept" if row["deleted"] else "changed"


def with_reviewed(rows: pa.Table, told: Mapping[str, Reviewed], *, uploaded: bool = True) -> pa.Table:
    """Rows of ``products``, each with what was told of its id, where it holds nothing newer.

    Their own numbers are what uploads say, unless they were made of rows that were told already: where they
    say so, or were not ``uploaded``."""
    columns = {name: rows.column(name).to_pylist() for name in _COLUMNS}
    ids, deleted = (rows.column(name).to_pylist() for name in ("id", "deleted"))
    for place, product_id in enumerate(ids):
        reviewed = told.get(product_id)
        if reviewed is None:
            continue
        before = columns["reviewed"][place]
        held = None if before is None else Reviewed.decode(before)
        if held is not None and held.version >= reviewed.version:
            continue
        if not deleted[place]:
            own = columns["rating"][place], columns["rating_count"][place]
            if held is not None:
                reviewed = replace(reviewed, given=held.given)
            elif uploaded:
                reviewed = replace(reviewed, given=own)
            rating, count = reviewed.shown()
            columns["rating"][place], columns["rating_count"][place] = rating, count
            columns["document"][place] = _rated(columns["document"][place], rating, count)
        elif held is not None:
            reviewed = replace(reviewed, given=held.given)
        columns["reviewed"][place] = reviewed.encode()
    for name, values in columns.items():
        position = rows.schema.get_field_index(name)
        field = rows.schema.field(position)
        rows = rows.set_column(position, field, pa.array(values, field.type))
    return rows


def _rated(document: str, rating: float | None, count: int | None) -> str:
    fields = json.loads(document)
    for name, value in (("rating", rating), ("rating_count", count)):
        fields.pop(name, None)
        if value is not None:
            fields[name] = value
    # As Product writes itself, so that the same product is the same text.
    places = {name: place for place, name in enumerate(Product.model_fields)}
    ordered = sorted(fields.items(), key=lambda item: places.get(item[0], len(places)))
    return json.dumps(dict(ordered), ensure_ascii=False, separators=(",", ":"))
