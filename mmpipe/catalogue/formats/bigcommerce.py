"""BigCommerce's product export (v3): a product's row, behind it those of its variants and pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.base import (
    MAX_CHARACTERS,
    Column,
    Format,
    Picked,
    Picker,
    Reading,
    Sample,
    Table,
)
from mmpipe.catalogue.formats.bigcommerce_columns import COLUMNS, EXPORT
from mmpipe.catalogue.formats.live_ids import Unnamed, with_ids
from mmpipe.catalogue.formats.options import add_options
from mmpipe.catalogue.formats.overflow import spill
from mmpipe.catalogue.formats.shopify_product import picture_links, whole_number
from mmpipe.catalogue.identity import id_of_text
from mmpipe.catalogue.prices import InvalidPrice, parse_price
from mmpipe.catalogue.rows import Meaning, Record
from mmpipe.catalogue.text import clean
from mmpipe.errors import InvalidFeed, InvalidRow

_NAMES: Final = """
options inventory_tracking current_stock retail_price is_visible bin_picking_number global_trade_number
upc_ean internal_image_url_export image_url_import variant_image_url image_is_thumbnail custom_fields
sale_price product_url tax_class
"""
_MARKS: Final = frozenset(_NAMES.split())
_ENOUGH: Final = 3
_OLDER: Final = frozenset(("item_type", "product_code_sku"))
_IS_OLDER: Final = (
    "is BigCommerce's older export (Item Type, Product Code/SKU): choose Products › Export of the current"
    " experience, whose first column is Item, and upload that file"
)
_KINDS: Final = ("variant", "image", "video")
_MAX_ROWS: Final = 4_096
_MAX_BYTES: Final = 64 << 20
_MAX_TEXT: Final = 10_000
_MAX_OPTIONS: Final = 4_000
_MAX_PICTURES: Final = 21
_LAST: Final = 1 << 30
_NO: Final = frozenset(("false", "0", "no", "n", "falsch", "faux", "falso"))
_YES: Final = frozenset(("true", "1", "yes", "y", "wahr", "vrai", "vero", "verdadero"))
# Options stand one behind the other without a sign between them.
_NEXT_OPTION: Final = re.compile(r"(?<=[^|])(?=Type=[^|=]{0,60}\|Name=)")
_SWATCH: Final = re.compile(r"\[[^\[\]]*\]$")


class BigCommerce(Format):
    """One product a variant, or a product without variants. ``id`` is the SKU, ``item_group_id`` the
    product's."""

    key = "bigcommerce"
    title = "BigCommerce product CSV (v3)"
    containers = ("csv",)
    export = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        names = sample.names
        if sample.container not in self.containers:
            return False
        return names >= _OLDER or ("item" in names and len(names & _MARKS) >= _ENOUGH)

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        return with_ids(_unnamed(records, self.table, reading))


@dataclass(slots=True)
class _Group:
    """A product's row and those that follow it."""

    row: int
    product: Picked
    problem: InvalidRow | None
    variants: list[tuple[Record, Picked]] = field(default_factory=list)
    pictures: list[tuple[bool, int, str]] = field(default_factory=list)
    rows: int = 0
    size: int = 0


def _unnamed(records: Iterator[Record], table: Table, reading: Reading) -> Iterator[Record | Unnamed]:
    picker = Picker(table, reading.findings)
    currency = reading.settings.default_currency
    group: _Group | None = None
    broken: InvalidFeed | None = None
    lost = 0  # the row of a product that could not be read
    try:
        for record in records:
            if record.values is None:
                if not _begins_with(record, _KINDS):
                    yield from _closed(group, currency)
                    group, lost = None, record.row
                yield record
                continue
            if {column_name(name) for name in record.values} >= _OLDER:
                raise InvalidFeed(_IS_OLDER)
            picked = picker.pick(record.values)
            kind = picked.text("item").lower()
            if kind == "product":
                yield from _closed(group, currency)
                group, lost = _Group(record.row, picked, record.problem), 0
                _add_picture(group, picked)
            elif kind not in _KINDS:
                problem = InvalidRow("Item", f"is {kind[:40]!r}: write Product, Variant, Image or Video")
                yield Record(record.row, _shown(picked), problem=record.problem or problem)
            elif (reason := _refused(group, lost, kind, record)) or group is None:
                problem = InvalidRow("Item", reason)
                yield Record(record.row, _shown(picked), problem=record.problem or problem)
            elif kind == "variant":
                group.variants.append((record, picked))
            elif record.problem is not None:
                yield Record(record.row, _shown(picked), problem=record.problem)
            else:
                _add_picture(group, picked)
    except InvalidFeed as error:
        broken = error  # what came before it still counts
    yield from _closed(group, currency)
    if broken is not None:
        raise broken


