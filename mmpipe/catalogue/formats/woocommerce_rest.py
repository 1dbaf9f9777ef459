"""WooCommerce's products as its REST API (``wc/v3``) gives them: a JSON list, or one object a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from mmpipe.catalogue.formats.base import (
    DECIDES,
    PRIVATE,
    Column,
    Format,
    Picked,
    Picker,
    Reading,
    Sample,
)
from mmpipe.catalogue.formats.live_ids import with_ids
from mmpipe.catalogue.formats.woocommerce_values import (
    Kind,
    availability,
    is_live,
    kind_of,
    put_attribute,
    put_brands,
    put_categories,
    put_descriptions,
    put_images,
    sale_period,
)
from mmpipe.catalogue.formats.woocommerce_variations import Families, Item, Option, put_options
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.text import as_text, private_text

_OFFICE: Final = (
    "slug", "date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "featured", "on_sale",
    "purchasable", "total_sales", "virtual", "downloadable", "downloads", "download_limit", "download_expiry",
    "tax_status", "tax_class", "backorders_allowed", "backordered", "low_stock_amount", "sold_individually",
    "shipping_required", "shipping_taxable", "shipping_class", "shipping_class_id", "reviews_allowed",
    "upsell_ids", "cross_sell_ids", "related_ids", "grouped_products", "purchase_note", "default_attributes",
    "menu_order", "price_html", "meta_data", "has_options", "post_password", "button_text",
)  # fmt: skip
_DIMENSIONS: Final = ("length", "width", "height")

EXPORT: Final = """\
The answers of `GET /wp-json/wc/v3/products?per_page=100&page=1`, page by page, as one JSON list or one object
a line. With WP-CLI: `wp wc product list --user=admin --format=json`.

- **Variations are not among the products**: `variations` names their numbers only. Fetch
  `/wp-json/wc/v3/products/<id>/variations` for each product of the type `variable`, and put the objects into
  the same file, anywhere, or in place of the numbers. Without them each variable product is shown as one
  product.
- **Stock** is in `stock_status`, `stock_quantity`, `manage_stock` and `backorders`. **Pictures** are the
  addresses in `images`; where they are fetched from, see the CSV export.
- Ask for every status (`status=any`): only then are drafts and private products taken out of search. Products
  in the trash are not in the answer.
