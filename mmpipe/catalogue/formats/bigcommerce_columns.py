"""The columns of BigCommerce's product export (v3)."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column

EXPORT: Final = """\
In BigCommerce's control panel choose *Products › Export*, all products, *CSV*, with the template that holds
all fields (*Default*), and upload the file as it is: a spreadsheet program that sorts its rows tears variants
and images from their product, which stands in the `Product` row before them.

- It is the export of the Products v3 experience, whose first column is *Item*. The older one (*Item Type*,
  *Product Code/SKU*) is refused.
- Prices are in the store's own currency, which the export does not name: set
  `MMPIPE_FEEDS__DEFAULT_CURRENCY`.
- Categories and brands come as numbers, so products have no category, and a brand only where there is a
  column *Brand Name*.
- Addresses of products stand without the store's domain, so they are kept privately.
- Products with *Is Visible* FALSE are withdrawn with their variants."""

_PRIVATE: Final = """
Type|Low Stock|Cost Price|Map Price|Brand ID|Channels|Page Title|Meta Description|Meta Keywords
Bin Picking Number|Free Shipping|Fixed Shipping Cost|Is Featured|Tax Class|Show Product Condition|Sort Order
Image Description|YouTube ID|Video Title|Video Description|Video Sort Order|Option Set
Minimum Purchase Quantity|Maximum Purchase Quantity|Preorder Release Date|Preorder Message
Availability Description|Date Created|Date Modified|Product Tax Code|Layout File|Related Products
"""

COLUMNS: Final = (
    Column("Item", DECIDES, "Product opens a group; Variant, Image and Video rows behind it belong to it",
           key="item"),
    Column("ID", "id", "where there is no SKU: the product's, for variants with their own behind it",
           key="number"),
    Column("SKU", "id", "the first product for sale that has it", key="sku"),
    Column("Name", "title, item_group_title", "of the product, for its variants too", key="title"),
    Column("Options", "color, size, material, pattern, attributes",
           "`Type=…|Name=Color|Value=Red`, several one behind the other", key="options"),
    Column("Inventory Tracking", DECIDES, "none: in stock; product or variant: whose stock counts",
           key="tracking"),
    Column("Current Stock", "availability", "0, where it is tracked: `out_of_stock`", key="stock"),
    Column("Is Purchasable", "availability", "FALSE: `out_of_stock`",
           others=("Purchasable", "Allow Purchases?"), key="purchasable"),
    Column("Preorder", "availability", "TRUE: `preorder`", others=("Is Preorder", "Is Preorder Only"),
           key="preorder"),
    Column("Availability", "availability", "preorder; disabled: `out_of_stock`", key="availability"),
    Column("Is Visible", DECIDES, "FALSE: withdrawn with all variants", key="visible"),
    Column("Price", "price", "a variant's own, else its product's"),
    Column("Sale Price", "sale_price", "a variant's own, else its product's; 0: none", key="sale_price"),
    Column("Retail Price", "attributes",
           "as `retail_price` where it is above the price and nothing is on sale", key="retail"),
    Column("Description", "description", "HTML"),
    Column("Brand Name", "brand", others=("Brand",), key="brand"),
    Column("Categories", "product_type", "names; numbers stay private", key="categories"),
    Column("Custom Fields", "color, size, material, pattern, attributes", "`name=value;…`", key="fields"),
    Column("Product URL", "link", "a whole address; one without a domain stays private", key="link"),
    Column("Search Keywords", "additional_text"),
    Column("Global Trade Number", "gtin", others=("GTIN",), key="gtin"),
    Column("UPC/EAN", "gtin", "where there is no global trade number", key="upc"),
    Column("Manufacturer Part Number", "mpn"),
    Column("Product Condition", "condition", others=("Condition",), key="condition"),
    Column("Warranty", "attributes", key="warranty"),
    Column("Weight", "attributes", "in the store's unit", key="weight"),
    Column("Width", "attributes", "in the store's unit", key="width"),
    Column("Height", "attributes", "in the store's unit", key="height"),
    Column("Depth", "attributes", "in the store's unit", key="depth"),
    Column("Variant Image URL", "image_link", "before those of the product", key="variant_image"),
    Column("Internal Image URL (Export)", "image_link, additional_image_link",
           "the thumbnail first, then by sort order; the first 21 are used", key="image"),
    Column("Image URL (Import)", "image_link, additional_image_link", "where there is no internal one",
           others=("Image URL",), key="image_import"),
    Column("Image is Thumbnail", "image_link", "TRUE: the first picture", key="thumbnail"),
    Column("Image Sort Order", "image_link", "the order of the pictures", key="image_order"),
    *(Column(name.strip(), PRIVATE) for name in _PRIVATE.replace("\n", "|").split("|") if name.strip()),
)  # fmt: skip