def _begins_with(record: Record, kinds: tuple[str, ...]) -> bool:
    return (record.raw or "").lstrip('"\ufeff ').lower().startswith(kinds)


def _shown(picked: Picked) -> dict[str, Any]:
    """What a reject shows of its row."""
    sku = picked.text("sku")
    return {"id": id_of_text(sku)} if sku else {}


def _refused(group: _Group | None, lost: int, kind: str, record: Record) -> str:
    """Why a row cannot belong to the product before it; empty where it can."""
    if group is None:
        what = (
            f"the product of row {lost} is broken: correct it" if lost else "no Product row stands before it"
        )
        return f"is {kind.title()}, and {what}" + (
            "" if lost else ": export the file anew, and do not sort it"
        )
    group.rows += 1
    group.size += 500 + sum(len(value) for value in (record.values or {}).values() if isinstance(value, str))
    if group.rows > _MAX_ROWS or group.size > _MAX_BYTES:
        return f"is one of too many rows of a product (over {_MAX_ROWS:,}): make it several products"
    return ""


def _broken(row: int) -> str:
    return f"the product of row {row} is broken: correct that row"


def _add_picture(group: _Group, picked: Picked) -> None:
    """A row's picture; what else it says is kept with the product."""
    for name, text in picked.private.items():
        group.product.private.setdefault(name, text)
    link = picked.text("image") or picked.text("image_import")
    if link:
        order = whole_number(picked.text("image_order") or None)
        first = picked.text("thumbnail").lower() in _YES
        group.pictures.append((not first, _LAST if order is None else order, link))


def _closed(group: _Group | None, currency: str) -> Iterator[Record | Unnamed]:
    """The records of one product: itself, or as the group of its variants and these."""
    if group is None:
        return
    product = group.product
    number, sku = product.text("number"), product.text("sku")
    name = sku or number
    owner = number or clean(product.text("title")) or sku
    pictures = [link for _, _, link in sorted(group.pictures, key=lambda picture: picture[:2])]
    if "description" in product.values:
        product.values["description"] = clean(product.text("description"))[:_MAX_TEXT]
    live = product.text("visible").lower() not in _NO
    values = _values(product, product, pictures, currency)
    if not name:
        problem = InvalidRow("SKU", "is missing, and so is ID: give every product a SKU")
        yield Record(group.row, values, problem=group.problem or problem)
    else:
        if group.variants:
            values["item_group_id"] = name
        meaning: Meaning = ("group" if group.variants else "product") if live else "withdrawn"
        yield Unnamed(group.row, values, [id_of_text(name)], owner, meaning, problem=group.problem)
    for record, variant in group.variants:
        yield _variant(record, variant, group, name, owner, pictures, live, currency)


def _variant(
    record: Record,
    variant: Picked,
    group: _Group,
    name: str,
    owner: str,
    pictures: list[str],
    live: bool,
    currency: str,
) -> Record | Unnamed:
    product = group.product
    values = _values(variant, product, [variant.text("variant_image"), *pictures], currency)
    values |= {"item_group_id": name, "item_group_title": product.text("title")}
    values = {key: value for key, value in values.items() if value != ""}
    problem = record.problem
    if group.problem is not None and problem is None:
        problem = InvalidRow("Item", f"is Variant, and {_broken(group.row)}")
    options = [value for _, value in _options(variant.text("options"))]
    number = variant.text("number")
    own = variant.text("sku") or (
        name and (number or options) and "-".join([name, *([number] if number else options)])
    )
    if not own:
        missing = InvalidRow("SKU", "is missing, and so are ID and Options: give every variant a SKU")
        return Record(record.row, values, problem=problem or missing)
    place = "/".join([owner, number, *options])
    meaning: Meaning = "product" if live else "withdrawn"
    return Unnamed(record.row, values, [id_of_text(own)], place, meaning, None if live else name, problem)


