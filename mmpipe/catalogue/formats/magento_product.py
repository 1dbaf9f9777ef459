"""One row of Magento's product export to the fields of a product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.formats.magento_values import (
    amount,
    associated,
    category_paths,
    day,
    number,
    pairs,
    picture,
    variations,
    visibility,
    without_root,
)
from mmpipe.catalogue.formats.options import add_options, option_field

PARENTS: Final = ("configurable", "bundle", "grouped")
MAX_VIEWS: Final = 20
_MAX_IMAGES: Final = 21
_MAX_TEXT: Final = 10_000
_MAX_VALUE: Final = 500
_COPIED: Final = ("title", "brand", "color", "size", "material", "pattern", "gtin", "mpn")
_CODES: Final = {
    "manufacturer": "brand", "brand": "brand", "gtin": "gtin", "ean": "gtin", "upc": "gtin",
    "barcode": "gtin", "isbn": "gtin", "mpn": "mpn", "gender": "gender",
}  # fmt: skip
# Attributes by which Magento itself works.
_OFFICE: Final = frozenset(
    {"has_options", "required_options", "quantity_and_stock_status", "price_type", "price_view", "sku_type"}
    | {"weight_type", "shipment_type", "links_title", "links_purchased_separately", "links_exist"}
    | {"samples_title"}
)


class Row(NamedTuple):
    """A row as it waits for the others of its SKU: texts by their columns' keys, and what is kept privately
    and publicly beside them."""

    row: int
    values: dict[str, str]
    private: dict[str, str]
    public: dict[str, str]

    def text(self, key: str) -> str:
        """One value; empty where there is none."""
        return self.values.get(key, "")

    @property
    def is_parent(self) -> bool:
        """Whether it is a configurable product, a bundle or a group."""
        return self.text("type").lower() in PARENTS or "variations" in self.values

    @property
    def is_enabled(self) -> bool:
        """Whether it is not disabled, in any way."""
        return self.text("online").lower() in ("", "1", "yes", "true", "enabled")

    @property
    def is_visible(self) -> bool:
        """Whether it may be searched for by itself."""
        return visibility(self.text("visibility")) == "search"

    @property
    def is_hidden(self) -> bool:
        """Whether it is sold as a part or a child alone."""
        return visibility(self.text("visibility")) == "hidden"

    def children(self) -> Iterable[tuple[int, str, dict[str, str]]]:
        """How near each child is (0: a variant; 1: of a group; 2: of a bundle), its SKU, its options."""
        yield from ((0, sku, options) for sku, options in variations(self.text("variations")))
        yield from ((1, sku, {}) for sku in associated(self.text("associated")))
        yield from ((2, sku, {}) for sku, _ in variations(self.text("bundle")))


class Told(NamedTuple):
    """What a whole file tells of its rows: the first steps of all category paths, if there are longer ones,
    and whether dates with slashes begin with the ``day`` or the ``month``."""

    roots: set[str]
    order: str


def product_of(row: Row, told: Told) -> dict[str, Any]:
    """What a row says itself, without its id."""
    product: dict[str, Any] = {name: row.values[name] for name in _COPIED if name in row.values}
    for name in ("price", "sale_price"):
        if name in row.values:
            product[name] = amount(row.values[name])
    _texts(product, row)
    _images(product, row)
    if not row.is_parent:
        product["availability"] = _availability(row)
    start, end = row.text("sale_start"), row.text("sale_end")
    if start or end:
        product["sale_price_effective_date"] = {
            "start": day(start, told.order) or None,
            "end": day(end, told.order) or None,
        }
    attributes = dict(row.public)
    paths = without_root(category_paths(row.text("categories")), told.roots)
    if paths:
        product["product_type"] = paths[0]
        attributes["more_product_types"] = " | ".join(paths[1:])
    attributes["weight"] = number(row.text("weight"))
    attributes["country_of_manufacture"] = row.text("country")
    if found := {name: value for name, value in attributes.items() if value}:
        product["attributes"] = found
    product["private"] = dict(row.private)
    put_attributes(product, pairs(row.text("attributes")))
    return product


def put_attributes(product: dict[str, Any], found: Mapping[str, str]) -> None:
    """Put attributes by their codes into the fields that they mean, where these are empty, else into the
    public attributes, and Magento's own into the private ones."""
    for code, text in found.items():
        name, value = code[:_MAX_VALUE], text[:_MAX_VALUE].strip()
        field = _CODES.get(name) or option_field(name)
        if field is not None:
            product.setdefault(field, value)
        elif column_name(name) in _OFFICE:
            product.setdefault("private", {}).setdefault(name, value)
        else:
            add_options(product, [(name, value)])


def translations_of(rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    """The names and descriptions of store views, by the views' codes."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        texts = {"title": row.text("title"), "description": row.text("description") or row.text("short")}
        given = {name: text for name, text in texts.items() if text}
        view = row.text("view")[:35]
        if given and (view in found or len(found) < MAX_VIEWS):
            found[view] = given | found.get(view, {})
    return found


def _texts(product: dict[str, Any], row: Row) -> None:
    long, short = row.text("description"), row.text("short")
    if long or short:
        product["description"] = long or short
    if long and short:
        product["additional_text"] = short[:_MAX_TEXT]


def _images(product: dict[str, Any], row: Row) -> None:
    left_out = {picture(path) for path in row.text("hidden_images").split(",")}
    main = picture(row.text("image")) or picture(row.text("small_image"))
    further = [picture(path) for path in row.text("images").split(",")]
    links = [main, *(link for link in further if link not in left_out)]
    found = list(dict.fromkeys(link for link in links if link))[:_MAX_IMAGES]
    if found:
        product["image_link"], product["additional_image_link"] = found[0], found[1:]


def _availability(row: Row) -> str:
    """The item's own stock: without the settings of the shop, by which nothing is sold beyond it."""
    if row.text("managed") == "0" and row.text("usual_managed") != "1":
        return "in_stock"
    if row.text("in_stock").lower() in ("0", "no", "false"):
        return "out_of_stock"
    try:
        left = float(row.text("qty"))
        threshold = 0.0 if row.text("usual_threshold") == "1" else float(row.text("threshold") or 0)
    except ValueError:
        return "in_stock"
    if left > threshold:
        return "in_stock"
    allowed = row.text("backorders") in ("1", "2") and row.text("usual_backorders") != "1"
    return "backorder" if allowed else "out_of_stock"
