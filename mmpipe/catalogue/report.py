"""What a reader found in a feed: which format, which columns, what became of the rows."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from mmpipe.schemas.feed import FeedReport

if TYPE_CHECKING:
    from mmpipe.catalogue.formats.base import Format
    from mmpipe.catalogue.rows import FeedRow
    from mmpipe.errors import InvalidRow

_MAX_COLUMNS: Final = 500
_MAX_REASONS: Final = 50
_MANY: Final = 20
_VALUES: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?<!UTF-)\d[\d,.]*")
_PICTURES: Final = ("image_link", "additional_image_link")


class Findings:
    """Collects while a feed is read; :meth:`report` may be asked at any time, and is whole at the end."""

    def __init__(self, format_: Format, container: str, public: frozenset[str]) -> None:
        self.public = public
        self._format = format_
        self._container = container
        self._used: dict[str, str] = {}
        self._private: set[str] = set()
        self._unknown: set[str] = set()
        self._notes: list[str] = []
        self._rows = 0
        self._products = self._groups = self._withdrawn = self._stock = self._rejected = 0
        self._pictures = self._prices = 0
        self._reasons: Counter[str] = Counter()
        self._stocked: Counter[str] = Counter()
        self._numeric = 0
        self._skus = False

    def used(self, column: str, field: str) -> None:
        """A column of the file became (part of) this field."""
        if len(self._used) < _MAX_COLUMNS:
            self._used.setdefault(_shown(column), field)

    def kept(self, column: str) -> None:
        """A column that the format names is kept privately."""
        if len(self._private) < _MAX_COLUMNS:
            self._private.add(_shown(column))

    def unknown(self, column: str) -> None:
        """No format names this column; it is kept privately."""
        if len(self._unknown) < _MAX_COLUMNS:
            self._unknown.add(_shown(column))

    def note(self, text: str) -> None:
        """Something about the whole file that its owner should know."""
        text = _storable(text)
        if text not in self._notes:
            self._notes.append(text)

    def sku_column(self) -> None:
        """The file has SKUs, which the products' ids are not taken from."""
        self._skus = True

    def record(self) -> None:
        """One more record was read from the file."""
        self._rows += 1

    def count(self, row: FeedRow) -> None:
        """One row on its way out."""
        if row.reject is not None:
            self._rejected += 1
            reason = _without_values(row.reject)
            if reason in self._reasons or len(self._reasons) < _MAX_REASONS:
                self._reasons[reason] += 1
            return
        if row.delete_id is not None:
            self._withdrawn += 1
        elif row.stock is not None:
            self._stock += 1
        elif row.group:
            self._groups += 1
        elif row.product is not None:
            product = row.product
            self._products += 1
            self._pictures += bool(product.image_link or "image_link" in row.inline_media)
            self._prices += product.price is not None
            self._stocked[product.availability] += 1
            self._numeric += product.id.isascii() and product.id.isdigit()

    def report(self) -> FeedReport:
        """Everything found so far."""
        return FeedReport(
            format=self._format.key,
            container=self._container,
            rows=self._rows,
            products=self._products,
            groups=self._groups,
            withdrawn=self._withdrawn,
            stock=self._stock,
            rejected=self._rejected,
            reasons=dict(self._reasons.most_common()),
            columns=dict(self._used),
            private=sorted(self._private),
            unknown=sorted(self._unknown),
            warnings=[*self._notes, *self._warnings()],
        )

    def _warnings(self) -> list[str]:
        products = self._products
        if not products:
            return []
        title = self._format.title
        fields = {part.strip() for to in self._used.values() for part in to.split(",")}
        offered = {field for column in self._format.columns for field in column.fields}
        found = []
        if not self._pictures and offered.intersection(_PICTURES):
            where = (
                "its picture column is empty"
                if fields.intersection(_PICTURES)
                else "it has no picture column"
            )
            found.append(f"no product has a picture: {where}; a {title} can hold them")
        if not self._prices and "price" in offered:
            where = "its price column is empty" if "price" in fields else "it has no price column"
            found.append(f"no product has a price: {where}; a {title} can hold them")
        if "availability" in offered and "availability" not in fields:
            found.append(
                "there is no stock column, so every product counts as in stock: export it too, or upload the"
                " shop's inventory file"
            )
        elif products >= _MANY and self._stocked["in_stock"] == products:
            found.append("every product is in stock: is the stock column exported as the shop has it?")
        if self._skus and products and self._numeric == products:
            found.append(
                "all ids are numbers although the file has SKUs: interactions must use the same numbers"
            )
        return found


def _without_values(reject: InvalidRow) -> str:
    """Field and reason, one for all rows with the same fault: what a row holds is left out, examples of how
    to write it stay."""
    fault, colon, remedy = reject.reason.rpartition(": ")
    if not remedy.startswith("write "):
        fault, colon, remedy = reject.reason, "", ""
    return f"{_VALUES.sub('…', f'{reject.field}: {fault}')}{colon}{remedy}"


def _shown(column: str) -> str:
    return _storable(column[:200])


def _storable(text: str) -> str:
    """As a report can hold it: JSON of a feed can spell half a surrogate pair."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
