"""Shopify's product export: several rows per product, one per variant and one per further image."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser
from typing import Any, Final, Protocol

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.rows import SourceRow, bounded_raw
from mmpipe.errors import InvalidRow

_MAX_ROWS: Final = 4_096
_MAX_IMAGES: Final = 20
_MAX_DESCRIPTION: Final = 10_000

# The columns' names in both generations of the export, normalised.
_COLUMNS: Final[dict[str, str]] = {
    "url_handle": "handle", "description": "body_html", "sku": "variant_sku", "barcode": "variant_barcode",
    "price": "variant_price", "compare_at_price": "variant_compare_at_price", "product_image_url":
    "image_src", "variant_image_url": "variant_image", "inventory_quantity": "variant_inventory_qty",
    "variant_inventory_quantity": "variant_inventory_qty", "inventory_tracker":
    "variant_inventory_tracker", "continue_selling_when_out_of_stock": "variant_inventory_policy",
    "published_on_online_store": "published", "google_shopping_google_product_category":
    "google_product_category", "google_shopping_gender": "gender", "google_shopping_age_group":
    "age_group", "google_shopping_condition": "condition", "google_shopping_mpn": "mpn",
}  # fmt: skip
_OPTION_FIELDS: Final = {
    "color": "color", "colour": "color", "颜色": "color", "size": "size", "尺码": "size", "尺寸": "size",
    "material": "material", "材质": "material", "pattern": "pattern",
}  # fmt: skip
_COPIED: Final = ("gender", "age_group", "condition", "mpn", "google_product_category")
_NOT_ID: Final = re.compile(r"[^\w.:@+-]+")
_TRUE: Final = frozenset({"", "true", "yes", "1"})


class RecordLike(Protocol):
    """What the CSV reader yields."""

    @property
    def cells(self) -> list[str] | None: ...
    @property
    def text(self) -> str: ...
    @property
    def problem(self) -> InvalidRow | None: ...


def is_shopify(header: Sequence[str]) -> bool:
    """Whether a CSV header is that of Shopify's export, old or new."""
    names = {column_name(name) for name in header}
    old = "handle" in names and bool(names & {"variant_price", "variant_sku", "image_src", "body_html"})
    new = "url_handle" in names and "title" in names
    return old or new


def read_shopify(header: Sequence[str], records: Iterable[RecordLike]) -> Iterator[SourceRow]:
    """One row per variant, under Google Merchant names, numbered by its line of data.

    ``id`` is the SKU, else handle and options; ``item_group_id`` the handle. Rows that only carry an image
    belong to the variants around them. A draft, archived or unpublished product becomes a deletion: it is
    not for sale. The export names no currency.
    """
    names = [_COLUMNS.get(name := column_name(cell), name) for cell in header]
    group: list[tuple[int, dict[str, str]]] = []
    number = 0
    for record in records:
        if record.cells is not None and not any(cell.strip() for cell in record.cells):
            continue
        number += 1
        if record.cells is None or record.problem is not None:
            yield SourceRow(number, None, raw=bounded_raw(record.text), problem=record.problem)
            continue
        pairs = zip(names, record.cells, strict=False)
        values = {name: text for name, cell in pairs if name and (text := cell.strip())}
        handle = values.get("handle", "")
        if not handle:
            problem = InvalidRow(
                "Handle", "is missing: every row of a Shopify export has the product's handle"
            )
            yield SourceRow(number, values, problem=problem)
            continue
        if group and (group[0][1]["handle"] != handle or len(group) >= _MAX_ROWS):
            yield from _variants(group)
            group = []
        group.append((number, values))
    if group:
        yield from _variants(group)


