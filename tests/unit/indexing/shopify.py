"""Shopify's two exports in a few columns: products, and how many of each are at a location."""

from __future__ import annotations

from collections.abc import Iterable

PRODUCT_COLUMNS = (
    "Handle", "Title", "Variant SKU", "Variant Price", "Variant Inventory Tracker", "Variant Inventory Qty",
    "Variant Inventory Policy", "Image Src", "Status",
)  # fmt: skip
STOCK_COLUMNS = ("Handle", "Title", "SKU", "Location", "Available (not editable)", "On hand (current)")


def product(
    sku: str, handle: str, title: str = "Red dress", *, left: int = 5, live: bool = True, photo: str = ""
) -> dict[str, object]:
    """A row of the product export: one variant of ``handle``, of which ``left`` are there."""
    return {
        "Handle": handle,
        "Title": title,
        "Variant SKU": sku,
        "Variant Price": "10.00",
        "Variant Inventory Tracker": "shopify",
        "Variant Inventory Qty": left,
        "Variant Inventory Policy": "deny",
        "Image Src": photo,
        "Status": "active" if live else "draft",
    }


def stock(sku: str, handle: str, left: object, location: str = "Depot") -> dict[str, object]:
    """A row of the inventory export."""
    return {
        "Handle": handle,
        "Title": "Red dress",
        "SKU": sku,
        "Location": location,
        "Available (not editable)": left,
        "On hand (current)": left,
    }


def csv(columns: Iterable[str], rows: Iterable[dict[str, object]]) -> bytes:
    """The file, in UTF-8."""
    names = list(columns)
    lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
    return "\n".join(lines).encode()


def products_csv(*rows: dict[str, object]) -> bytes:
    """A product export."""
    return csv(PRODUCT_COLUMNS, rows)


def stock_csv(*rows: dict[str, object]) -> bytes:
    """An inventory export."""
    return csv(STOCK_COLUMNS, rows)
