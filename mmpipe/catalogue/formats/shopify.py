"""Shopify's product export: several rows a product, one for each variant and one for each further picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from mmpipe.catalogue.columns import bare_name, column_name
from mmpipe.catalogue.formats.base import (
    PRIVATE,
    Column,
    Format,
    Picked,
    Reading,
    Sample,
)
from mmpipe.catalogue.formats.shopify_claims import Claims, Shares
from mmpipe.catalogue.formats.shopify_columns import COLUMNS, VARIANT_COLUMNS
from mmpipe.catalogue.formats.shopify_inventory import is_inventory
from mmpipe.catalogue.formats.shopify_metafields import Extras, key_of
from mmpipe.catalogue.formats.shopify_product import (
    ShopProduct,
    Variant,
    availability,
    barcode,
    category,
    is_active,
    is_published,
    picture_links,
    prices,
    whole_number,
)
from mmpipe.catalogue.formats.shopify_rows import Row, Rows, Sorter
from mmpipe.catalogue.rows import Record
from mmpipe.errors import InvalidFeed, InvalidRow

EXPORT: Final = """\
In Shopify's admin choose *Products › Export*, then *All products* and *CSV for Excel, Numbers, or other
spreadsheet programs*, and upload the file as it is: a spreadsheet program that opens and saves it drops
leading zeros and rounds barcodes. A large export comes by e-mail.

- Columns are known by their English names, which Shopify writes whatever language the admin is in; exports of
  before and after Shopify's renaming, and mixtures, are read alike.
- Shops with several locations get no quantities in this export. Upload the inventory export after it:
  *Products › Inventory › Export*.
- Prices are in the shop's own currency, which the export does not name: set
  `MMPIPE_FEEDS__DEFAULT_CURRENCY`.
- The export holds no addresses of product pages.
- Drafts, archived, unlisted and unpublished products are taken out of the search, so export all products, not
  only the active ones."""

# Names that only a product export of Shopify has beside its handle, and names that others have too.
_ITS_OWN: Final = """
variant_price variant_sku variant_grams variant_barcode variant_compare_at_price variant_inventory_qty
variant_inventory_policy variant_inventory_tracker variant_image image_src body_html option1_name
option1_value published_on_online_store product_image_url variant_image_url compare_at_price inventory_tracker
continue_selling_when_out_of_stock weight_value_grams
"""
_USUAL: Final = """
title vendor type tags status published sku barcode price product_category gift_card cost_per_item description
inventory_quantity
"""
_OWN_NAMES: Final = frozenset(_ITS_OWN.split())
_USUAL_NAMES: Final = frozenset(_USUAL.split())
_ENOUGH: Final = 5
_SHARED: Final = {
    "title": "title", "description": "description", "brand": "brand", "product_type": "product_type",
    "gender": "gender", "mpn": "mpn", "condition": "condition",
}  # fmt: skip


def is_shopify(sample: Sample) -> bool:
    """Whether a table is a product export of Shopify, whole or not, of either generation of names."""
    names = sample.names
    if sample.container not in ("csv", "parquet") or not names & {"handle", "url_handle"}:
        return False
    if is_inventory(names):
        return False
    usual = len(names & _USUAL_NAMES) if "id" not in names else 0
    return bool(names & _OWN_NAMES) or names >= {"url_handle", "title"} or usual >= _ENOUGH


class ShopifyCsv(Format):
    """One product a variant. ``id`` is the SKU, else handle and options; ``item_group_id`` the handle."""

    key = "shopify"
    title = "Shopify product CSV"
    containers = ("csv", "parquet")
    export = EXPORT
    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def recognises(self, sample: Sample) -> bool:
        return is_shopify(sample)

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        sorter = Sorter(self.table, reading.findings)
        claims, shares = Claims(), Shares()
        currency = reading.settings.default_currency
        broken: InvalidFeed | None = None
        with Rows() as rows:
            try:
                for record in records:
                    if record.values is None:
                        yield record
                        continue
                    row, size = sorter.row(record)
                    handle = row.handle
                    if not handle:
                        yield _lost(row, "is missing: every row of a Shopify export has the product's handle")
                    elif not shares.admits(handle, size):
                        yield _lost(row, "is that of too many rows: give every product a handle of its own")
                    else:
                        rows.put(row, size)
                        _claim(row, handle, claims)
            except InvalidFeed as error:
                broken = error  # what came before it still counts
            claims.settle()
            for handle, together in rows.products():
                product, others = _product(handle, together, currency)
                yield from others
                yield from product.records(claims)
        if broken is not None:
            raise broken


_VARIANT_PRIVATE: Final = frozenset(
    column_name(name)
    for column in VARIANT_COLUMNS
    for name in (column.name, *column.others)
    if column.to == PRIVATE
)


def _lost(row: Row, reason: str) -> Record:
    return Record(row.number, _own_values(row), problem=row.problem or InvalidRow("Handle", reason))


def _own_values(row: Row) -> dict[str, Any]:
    return {name: text for name in ("title", "brand") if (text := row.picked.text(name))}


def _claim(row: Row, handle: str, claims: Claims) -> None:
    if row.problem is None:
        if (live := _is_live(row)) is not None:
            claims.said(handle, live)
        if row.is_variant or row.picked.text("title"):
            claims.claim(row.names, handle)


def _is_live(row: Row) -> bool | None:
    status, published = row.picked.text("status"), row.picked.text("published")
    return is_active(status) and is_published(published) if status or published else None


def _product(handle: str, rows: list[Row], currency: str) -> tuple[ShopProduct, list[Record]]:
    """The product of one handle, and its rows that are of no use."""
    good = [row for row in rows if row.problem is None]
    variants = [row for row in rows if row.is_variant] or good[:1]
    unused = [row for row in rows if row.problem is not None and not row.is_variant]
    live = next((live for row in good if (live := _is_live(row)) is not None), True)
    product = ShopProduct(handle, handle, live, _shared(good), _pictures(good))
    fields = _option_fields(good)
    for row in good:
        _merge(product.extras, row)
    product.variants = [_variant(row, fields, currency) for row in variants]
    broken = next((row.number for row in rows if row.problem is not None), 0)
    if broken and good and "title" not in product.values:
        lost = InvalidRow(
            "Title", f"is missing: it may be in row {broken}, which is broken: correct that row"
        )
        for variant in product.variants:
            variant.problem = variant.problem or lost
    others = [
        Record(row.number, {"item_group_id": handle, **_own_values(row)}, problem=row.problem)
        for row in unused
    ]
    return product, others


def _first(rows: list[Row], key: str) -> str:
    for row in rows:
        if text := row.picked.text(key):
            return text
    return ""


def _shared(rows: list[Row]) -> dict[str, Any]:
    values: dict[str, Any] = {name: text for key, name in _SHARED.items() if (text := _first(rows, key))}
    path = category(_first(rows, "category")) or _first(rows, "google_category")
    age = bare_name(_first(rows, "age_group"))  # Adult (13+ years old)
    values |= {name: text for name, text in (("google_product_category", path), ("age_group", age)) if text}
    if tags := _first(rows, "tags"):
        values["attributes"] = {"tags": tags}
    return values


def _pictures(rows: list[Row]) -> list[str]:
    placed = []
    for row in rows:
        if link := row.picked.text("picture"):
            position = whole_number(row.picked.values.get("position"))
            placed.append((1 << 30 if position is None else position, link))
    return picture_links(link for _, link in sorted(placed, key=lambda item: item[0]))


def _option_fields(rows: list[Row]) -> dict[int, tuple[str, str]]:
    """Each option's name and the metafield that it is linked to."""
    names, links = _first_numbered(rows, "option_name"), _first_numbered(rows, "option_link")
    return {n: (names.get(n, ""), links.get(n, "")) for n in (1, 2, 3)}