def _variants(group: list[tuple[int, dict[str, str]]]) -> Iterator[SourceRow]:
    first = group[0][1]
    images = list(
        dict.fromkeys(values["image_src"] for _, values in _by_position(group) if "image_src" in values)
    )
    names = [first.get(f"option{n}_name", "") for n in (1, 2, 3)]
    shared = _shared(first)
    withdrawn = (
        first.get("status", "active").lower() != "active" or first.get("published", "").lower() not in _TRUE
    )
    taken: set[str] = set()
    for number, values in group:
        if values is not first and not any(
            name.startswith("variant_") or (name.startswith("option") and name.endswith("_value"))
            for name in values
        ):
            continue
        options = [(name, values.get(f"option{n}_value", "")) for n, name in enumerate(names, 1)]
        options = [
            (n, v) for n, v in options if n and v and (n.lower(), v.lower()) != ("title", "default title")
        ]
        identity = _identity(values, options, taken)
        taken.add(identity)
        product: dict[str, Any] = {"id": identity, "item_group_id": first["handle"], **shared}
        _options(product, options)
        _offer(product, values)
        own = values.get("variant_image")
        pictures = list(dict.fromkeys(([own] if own else []) + images))[: _MAX_IMAGES + 1]
        if pictures:
            product["image_link"], product["additional_image_link"] = pictures[0], pictures[1:]
        if withdrawn:
            product["_op"] = "delete"
        yield SourceRow(number, product, withdrawn=withdrawn)


def _by_position(group: list[tuple[int, dict[str, str]]]) -> list[tuple[int, dict[str, str]]]:
    def position(item: tuple[int, dict[str, str]]) -> int:
        text = item[1].get("image_position", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 99_999

    return sorted(group, key=position)


def _shared(first: dict[str, str]) -> dict[str, Any]:
    product: dict[str, Any] = {"title": first.get("title", ""), "brand": first.get("vendor", "")}
    product["description"] = plain_text(first.get("body_html", ""))[:_MAX_DESCRIPTION]
    product["product_type"] = first.get("type", "") or first.get("product_category", "")
    for name in _COPIED:
        if name in first:
            product[name] = first[name]
    product.setdefault("google_product_category", first.get("product_category", ""))
    if "tags" in first:
        product["tags"] = first["tags"]
    return product


def _options(product: dict[str, Any], options: list[tuple[str, str]]) -> None:
    attributes: dict[str, str] = {}
    for name, value in options:
        field = _OPTION_FIELDS.get(name.lower())
        if field is not None and field not in product:
            product[field] = value
        else:
            attributes[name[:500]] = value[:500]
    if attributes:
        product["attributes"] = attributes


def _offer(product: dict[str, Any], values: dict[str, str]) -> None:
    price, before = values.get("variant_price"), values.get("variant_compare_at_price")
    if price:
        product["price"] = price
        if before and _number(before) > _number(price):
            product["price"], product["sale_price"] = before, price
    if barcode := values.get("variant_barcode", "").lstrip("'"):
        product["gtin"] = barcode
    if values.get("variant_inventory_tracker") and _number(values.get("variant_inventory_qty", "1")) <= 0:
        goes_on = values.get("variant_inventory_policy", "").lower() in ("continue", "true", "yes")
        product["availability"] = "backorder" if goes_on else "out_of_stock"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _identity(values: dict[str, str], options: list[tuple[str, str]], taken: set[str]) -> str:
    sku = _slug(values.get("variant_sku", "").lstrip("'"))
    if sku and sku not in taken:
        return sku
    identity = _slug("-".join([values["handle"], *(value for _, value in options)]))
    if identity in taken:
        identity = _slug(f"{identity}-{len(taken) + 1}")
    return identity


def _slug(text: str) -> str:
    slug = _NOT_ID.sub("-", text).strip("-.:@+")
    if len(slug) > 128:
        slug = f"{slug[:111]}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
    return slug


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0
        self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def plain_text(markup: str) -> str:
    """The words of an HTML fragment, spaces folded, scripts and styles left out."""
    if "<" not in markup and "&" not in markup:
        return " ".join(markup.split())
    parser = _Text()
    parser.feed(markup)
    parser.close()
    return " ".join("".join(parser.parts).split())
