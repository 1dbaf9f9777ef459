"""How many pieces of a product are left, where somebody said so.

A catalogue keeps words of availability. How many there are it keeps only where a feed has a column for it
that no format reads: Google's ``sell_on_google_quantity``, Meta's ``quantity_to_sell_on_facebook``, a list's
own ``quantity``; privately. What Shopify, WooCommerce and others count becomes an availability and is
dropped: kept, every sale would be a new version of the table. A file beside the catalogue says it for those.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.product import PRODUCT_ID_PATTERN, Product

if TYPE_CHECKING:
    from pathlib import Path

    from mmpipe.schemas.product import PublicProduct

_NAMES: Final = frozenset(
    [
        *("quantity", "qty", "inventory", "inventoryquantity", "variantinventoryqty", "availablequantity"),
        *("stockquantity", "stocklevel", "sellongooglequantity", "quantitytosellonfacebook"),
        *("库存", "库存数量"),
    ]
)
_MOST: Final = 1_000_000_000
_MAX_LINES: Final = 5_000_000
_MAX_ID: Final = 128


def quantity_of(product: PublicProduct) -> int | None:
    """The pieces left by the product's own columns, of a :class:`Product` also those that are private; None
    where none says. Less than nothing is nothing."""
    private = product.private if isinstance(product, Product) else {}
    for kept in (private, product.attributes):
        for name, value in kept.items():
            if re.sub(r"[\W_]", "", name).lower() in _NAMES and (found := _whole(value)) is not None:
                return found
    return None


def read_quantities(path: Path) -> dict[str, int]:
    """A file of ``id`` and ``quantity``, as CSV with a header or as JSON lines; a later line of an id stands.

    Raises :class:`InvalidRequest` naming the line and the field.
    """
    found: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            json_lines = file.read(1) == "{"
            file.seek(0)
            rows = map(_object, file) if json_lines else csv.DictReader(file)
            for number, row in enumerate(rows, start=1 if json_lines else 2):
                if number > _MAX_LINES:
                    raise InvalidRequest("quantities", f"{path} has more than {_MAX_LINES:,} lines")
                product_id, quantity = _line(row, number)
                found[product_id] = quantity
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest("quantities", f"{path} cannot be read: {error}") from error
    return found


def _object(line: str) -> Mapping[str, Any]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _line(row: Mapping[str, Any], number: int) -> tuple[str, int]:
    product_id, quantity = str(row.get("id") or "").strip(), _whole(row.get("quantity"))
    if len(product_id) > _MAX_ID or not PRODUCT_ID_PATTERN.fullmatch(product_id):
        raise InvalidRequest(
            "quantities", f"line {number}, id: is no product id; give the columns id, quantity"
        )
    if quantity is None:
        raise InvalidRequest(
            "quantities", f"line {number}, quantity: is no number of pieces below {_MOST:,}; write it as 12"
        )
    return product_id, quantity


def _whole(value: Any) -> int | None:
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) >= _MOST:
        return None
    return max(int(amount), 0)