- Prices are without currency: set `MMPIPE_FEEDS__DEFAULT_CURRENCY`. Categories are without their parents.
- Ids and SKUs as in the CSV export."""


class WooCommerceRest(Format):
    """One product, parent or variation an object, in any order; otherwise as
    :class:`~mmpipe.catalogue.formats.woocommerce.WooCommerce`."""

    key: ClassVar[str] = "woocommerce-rest"
    title: ClassVar[str] = "WooCommerce REST API products"
    containers = ("jsonl", "json")
    export: ClassVar[str] = EXPORT
    columns: ClassVar[tuple[Column, ...]] = (
        Column("id", "id", "the product's id, unless `MMPIPE_FEEDS__WOOCOMMERCE_ID` is `sku`", key="number"),
        Column("sku", "id, attributes", "the attribute `sku`", key="sku"),
        Column("type", DECIDES, "`variable` and `grouped` are no products of their own", key="type"),
        Column("parent_id", "item_group_id, item_group_title", "of a variation", key="parent"),
        Column("_links", "item_group_id", "`up` names the parent where there is no `parent_id`", key="links"),
        Column("variations", DECIDES, "numbers are not needed; whole objects are read", key="variations"),
        Column("global_unique_id", "gtin"),
        Column("name", "title", "of a variation beside its parent's"),
        Column("status", DECIDES, "`publish` is for sale", key="status"),
        Column("catalog_visibility", DECIDES, "`visible` and `search` are for sale", key="visibility"),
        Column("description", "description"),
        Column("short_description", "description, additional_text", "as in the CSV export", key="short"),
        Column("regular_price", "price"),
        Column("price", "price", "where there is no `regular_price`, as of a variable product", key="lowest"),
        Column("sale_price", "sale_price"),
        Column("date_on_sale_from_gmt", "sale_price_effective_date", key="sale_start"),
        Column("date_on_sale_to_gmt", "sale_price_effective_date", key="sale_end"),
        Column("date_on_sale_from", "sale_price_effective_date", "without `…_gmt`", key="local_start"),
        Column("date_on_sale_to", "sale_price_effective_date", "without `…_gmt`", key="local_end"),
        Column("stock_status", "availability"),
        Column("stock_quantity", "availability", "where `manage_stock` is not false", key="stock"),
        Column("manage_stock", "availability", key="manage_stock"),
        Column("backorders", "availability", key="backorders"),
        Column("categories", "product_type, attributes", "by name, as in the CSV export", key="categories"),
        Column("tags", "attributes", key="tags"),
        Column("brands", "brand, attributes", key="brands"),
        Column("images", "image_link, additional_image_link", "`src` of each", key="images"),
        Column("image", "image_link", "of a variation", key="image"),
        Column("permalink", "link"),
        Column("external_url", "link", "where there is no `permalink`", key="external"),
        Column("weight", "attributes", key="weight"),
        Column("dimensions", "attributes", key="dimensions"),
        Column("average_rating", "rating", key="average_rating"),
        Column("rating_count", "rating_count"),
        Column(
            "attributes", "color, size, material, pattern, brand, attributes", "by `name`", key="attributes"
        ),
        *(Column(name, PRIVATE) for name in _OFFICE),
    )

    def recognises(self, sample: Sample) -> bool:
        """Objects with ``id``, ``regular_price``, and ``catalog_visibility`` or an address and a stock."""
        names = sample.names
        return (
            sample.container in ("json", "jsonl")
            and {"id", "regular_price"} <= names
            and ("catalog_visibility" in names or {"permalink", "stock_status"} <= names)
            and "title" not in names
        )

    def read(self, records: Iterator[Record], reading: Reading) -> Iterator[Record]:
        """See :class:`WooCommerceRest`."""
        yield from with_ids(Families(reading).read(self._items(records, reading)))

    def _items(self, records: Iterator[Record], reading: Reading) -> Iterator[Item | Record]:
        picker = Picker(self.table, reading.findings)
        for record in records:
            if record.values is None:
                yield record
                continue
            picked = _picked(picker, record.values)
            item = _item(record.row, picked, "")
            if record.problem is not None:
                put_options(item.product, item.options)
                values = {"id": item.number or item.sku, **item.product}
                yield Record(record.row, values, raw=record.raw, problem=record.problem)
                continue
            yield item
            for variation in _objects(picked.values.get("variations")):
                yield _item(record.row, _picked(picker, variation), f"id:{item.number}")


def _picked(picker: Picker, values: Mapping[str, Any]) -> Picked:
    return picker.pick({name: value for name, value in values.items() if value not in ([], {})})


def _item(row: int, picked: Picked, parent: str) -> Item:
    values = picked.values
    product = _product(picked)
    parent = parent or _parent(picked)
    kind = kind_of([picked.text("type")] if "type" in values else [], bool(parent))
    title, options = picked.text("title"), _options(values.get("attributes"), kind)
    if title and kind != "variation":
        product["title"] = title
    beside = title or ", ".join(word for option in options for word in option.values)
    return Item(
        row,
        kind,
        picked.text("number"),
        picked.text("sku"),
        is_live(picked.text("status"), picked.text("visibility")),
        picked.into(product),
        parent if kind == "variation" else "",
        options,
        beside if kind == "variation" else "",
    )


def _product(picked: Picked) -> dict[str, Any]:
    """What an object says itself, without its id, title and options."""
    values = picked.values
    product: dict[str, Any] = {}
    if "gtin" in values:
        product["gtin"] = picked.text("gtin")
    link, external = picked.text("link"), picked.text("external")
    if link or external:
        product["link"] = link or external
    if link and external:
        product["private"] = {"external_url": private_text(external)}
    prices = {"price": values.get("price", values.get("lowest")), "sale_price": values.get("sale_price")}
    product |= {name: _amount(price) for name, price in prices.items() if price is not None}
    put_descriptions(product, picked.text("description"), picked.text("short"))
    put_categories(product, _names(values.get("categories")))
    put_brands(product, _names(values.get("brands")))
    put_images(product, [*_links(values.get("image")), *_links(values.get("images"))])
    put_attribute(product, "tags", ", ".join(_names(values.get("tags"))))
    put_attribute(product, "weight", picked.text("weight"))
    measures = values.get("dimensions")
    for name in _DIMENSIONS:
        if isinstance(measures, Mapping) and measures.get(name):
            put_attribute(product, name, as_text(measures[name]))
    # Reviews are of the product: each variation says that it has none.
    if (count := picked.text("rating_count")).strip("0"):
        product["rating"], product["rating_count"] = picked.text("average_rating"), count
    counted = values.get("manage_stock", True) not in (False, "false", "parent")
    stock = picked.text("stock") if counted else ""
    if (word := availability(picked.text("availability"), stock, picked.text("backorders"))) is not None:
        product["availability"] = word
    start = picked.text("sale_start") or picked.text("local_start")
    if period := sale_period(start, picked.text("sale_end") or picked.text("local_end")):
        product["sale_price_effective_date"] = period
    return product


def _amount(price: Any) -> Any:
    """A price whose point is always a decimal sign; ``1.299`` would be read as thousands."""
    if isinstance(price, str):
        whole, _, fraction = price.strip().partition(".")
        if len(fraction) == 3 and price.isascii() and whole.isdigit() and fraction.isdigit():
            return float(price)
    return price if isinstance(price, int | float) else as_text(price)


def _parent(picked: Picked) -> str:
    number = picked.text("parent")
    if number.strip("0"):
        return f"id:{number}"
    links = picked.values.get("links")
    for up in _objects(links.get("up") if isinstance(links, Mapping) else None):
        number = as_text(up.get("href", "")).rstrip("/").rpartition("/")[2]
        if number.isdigit():
            return f"id:{number}"
    return ""


def _options(attributes: Any, kind: Kind) -> list[Option]:
    options = []
    for attribute in _objects(attributes):
        name = as_text(attribute.get("name") or attribute.get("slug") or "")
        found = attribute.get("option") if kind == "variation" else attribute.get("options")
        values = found if isinstance(found, list) else [found]
        words = [as_text(value) for value in values if value not in (None, "")]
        if name:
            options.append(Option(name, words, attribute.get("visible") is not False))
    return options


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    """Names of categories, tags and brands, which come as objects or as words."""
    items = value if isinstance(value, list) else []
    names = [
        as_text(item.get("name") or "") if isinstance(item, Mapping) else as_text(item) for item in items
    ]
    return [name for name in names if name]


def _links(value: Any) -> list[str]:
    """Addresses of pictures: of one object, or of a list of objects or texts."""
    items = value if isinstance(value, list) else [value]
    links = [item.get("src") if isinstance(item, Mapping) else item for item in items]
    return [link.strip() for link in links if isinstance(link, str) and link.strip()]
