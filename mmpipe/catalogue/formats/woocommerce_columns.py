"""The columns of WooCommerce's product export, and what each becomes."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column
from mmpipe.catalogue.formats.woocommerce_languages import translations_of

_OFFICE: Final = (
    "Is featured?", "Tax status", "Tax class", "Low stock amount", "Sold individually?",
    "Allow customer reviews?", "Purchase note", "Shipping class", "Download limit", "Download expiry days",
    "Grouped products", "Upsells", "Cross-sells", "Button text", "Position", "Cost of goods",
    "Attribute {n} global", "Attribute {n} default", "Download {n} ID", "Download {n} name",
    "Download {n} URL",
)  # fmt: skip
_GTIN_METAS: Final = (
    "Meta: _global_unique_id", "Meta: _wc_gla_gtin", "Meta: _wpm_gtin_code", "Meta: _ts_gtin",
    "Meta: hwp_product_gtin", "Meta: _alg_ean",
)  # fmt: skip
_BRAND_METAS: Final = ("Meta: _brand", "Meta: brand", "Meta: _wc_gla_brand")
_OPTIONS: Final = "color, size, material, pattern, brand, attributes"


def _column(name: str, to: str, note: str = "", key: str = "", others: tuple[str, ...] = ()) -> Column:
    return Column(name, to, note, (*translations_of(name), *others), key)


# The English names are those of WooCommerce's class-wc-product-csv-exporter.php.
COLUMNS: Final = (
    _column("ID", "id", "the product's id, unless `MMPIPE_FEEDS__WOOCOMMERCE_ID` is `sku`", "number"),
    _column("SKU", "id, attributes", "the id where there is no `ID`; else the attribute `sku`", "sku"),
    _column(
        "Type",
        DECIDES,
        "`variable` and `grouped` are no products of their own; what a `variable` one says goes to its "
        "variations where they say nothing",
        "type",
    ),
    _column(
        "Parent", "item_group_id, item_group_title", "`id:101` or a SKU; becomes the parent's id", "parent"
    ),
    _column("GTIN, UPC, EAN, or ISBN", "gtin", "", "gtin", _GTIN_METAS),
    _column("Name", "title"),
    _column("Published", DECIDES, "1 is for sale; 0 private, -1 draft and 2 pending are not", "published"),
    _column(
        "Visibility in catalog",
        DECIDES,
        "`visible` and `search` are for sale; `catalog` and `hidden` are not",
        "visibility",
    ),
    _column("Description", "description", "HTML becomes words"),
    _column(
        "Short description",
        "description, additional_text",
        "the description where there is none, else read by full-text search alone",
        "short",
    ),
    _column("Regular price", "price", "in the shop's decimal sign, without currency"),
    _column("Sale price", "sale_price", "nothing and 0 are no sale"),
    _column("Date sale price starts", "sale_price_effective_date", "", "sale_start"),
    _column("Date sale price ends", "sale_price_effective_date", "", "sale_end"),
    _column("In stock?", "availability", "1, 0 or `backorder`", "stock_status"),
    _column("Stock", "availability", "0 or less is out of stock, or on backorder where allowed", "stock"),
    _column(
        "Backorders allowed?", "availability", "1 or `notify` with a stock of 0: backorder", "backorders"
    ),
    _column(
        "Categories",
        "product_type, attributes",
        "`A > B, C`: the first path is the category, the others the attribute `more_product_types`; `\\,` is "
        "a comma inside a name",
        "categories",
    ),
    _column("Tags", "attributes", "the attribute `tags`", "tags"),
    _column(
        "Brands",
        "brand, attributes",
        "the first; others are the attribute `more_brands`",
        "brands",
        _BRAND_METAS,
    ),
    _column("Meta: _wc_gla_mpn", "mpn", others=("Meta: _ts_mpn",)),
    _column("Images", "image_link, additional_image_link", "addresses, separated by commas", "images"),
    _column("External URL", "link", "of products that are sold elsewhere"),
    _column("Weight", "attributes", "with the unit of its header: `Weight (kg)` 1.5 is `1.5 kg`", "weight"),
    _column("Length", "attributes", "", "length"),
    _column("Width", "attributes", "", "width"),
    _column("Height", "attributes", "", "height"),
    _column("Attribute {n} name", _OPTIONS, "`Color` and `Farbe` are `color`", "attribute_name"),
    _column(
        "Attribute {n} value(s)",
        _OPTIONS,
        "one value on a variation; several of a product are joined as `Blue/Green`",
        "attribute_value",
    ),
    _column(
        "Attribute {n} visible",
        DECIDES,
        "0: not on the product's page, and kept privately unless it is a colour, size, material or pattern",
        "attribute_visible",
    ),
    *(Column(name, PRIVATE) for name in _OFFICE),
    Column("Meta: <key>", PRIVATE, "whatever plugins keep, but for the keys named above"),
)