def _first_numbered(rows: list[Row], key: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in rows:
        for n, value in row.picked.numbered.get(key, {}).items():
            found.setdefault(n, str(value).strip())
    return found


def _merge(extras: Extras, row: Row) -> None:
    """What a row says of its product as a whole; earlier rows win."""
    for into, parts in (
        (extras.fields, (row.extras.fields,)),
        (extras.attributes, (row.extras.attributes, _of_product(row.picked.attributes))),
        (extras.private, (row.extras.private, _of_product(row.picked.private))),
    ):
        for part in parts:
            for name, value in part.items():
                into.setdefault(name, value)


def _of_product(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in _VARIANT_PRIVATE}


def _variant(row: Row, fields: Mapping[int, tuple[str, str]], currency: str) -> Variant:
    picked = row.picked
    values = prices(picked.values.get("price"), picked.values.get("before"), currency)
    if code := barcode(picked.text("barcode")):
        values["gtin"] = code
    if mpn := picked.text("mpn"):
        values["mpn"] = mpn
    quantity = whole_number(picked.values.get("quantity"))
    stock = availability(
        tracked=bool(picked.text("tracker")),
        quantity=quantity,
        continues=picked.text("policy").lower() in ("continue", "true", "yes"),
    )
    if stock is not None and quantity is not None:
        values["availability"] = stock
    values["attributes"] = {**picked.attributes, **_measures(picked)}
    values["private"] = dict(picked.private)
    own = picture_links([picked.text("variant_picture")])
    return Variant(row.number, row.names, values, _options(row, fields), own, row.variant_extras, row.problem)


def _options(row: Row, fields: Mapping[int, tuple[str, str]]) -> list[tuple[str, str]]:
    found = []
    for n, value in sorted(row.picked.numbered.get("option_value", {}).items()):
        name, link = fields.get(n, ("", ""))
        text = str(value).strip()
        if text and text.lower() != "default title":
            # A linked option is called by its metafield: shopify.color-pattern is a colour in any language.
            linked = key_of(link)
            own = linked[1] if linked is not None and linked[0] == "shopify" else name
            found.append((own or f"option{n}", text))
    return found


def _measures(picked: Picked) -> dict[str, str]:
    found = {}
    grams = picked.text("grams")
    if grams.strip("0.") != "":
        found["weight"] = f"{grams} g"
    for name, key in (("unit_pricing_measure", "unit_measure"), ("unit_pricing_base_measure", "unit_base")):
        if (amount := picked.text(key)).strip("0.") != "":
            found[name] = f"{amount} {picked.text(f'{key}_unit')}".strip()
    return found
