"""The columns of Shopify's product CSV, in both generations of their names."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column
from mmpipe.catalogue.formats.shopify_metafields import METAFIELDS

# Columns of which the first value in any row of a handle counts for all of its variants.
PRODUCT_COLUMNS: Final = (
    Column("URL handle", "item_group_id",
           "rows of one handle are the variants and pictures of one product, wherever they stand; it also"
           " names variants without SKU: `handle-Red-M`", others=("Handle",), key="handle"),
    Column("Title", "title"),
    Column("Description", "description", "HTML", others=("Body (HTML)", "Body HTML")),
    Column("Vendor", "brand"),
    Column("Product category", "google_product_category", "a path of Shopify's taxonomy",
           others=("Standardized Product Type",), key="category"),
    Column("Google Shopping / Google product category", "google_product_category",
           "where `Product category` is empty", key="google_category"),
    Column("Type", "product_type", others=("Custom Product Type",)),
    Column("Tags", "attributes", "as `tags`", key="tags"),
    Column("Published on online store", DECIDES, "FALSE: withdrawn", others=("Published",), key="published"),
    Column("Status", DECIDES, "Active; Draft, Archived and Unlisted are withdrawn", key="status"),
    Column("Option{n} name", "color, size, material, pattern, attributes", "by what the option is called",
           key="option_name"),
    Column("Option{n} Linked To", "color, size, material, pattern",
           "the metafield that an option is linked to says what it is, whatever its name", key="option_link"),
    Column("Google Shopping / Gender", "gender"),
    Column("Google Shopping / Age group", "age_group"),
    Column("Google Shopping / Manufacturer part number (MPN)", "mpn", others=("Google Shopping / MPN",)),
    Column("Google Shopping / Condition", "condition"),
    Column("Google Shopping / Ad group name", PRIVATE, others=("Google Shopping / AdWords Grouping",)),
    Column("Google Shopping / Ads labels", PRIVATE, others=("Google Shopping / AdWords Labels",)),
    Column("Google Shopping / Custom product", PRIVATE),
    Column("Google Shopping / Custom label {n}", PRIVATE),
    Column("SEO title", PRIVATE),
    Column("SEO description", PRIVATE),
    Column("Gift card", PRIVATE, "a gift card is a product like others"),
    Column("Template suffix", PRIVATE),
    Column("Collection", PRIVATE),
    Column("Included / MARKET", PRIVATE),
)  # fmt: skip

VARIANT_COLUMNS: Final = (
    Column("SKU", "id", "the first product for sale that has it; another one's variant is named by handle and"
           " options", others=("Variant SKU",), key="sku"),
    Column("Option{n} value", "color, size, material, pattern, attributes", key="option_value"),
    Column("Price", "price", "in the shop's currency, which the export does not name",
           others=("Variant Price",)),
    Column("Compare-at price", "sale_price",
           "above the price, it is the `price`, and the price is the `sale_price`",
           others=("Variant Compare At Price",), key="before"),
    Column("Barcode", "gtin", "the first of several; not one that a spreadsheet rounded",
           others=("Variant Barcode", "Barcodes", "Variant Barcodes"), key="barcode"),
    Column("Inventory quantity", "availability",
           "none left: `out_of_stock`, or `backorder` where the shop goes on selling. Shops with several"
           " locations have no such column: upload the inventory export after it",
           others=("Variant Inventory Qty", "Variant Inventory Quantity"), key="quantity"),
    Column("Inventory tracker", DECIDES, "empty: the variant is in stock, whatever its quantity",
           others=("Variant Inventory Tracker",), key="tracker"),
    Column("Continue selling when out of stock", DECIDES,
           "CONTINUE or TRUE: `backorder` instead of `out_of_stock`",
           others=("Variant Inventory Policy",), key="policy"),
    Column("Product image URL", "image_link",
           "the variant's own picture, then those of all rows by position; the first 21 are used",
           others=("Image Src",), key="picture"),
    Column("Image position", "image_link", "the order of the pictures", key="position"),
    Column("Variant image URL", "image_link", others=("Variant Image",), key="variant_picture"),
    Column("Image alt text", PRIVATE),
    Column("Weight value (grams)", "attributes", "as `weight`", others=("Variant Grams",), key="grams"),
    Column("Unit price total measure", "attributes", "with its unit as `unit_pricing_measure`",
           key="unit_measure"),
    Column("Unit price total measure unit", "attributes", key="unit_measure_unit"),
    Column("Unit price base measure", "attributes", "with its unit as `unit_pricing_base_measure`",
           key="unit_base"),
    Column("Unit price base measure unit", "attributes", key="unit_base_unit"),
    Column("Weight unit for display", PRIVATE, others=("Variant Weight Unit",)),
    Column("Cost per item", PRIVATE, "never public"),
    Column("Charge tax", PRIVATE, others=("Variant Taxable",)),
    Column("Tax code", PRIVATE, others=("Variant Tax Code",)),
    Column("Requires shipping", PRIVATE, others=("Variant Requires Shipping",)),
    Column("Fulfillment service", PRIVATE, others=("Variant Fulfillment Service",)),
    Column("HS code", PRIVATE, others=("Variant HS Code", "Harmonized System Code")),
    Column("Country of origin", PRIVATE, others=("COO", "Variant Country of Origin")),
    Column("Packed product length", PRIVATE, others=("Variant Packed Length",)),
    Column("Packed product width", PRIVATE, others=("Variant Packed Width",)),
    Column("Packed product height", PRIVATE, others=("Variant Packed Height",)),
    Column("Packed product dimension unit", PRIVATE, others=("Variant Packed Dimension Unit",)),
    Column("Price / MARKET", PRIVATE, "prices in other markets", others=("Variant Price / MARKET",)),
    Column("Compare-at price / MARKET", PRIVATE, others=("Compare At Price / MARKET",)),
)  # fmt: skip

COLUMNS: Final = (*PRODUCT_COLUMNS, *VARIANT_COLUMNS, *METAFIELDS)
