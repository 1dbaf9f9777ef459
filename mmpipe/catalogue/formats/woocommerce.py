"""WooCommerce's product export: Products → Export, a CSV file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from mmpipe.catalogue.formats.base import Column, Format, Picked, Picker, Reading, Sample
from mmpipe.catalogue.formats.live_ids import with_ids
from mmpipe.catalogue.formats.woocommerce_columns import COLUMNS
from mmpipe.catalogue.formats.woocommerce_values import (
    Kind,
    availability,
    is_live,
    kind_of,
    parts,
    plain,
    put_attribute,
    put_brands,
    put_categories,
    put_descriptions,
    put_images,
    sale_period,
    unescaped,
    with_breaks,
)
from mmpipe.catalogue.formats.woocommerce_variations import Families, Item, Option, put_options
from mmpipe.catalogue.rows import Record
from mmpipe.errors import InvalidFeed

_COPIED: Final = ("title", "gtin", "mpn", "price", "sale_price", "link")
_DIMENSIONS: Final = ("weight", "length", "width", "height")
# Names of general feeds, which WooCommerce never writes.
_NOT_OURS: Final = frozenset(
    {"title", "image_link", "image_url", "item_group_id", "availability", "permalink", "color", "size"}
)
_WEIGHT_UNITS: Final = ("kg", "g", "lbs", "oz")
_LENGTH_UNITS: Final = ("cm", "m", "mm", "in", "yd")
_UNIT: Final = re.compile(r"[(（]\s*([^()（）]{1,10}?)\s*[)）]\s*$")
_UNREADABLE_ROWS: Final = 10
_NO_NAMES: Final = (
    "it looks like a WooCommerce export, but its columns Type and Name are left out, or named in a language "
    "that is not known here: export all columns, with your language set to English under Users → Profile"
)

EXPORT: Final = """\
In WordPress: **Products → All Products → Export**. Leave all three lists ("Which columns", "Which product
types", "Which product category") empty, so that everything is exported, and press **Generate CSV**. Upload
the file as it is.

- **Language.** The column names are in your own WordPress language. English, German, French, Spanish, Dutch,
  Italian, Portuguese, Polish, Chinese and Japanese ones are read. With any other, set **Users → Profile →
  Language** to English before you export; prices and texts stay as they are.
- **Product types.** Variations are a type of their own. An export without "Product variations" shows each
  variable product as one product without sizes; one without "Variable product" leaves its variations without
  description, category and brand.
- **Pictures** are addresses in your media library. They are fetched if your domain is among the allowed hosts
  (`MMPIPE_MEDIA__ALLOWED_HOSTS`); else copy `wp-content/uploads` into the collection's `media/` folder and
  replace the beginning of the addresses by `media/`.
- **Stock** comes from the columns "In stock?", "Stock" and "Backorders allowed?": keep all three.
- **Currency.** The file names none: set `MMPIPE_FEEDS__DEFAULT_CURRENCY`.
- **Not in the file:** the address of the product's page, currency, ratings, and most of what plugins add.
  "Export custom meta" adds plugins' columns as `Meta: …`; they are kept privately.
- **Ids** are WooCommerce's own numbers (`ID`), which carts, pixels and the REST API use. Where yours use the
  SKU, set `MMPIPE_FEEDS__WOOCOMMERCE_ID` to `sku`.
- Private, draft, pending and trashed products, and those whose catalogue visibility is "Shop only" or
  "Hidden", are taken out of search. A product that was deleted in the shop is not in the file: it stays,
  unless the feed is said to be the whole catalogue."""


class WooCommerce(Format):
    """One row a product, parent (``variable``) or variation, in any order.

    Parents are groups and give their variations what those leave empty. Rows that are not published or not
    visible withdraw their product, and a parent its variations. A parent without any variation in the file is
    a product.
    """

    key: ClassVar[str] = "woocommerce"
    title: ClassVar[str] = "WooCommerce product CSV"
    containers = ("csv",)
    export: ClassVar[str] = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        """``Type`` with ``Regular price`` or ``In stock?`` in a known language, or in any language the
        measures that every whole export has."""
        if sample.container != "csv" or sample.names & _NOT_OURS:
            return False
        known = {_key(found[0]) for name in sample.names if (found := self.table.find(name)) is not None}
        if "type" in known and known & {"price", "stock_status"}:
            return True
        return "number" in known and _has_measures(sample.names)

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        """See :class:`WooCommerce`. Raises ``InvalidFeed`` where no row has a type and a name that can be
        read."""
        yield from with_ids(Families(reading).read(self._items(records, reading)))

    def _items(self, records: Iterator[Record], reading: Reading) -> Iterator[Item | Record]:
        picker = Picker(self.table, reading.findings)
        units: dict[str, str] = {}
        unreadable, readable = 0, False
        for record in records:
            if record.values is None:
                yield record
                continue
            picked = picker.pick(record.values)
            if not readable:
                readable = {"title", "type"} <= picked.values.keys()
                unreadable += not readable
                if unreadable == _UNREADABLE_ROWS:
                    break
            if "weight" in picked.values and "weight" not in units:
                units = _units(record.values, self)
            item = _item(record.row, picked, units)
            if record.problem is None:
                yield item
            else:
                put_options(item.product, item.options)
                values = {"id": item.number or item.sku, **item.product}
                yield Record(record.row, values, raw=record.raw, problem=record.problem)
        if unreadable and not readable:
            raise InvalidFeed(_NO_NAMES)


def _key(column: Column) -> str:
    return column.key or column.to


def _has_measures(names: frozenset[str]) -> bool:
    ends = [name.rpartition("_")[2] for name in names]
    return any(unit in ends for unit in _WEIGHT_UNITS) and any(ends.count(unit) > 2 for unit in _LENGTH_UNITS)


def _units(values: Mapping[str, Any], format_: WooCommerce) -> dict[str, str]:
    """The units that the headers of the measures name: ``Weight (kg)``."""
    units = {}
    for name in values:
        unit = _UNIT.search(name)
        if unit is not None and (found := format_.table.find(name)) is not None:
            units[found[0].key] = unit[1]
    return units


def _item(row: int, picked: Picked, units: Mapping[str, str]) -> Item:
    text = {key: plain(picked.text(key)) for key in picked.values}
    product: dict[str, Any] = {name: text[name] for name in _COPIED if name in text}
    put_descriptions(product, with_breaks(text.get("description", "")), with_breaks(text.get("short", "")))
    put_categories(product, parts(text.get("categories", "")))
    put_brands(product, parts(text.get("brands", "")))
    put_images(product, parts(text.get("images", "")))
    put_attribute(product, "tags", ", ".join(parts(text.get("tags", ""))))
    for name in _DIMENSIONS:
        if name in text:
            put_attribute(product, name, f"{text[name]} {units.get(name, '')}".strip())
    stock = availability(text.get("stock_status", ""), text.get("stock", ""), text.get("backorders", ""))
    if stock is not None:
        product["availability"] = stock
    period = sale_period(text.get("sale_start", ""), text.get("sale_end", ""))
    if period is not None:
        product["sale_price_effective_date"] = period
    kind = kind_of(parts(text.get("type", "")), bool(text.get("parent")))
    if kind != "variation" and "parent" in text:
        product["private"] = {"parent": text["parent"]}
    return Item(
        row,
        kind,
        text.get("number", ""),
        text.get("sku", ""),
        is_live(text.get("published", ""), text.get("visibility", "")),
        picked.into(product),
        text.get("parent", "") if kind == "variation" else "",
        _options(picked, kind),
    )


def _options(picked: Picked, kind: Kind) -> list[Option]:
    names, values = picked.numbered.get("attribute_name", {}), picked.numbered.get("attribute_value", {})
    shown = picked.numbered.get("attribute_visible", {})
    options = []
    for number in sorted({*names, *values}):
        name = plain(str(names.get(number, f"attribute {number}")).strip())
        value = plain(str(values.get(number, "")).strip())
        # A comma in the one value of a variation is no list, though the export escapes it too.
        found = ([unescaped(value)] if value else []) if kind == "variation" else parts(value)
        options.append(Option(name, found, str(shown.get(number, "")).strip() not in ("0", "false", "no")))
    return options
