"""The columns of Magento 2's product export, and what each becomes."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column

_OFFICE: Final = """
attribute_set_code product_websites tax_class_name url_key meta_title meta_keywords meta_description
base_image_label small_image_label thumbnail_image thumbnail_image_label swatch_image swatch_image_label
created_at updated_at new_from_date new_to_date display_product_options_in map_price msrp_price map_enabled
gift_message_available custom_design custom_design_from custom_design_to custom_layout_update page_layout
product_options_container msrp_display_actual_price_type is_qty_decimal min_cart_qty
use_config_min_sale_qty max_cart_qty use_config_max_sale_qty notify_on_stock_below use_config_notify_stock_qty
use_config_qty_increments qty_increments use_config_enable_qty_inc enable_qty_increments is_decimal_divided
website_id deferred_stock_update use_config_deferred_stock_update related_skus related_position crosssell_skus
crosssell_position upsell_skus upsell_position additional_image_labels custom_options
configurable_variation_labels configurable_variation_prices bundle_price_type bundle_sku_type
bundle_price_view bundle_weight_type bundle_shipment_type downloadable_links downloadable_samples
giftcard_type giftcard_amount giftcard_allow_open_amount giftcard_open_amount_min giftcard_open_amount_max
cost
"""

COLUMNS: Final = (
    Column("sku", "id", "characters that an id cannot hold become `-`, and a digest is added"),
    Column(
        "store_view_code",
        "translations",
        "rows of a store view add its name and description to the product, and never replace it",
        key="view",
    ),
    Column(
        "product_type",
        DECIDES,
        "`configurable`, `bundle` and `grouped` are no products of their own",
        key="type",
    ),
    Column("product_online", DECIDES, "1 is enabled, 2 disabled", key="online"),
    Column(
        "visibility",
        DECIDES,
        "not visible individually: only as a child of a product that is visible; `Catalog`: not in search, "
        "so not here either",
        key="visibility",
    ),
    Column(
        "configurable_variations",
        "item_group_id, item_group_title, color, size, attributes",
        "the children of a configurable product, and what they differ by",
        key="variations",
    ),
    Column("associated_skus", "item_group_id", "of a grouped product", key="associated"),
    Column("bundle_values", "item_group_id", "of a bundle", key="bundle"),
    Column("name", "title"),
    Column("description", "description"),
    Column(
        "short_description",
        "description, additional_text",
        "the description where there is none, else read by full-text search alone",
        key="short",
    ),
    Column(
        "categories",
        "product_type, attributes",
        "without the root; the first path, or the one that goes on from it, is the category, the others the "
        "attribute `more_product_types`",
        key="categories",
    ),
    Column("price", "price", "in the base currency, which the file does not name"),
    Column("special_price", "sale_price"),
    Column("special_price_from_date", "sale_price_effective_date", key="sale_start"),
    Column("special_price_to_date", "sale_price_effective_date", "the day still counts", key="sale_end"),
    Column("is_in_stock", "availability", key="in_stock"),
    Column("qty", "availability", "`out_of_stock_qty` or less is out of stock, or on backorder", key="qty"),
    Column("out_of_stock_qty", "availability", "not where `use_config_min_qty` is 1", key="threshold"),
    Column("use_config_min_qty", "availability", key="usual_threshold"),
    Column(
        "allow_backorders", "availability", "1 and 2, unless `use_config_backorders` is 1", key="backorders"
    ),
    Column("use_config_backorders", "availability", key="usual_backorders"),
    Column(
        "manage_stock", "availability", "0 is in stock, unless `use_config_manage_stock` is 1", key="managed"
    ),
    Column("use_config_manage_stock", "availability", key="usual_managed"),
    Column(
        "base_image",
        "image_link",
        "`/m/b/mb01.jpg` is `media/m/b/mb01.jpg`: copy the pictures there; other paths and addresses stay",
        key="image",
    ),
    Column("small_image", "image_link", "where there is no `base_image`", key="small_image"),
    Column("additional_images", "additional_image_link", key="images"),
    Column("hide_from_product_page", DECIDES, "pictures that are left out", key="hidden_images"),
    Column("weight", "attributes", "in the shop's unit, which the file does not name", key="weight"),
    Column("country_of_manufacture", "attributes", key="country"),
    Column(
        "additional_attributes",
        "color, size, material, pattern, brand, gtin, mpn, gender, attributes",
        "`a=b,c=d|e`; several values are joined as `d/e`",
        key="attributes",
    ),
    Column("manufacturer", "brand", others=("brand",)),
    Column("color", "color"),
    Column("size", "size"),
    Column("material", "material"),
    Column("pattern", "pattern"),
    Column("gtin", "gtin", others=("ean", "upc", "barcode", "isbn")),
    Column("mpn", "mpn"),
    *(Column(name, PRIVATE) for name in _OFFICE.split()),
)