def _values(own: Picked, product: Picked, links: list[str], currency: str) -> dict[str, Any]:
    """A row's fields; what a variant leaves empty is its product's."""
    both = _Both(own, product)
    link = product.text("link")
    values: dict[str, Any] = {
        "title": product.text("title") or own.text("title"),
        "description": product.text("description"),
        "additional_text": product.text("additional_text"),
        "brand": product.text("brand"),
        "gtin": own.text("gtin") or own.text("upc"),
        "mpn": own.text("mpn"),
        "condition": both.text("condition").lower(),
        "link": link if "://" in link else "",
        "availability": _availability(own, product),
        "price": both.text("price"),
        "sale_price": both.text("sale_price"),
    }
    attributes = {name: both.text(name) for name in ("weight", "width", "height", "depth")}
    attributes = {name: text for name, text in attributes.items() if text.strip("0.,")}
    attributes["warranty"] = clean(product.text("warranty"))[:MAX_CHARACTERS]
    private: dict[str, str] = {} if values["link"] or not link else {"product_url": link[:MAX_CHARACTERS]}
    retail = both.text("retail")
    if retail.strip("0.,"):
        above = not values["sale_price"].strip("0.,") and _is_above(retail, values["price"], currency)
        (attributes if above else private)["retail_price"] = retail
    _add_categories(values, product.text("categories"), private)
    pictures = picture_links(links)[:_MAX_PICTURES]
    if pictures:
        values |= {"image_link": pictures[0], "additional_image_link": pictures[1:]}
    values |= {"attributes": {k: v for k, v in attributes.items() if v}, "private": private}
    values = {name: value for name, value in values.items() if value not in ("", [], {})}
    add_options(values, _options(own.text("options")))
    add_options(values, _fields(product.text("fields")))
    own.into(values)
    return spill(product.into(values))


class _Both:
    """A variant's texts, else its product's."""

    def __init__(self, own: Picked, product: Picked) -> None:
        self._own, self._product = own, product

    def text(self, key: str) -> str:
        return self._own.text(key) or self._product.text(key)


def _availability(own: Picked, product: Picked) -> str:
    both = _Both(own, product)
    word = both.text("availability").lower()
    if (
        own.text("purchasable").lower() in _NO
        or product.text("purchasable").lower() in _NO
        or word == "disabled"
    ):
        return "out_of_stock"
    tracking = product.text("tracking").lower()
    counted = product if tracking == "product" else own
    stock = whole_number(counted.text("stock") or ("" if tracking else product.text("stock")) or None)
    if tracking != "none" and stock is not None and stock <= 0:
        return "out_of_stock"
    if both.text("preorder").lower() in _YES or word == "preorder":
        return "preorder"
    return "in_stock" if tracking == "none" or stock is not None else ""


def _is_above(one: str, other: str, currency: str) -> bool:
    try:
        return parse_price(one, None, currency)[0] > parse_price(other, None, currency)[0]
    except InvalidPrice:
        return False


def _add_categories(values: dict[str, Any], text: str, private: dict[str, str]) -> None:
    parts = [part.strip() for part in text.split(";") if part.strip()]
    names = [part for part in parts if not part.isdecimal()]
    if names:
        values["product_type"] = " > ".join(step for step in names[0].split("/") if step.strip())
    if parts and (len(names) < len(parts) or names[1:]):
        private["categories"] = text[:MAX_CHARACTERS]


def _options(text: str) -> list[tuple[str, str]]:
    """``Type=Swatch|Name=Color|Value=Red[#f00]Type=Rectangle|Name=Size|Value=M`` as names with values."""
    found: list[tuple[str, str]] = []
    kind, name = "", ""
    for part in _NEXT_OPTION.sub("|", text[:_MAX_OPTIONS]).split("|"):
        key, _, value = part.partition("=")
        match key.strip().lower():
            case "type":
                kind, name = value.strip().lower(), ""
            case "name":
                name = value.strip()
            case "value" if name:
                value = value.strip()
                found.append(
                    (name, _SWATCH.sub("", value).strip() or value if kind.startswith("swatch") else value)
                )
    return [(name, value) for name, value in found if value]


def _fields(text: str) -> list[tuple[str, str]]:
    """``a=b;c=d`` as names with values; a part without ``=`` is the rest of the value before it."""
    found: list[tuple[str, str]] = []
    for part in text.split(";"):
        name, separator, value = part.partition("=")
        if separator and name.strip() and value.strip():
            found.append((name.strip(), value.strip()))
        elif not separator and part.strip() and found:
            found[-1] = (found[-1][0], f"{found[-1][1]}; {part.strip()}")
    return found
