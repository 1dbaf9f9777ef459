"""The columns of PrestaShop's product file, the one that its importer documents."""

from __future__ import annotations

from typing import Final

from mmpipe.catalogue.formats.base import DECIDES, PRIVATE, Column

EXPORT: Final = """\
PrestaShop's back office has no whole export of products. Upload a file with the columns that *Advanced
Parameters › Import › Products* lists, as the usual export modules write it, `;` between them: at least
*Product ID*, *Active (0/1)*, *Name \\**, *Categories*, a price, *Reference #*, *Quantity*, *Description* and
*Image URLs*. A query in *Advanced Parameters › Database* that gives its columns these names does as well.

- Set the back office to English while you export: columns are known by their English names, and by the
  French ones.
- *Catalog › Products › Export* (ID, Image, Name, Reference, Category, Price, Quantity, Status) is refused: it
  has no descriptions, and its Status says until PrestaShop 8.2 whether stock is low, not whether a product is
  enabled.
- The file of combinations is refused: it has neither names nor prices.
- Export prices with tax where shoppers pay them; without that column the ones without tax count.
- A product that is disabled, or is not to be found by search (*Visibility* none or catalog), is withdrawn."""

_PRIVATE: Final = """
Tax rules ID|Tax rule ID|Ecotax|On sale (0/1)|Supplier reference #|Supplier|Supplier reference
Delivery time of in-stock products|Delivery time of out-of-stock products with allowed orders|Minimal quantity
Low stock level|Send me an email when the quantity is under this level|Receive a low stock alert by email
Stock location|Additional shipping cost|Unity|Unit for base price|Unit for price per unit|Unit price
Base price|Price per unit|Meta title|Meta keywords|Meta description|URL rewritten|Rewritten URL|Friendly URL
Text when in stock|Label when in stock|Text when backorder allowed|Label when backorder allowed
Product creation date|Image alt texts (x,y,z...)|Delete existing images (0 = No, 1 = Yes)
Available online only (0 = No, 1 = Yes)|Customizable (0 = No, 1 = Yes)|Uploadable files (0 = No, 1 = Yes)
Text fields (0 = No, 1 = Yes)|Virtual product|Virtual product (0 = No, 1 = Yes)|File URL
Number of allowed downloads|Expiration date|Expiration date (yyyy-mm-dd)|Number of days|ID / Name of shop
Advanced stock management|Depends On Stock|Warehouse|Acessories (x,y,z...)|Accessories (x,y,z...)|Position
"""

COLUMNS: Final = (
    Column("Reference #", "id", "the first product for sale that has it; another one's `id` has its Product"
           " ID behind it", others=("Reference", "Référence", "Référence #"), key="reference"),
    Column("Product ID", "id", "where there is no reference", others=("ID", "ID Produit"), key="number"),
    Column("Name *", "title", others=("Name", "Nom *", "Nom"), key="title"),
    Column("Active (0/1)", DECIDES, "0: withdrawn", others=("Actif (0/1)",), key="active"),
    Column("Visibility", DECIDES, "none, and catalog (found by browsing alone): withdrawn",
           others=("Visibilité",), key="visibility"),
    Column("Categories (x,y,z...)", "product_type, attributes",
           "the first name or path (`Home/Clothes/Men`), without the root; the others as"
           " `more_product_types`; numbers are private", others=("Catégories (x,y,z...)",), key="categories"),
    Column("Price tax included", "price", "before the one without tax",
           others=("Prix TTC", "Price tax excluded or Price tax included"), key="price_with_tax"),
    Column("Price tax excluded", "price", others=("Prix HT",), key="price_without_tax"),
    Column("Discount amount", "sale_price", "taken off the price", others=("Montant de la réduction",),
           key="amount_off"),
    Column("Discount percent", "sale_price", "taken off the price, where there is no amount",
           others=("Pourcentage de réduction",), key="percent_off"),
    Column("Discount from (yyyy-mm-dd)", "sale_price_effective_date", key="sale_start"),
    Column("Discount to (yyyy-mm-dd)", "sale_price_effective_date", "the day still counts", key="sale_end"),
    Column("Quantity", "availability", "none left: out_of_stock", others=("Quantité",), key="quantity"),
    Column("Out of stock action", DECIDES, "1: `backorder` where none is left",
           others=("Action when out of stock", "Out of stock", "Allow orders when out of stock"),
           key="when_out"),
    Column("Available for order (0 = No, 1 = Yes)", "availability", "0: `out_of_stock`", key="orderable"),
    Column("Show price (0 = No, 1 = Yes)", DECIDES,
           "0, where nothing can be ordered: the price stays private", key="show_price"),
    Column("Product available date", "attributes", "as `availability_date`",
           others=("Product availability date",), key="available_from"),
    Column("Manufacturer", "brand", others=("Brand", "Marque", "Fabricant")),
    Column("EAN13", "gtin", others=("EAN-13", "EAN13 or JAN barcode"), key="ean"),
    Column("UPC", "gtin", "where there is no EAN", key="upc"),
    Column("ISBN", "gtin", "where there is neither", key="isbn"),
    Column("MPN", "mpn"),
    Column("Description", "description", "HTML", key="description"),
    Column("Summary", "description, additional_text", "the description where that is empty",
           others=("Short description", "Résumé", "Description courte"), key="summary"),
    Column("Tags (x,y,z...)", "attributes", "as `tags`", others=("Mots-clés (x,y,z...)",), key="tags"),
    Column("Image URLs (x,y,z...)", "image_link, additional_image_link", "the first 21 are used",
           others=("URL des images (x,y,z...)", "Image URLs"), key="images"),
    Column("Feature (Name:Value:Position:Customized)", "color, size, material, pattern, attributes",
           "by name", key="features",
           others=("Feature(Name:Value:Position)", "Caractéristique (Nom:Valeur:Position:Personnalisé)")),
    Column("Condition", "condition", others=("État",)),
    Column("Width", "attributes", "in the shop's unit", others=("Largeur",), key="width"),
    Column("Height", "attributes", "in the shop's unit", others=("Hauteur",), key="height"),
    Column("Depth", "attributes", "in the shop's unit", others=("Profondeur",), key="depth"),
    Column("Weight", "attributes", "in the shop's unit", others=("Poids",), key="weight"),
    Column("Wholesale price", PRIVATE, "never public", others=("Cost price", "Prix d'achat")),
    *(Column(name.strip(), PRIVATE) for name in _PRIVATE.replace("\n", "|").split("|") if name.strip()),
)  # fmt: skip
