"""Synthetic feeds for benchmarks/feed_reading.py: one kind of catalogue in the formats that shops export.

Every file has the given number of records, is the same for the same number, and is written record by record
(Parquet: at once). One text of four holds letters outside of ASCII.
"""

from __future__ import annotations

import csv
import json
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

Row = dict[str, Any]

_ENGLISH: Final = """
classic cotton shirt linen summer dress waterproof hiking jacket merino wool sweater running shoe leather boot
slim fit stretch jeans recycled organic soft lightweight breathable durable everyday office evening travel
hooded zip pocket collar sleeve button elastic waist padded lined quilted printed striped plain ribbed knitted
woven brushed washed vintage modern regular relaxed tapered cropped long short warm cool dry
"""
_WORDS: Final = _ENGLISH.split()
_ACCENTED: Final = ["décolleté", "Größe", "Ärmel", "très", "niño", "–", "“fit”"]
_BRANDS: Final = ("Northfield", "Ada & Lund", "Kestrel", "Marlow", "Fjordline", "Osprey Works", "Tilia")
_COLORS: Final = ("Black", "Navy", "Forest Green", "Red", "White", "Sand", "Light Blue")
_SIZES: Final = ("XS", "S", "M", "L", "XL")
_PATHS: Final = (
    "Clothing > Women > Dresses",
    "Clothing > Men > Shirts",
    "Shoes > Boots",
    "Clothing > Outerwear > Jackets",
    "Accessories > Bags",
)
_LATE_PARENTS: Final = 50


def write(key: str, rows: int, path: Path) -> None:
    """Write the feed of this key (one of :data:`FILES`), of so many records."""
    FILES[key][1](rows, path)


class _Shop:
    """What the products of one file are like."""

    def __init__(self) -> None:
        self._random = random.Random(20)
        self._texts = [self._words(300, _WORDS if n % 4 else _WORDS + _ACCENTED) for n in range(2_000)]

    def some(self, values: tuple[str, ...] | list[str]) -> str:
        return self._random.choice(values)

    def maybe(self, value: Any, share: float = 0.85) -> Any:
        """The value, or an empty cell."""
        return value if self._random.random() < share else ""

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def title(self) -> str:
        return self._words(60, _WORDS).capitalize()

    def text(self) -> str:
        return self.some(self._texts)

    def html(self) -> str:
        """The same text as the editors of shops write it."""
        text = self.text()
        middle = text.find(" ", 150)
        points = text[middle:].strip().split(" ", 6)
        items = "".join(f"<li>{point}</li>" for point in points)
        return f"<p>{text[:middle]} &amp; more.</p>\n<ul>{items}</ul>"

    def price(self) -> float:
        return self.number(500, 20_000) / 100

    def barcode(self) -> str:
        return f"40{self.number(0, 10**11 - 1):011}"

    def _words(self, length: int, among: list[str]) -> str:
        text = self.some(among)
        while len(text) < length:
            text = f"{text} {self.some(among)}"
        return text


def _google(rows: int) -> Iterator[Row]:
    shop = _Shop()
    for number in range(rows):
        price = shop.price()
        yield {
            "id": f"SKU-{number:07}",
            "title": shop.title(),
            "description": shop.text() if number % 10 else shop.html(),
            "link": f"https://shop.example/p/{number}?ref=feed",
            "image_link": f"https://cdn.shop.example/i/{number}_1.jpg",
            "additional_image_link": shop.maybe(f"https://cdn.shop.example/i/{number}_2.jpg"),
            "price": f"{price:.2f} EUR",
            "sale_price": shop.maybe(f"{price * 0.8:.2f} EUR", 0.2),
            "availability": shop.some(["in_stock", "in_stock", "out_of_stock", "preorder"]),
            "brand": shop.maybe(shop.some(_BRANDS)),
            "gtin": shop.maybe(shop.barcode(), 0.7),
            "mpn": shop.maybe(f"M{number}", 0.3),
            "condition": "new",
            "product_type": shop.some(_PATHS),
            "google_product_category": shop.maybe(str(shop.number(1, 6_000)), 0.5),
            "color": shop.maybe(shop.some(_COLORS)),
            "size": shop.maybe(shop.some(_SIZES), 0.6),
            "gender": shop.maybe("female", 0.4),
            "item_group_id": shop.maybe(f"G{number // 4}", 0.5),
            "custom_label_0": shop.maybe("summer", 0.3),
        }


def _csv(rows: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, list(row), restval="")
                writer.writeheader()
            writer.writerow(row)


def _jsonl(rows: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({k: v for k, v in row.items() if v != ""}, ensure_ascii=False) + "\n")


def _xml(rows: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n')
        file.write("<channel><title>Shop</title><link>https://shop.example</link>\n")
        for row in rows:
            fields = "".join(f"<g:{k}>{escape(str(v))}</g:{k}>" for k, v in row.items() if v != "")
            file.write(f"<item>{fields}</item>\n")
        file.write("</channel></rss>\n")


def _parquet(rows: Iterable[Row], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([{k: v if v != "" else None for k, v in row.items()} for row in rows])
    pq.write_table(table, path, row_group_size=10_000)


_SHOPIFY: Final = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published",
    "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value",
    "Variant SKU",
    "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Inventory Policy",
    "Variant Fulfillment Service", "Variant Price", "Variant Compare At Price", "Variant Requires Shipping",
    "Variant Taxable", "Variant Barcode", "Image Src", "Image Position", "Image Alt Text", "Gift Card",
    "SEO Title", "SEO Description", "Variant Image", "Variant Weight Unit", "Variant Tax Code",
    "Cost per item", "Status",
)  # fmt: skip


def _shopify(rows: int) -> Iterator[Row]:
    shop = _Shop()
    empty = dict.fromkeys(_SHOPIFY, "")
    left = rows
    for product in range(rows):
        handle = f"product-{product}"
        for number in range(shop.number(1, 5)):
            row = empty | {
                "Handle": handle, "Option1 Value": _COLORS[number], "Option2 Value": "M",
                "Variant SKU": f"S{product}-{number}", "Variant Grams": "300",
                "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": str(shop.number(-1, 40)),
                "Variant Inventory Policy": "deny", "Variant Fulfillment Service": "manual",
                "Variant Price": f"{shop.price():.2f}",
                "Variant Compare At Price": shop.maybe(f"{shop.price():.2f}", 0.2),
                "Variant Requires Shipping": "true", "Variant Taxable": "true",
                "Variant Barcode": shop.maybe(shop.barcode(), 0.7), "Variant Weight Unit": "g",
                "Cost per item": shop.maybe("4.20", 0.5),
                "Image Src": f"https://cdn.shop.example/files/{product}_{number}.jpg" if number < 2 else "",
                "Image Position": str(number + 1) if number < 2 else "",
            }  # fmt: skip
            if number == 0:
                row |= {
                    "Title": shop.title(), "Body (HTML)": shop.html(), "Vendor": shop.some(_BRANDS),
                    "Product Category": shop.some(_PATHS), "Type": "Shirts", "Tags": "summer, new, cotton",
                    "Published": "true", "Option1 Name": "Color", "Option2 Name": "Size",
                    "Gift Card": "false", "Status": "active",
                }  # fmt: skip
            yield row
            left -= 1
            if left == 0:
                return


_WOOCOMMERCE: Final = (
    "ID", "Type", "SKU", "GTIN, UPC, EAN, or ISBN", "Name", "Published", "Is featured?",
    "Visibility in catalog", "Short description", "Description", "Date sale price starts",
    "Date sale price ends", "Tax status",
    "Tax class", "In stock?", "Stock", "Low stock amount", "Backorders allowed?", "Sold individually?",
    "Weight (kg)", "Length (cm)", "Width (cm)", "Height (cm)", "Allow customer reviews?", "Purchase note",
    "Sale price", "Regular price", "Categories", "Tags", "Shipping class", "Images", "Download limit",
    "Download expiry days", "Parent", "Grouped products", "Upsells", "Cross-sells", "External URL",
    "Button text", "Position", "Brands", "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible",
    "Attribute 1 global", "Attribute 2 name", "Attribute 2 value(s)", "Attribute 2 visible",
    "Attribute 2 global",
)  # fmt: skip


def _woocommerce(rows: int) -> Iterator[Row]:
    """A quarter of the rows are simple products, the others families of a parent and three to six variations.
    Of ten parents one comes right after its variations, and one some thousand rows later."""
    shop = _Shop()
    late: deque[Row] = deque()
    number = written = 0
    for family in range(rows):
        group = [_simple(shop, number + n) for n in range(2)]
        parent, *variations = _family(shop, number + 2)
        group += [*variations, parent] if family % 10 == 3 else [parent, *variations]
        if family % 10 == 7:
            group.remove(parent)
            late.append(parent)
        if len(late) > _LATE_PARENTS:
            group.append(late.popleft())
        number += 3 + len(variations)
        for row in group:
            yield row
            written += 1
            # What is put off has its place in the number of rows.
            if written + len(late) == rows:
                yield from late
                return


def _simple(shop: _Shop, number: int) -> Row:
    price = shop.price()
    return dict.fromkeys(_WOOCOMMERCE, "") | {
        "ID": str(number + 1), "Type": "simple", "SKU": f"W-{number}",
        "GTIN, UPC, EAN, or ISBN": shop.maybe(shop.barcode(), 0.5), "Name": shop.title(), "Published": "1",
        "Is featured?": "0", "Visibility in catalog": "visible", "Short description": shop.title(),
        "Description": shop.html().replace("\n", "\\n"), "Tax status": "taxable", "In stock?": "1",
        "Stock": shop.maybe(str(shop.number(0, 50)), 0.6), "Backorders allowed?": "0",
        "Sold individually?": "0", "Weight (kg)": "0.4", "Allow customer reviews?": "1",
        "Sale price": shop.maybe(f"{price * 0.8:.2f}", 0.2), "Regular price": f"{price:.2f}",
        "Categories": shop.some(_PATHS) + ", Sale", "Tags": "summer, new",
        "Images": ", ".join(f"https://shop.example/wp-content/uploads/{number}_{n}.jpg" for n in range(2)),
        "Position": "0", "Brands": shop.maybe(shop.some(_BRANDS)), "Attribute 1 name": "Color",
        "Attribute 1 value(s)": shop.some(_COLORS), "Attribute 1 visible": "1", "Attribute 1 global": "1",
    }  # fmt: skip


def _family(shop: _Shop, number: int) -> list[Row]:
    parent = _simple(shop, number) | {
        "Type": "variable", "Regular price": "", "Sale price": "", "Stock": "",
        "Attribute 1 value(s)": ", ".join(_COLORS), "Attribute 2 name": "Size",
        "Attribute 2 value(s)": ", ".join(_SIZES), "Attribute 2 visible": "1", "Attribute 2 global": "1",
    }  # fmt: skip
    family = [parent]
    for place in range(shop.number(3, 6)):
        color = _COLORS[place]
        variation = _simple(shop, number + place + 1) | {
            "Type": "variation", "SKU": f"W-{number}-{place}", "Name": f"{parent['Name']} - {color}, M",
            "Description": "", "Short description": "", "Categories": "", "Tags": "", "Brands": "",
            "Parent": f"id:{number + 1}" if number % 2 else parent["SKU"], "Attribute 1 value(s)": color,
            "Attribute 1 visible": "", "Attribute 2 name": "Size", "Attribute 2 value(s)": "M",
            "Attribute 2 global": "1", "Position": str(place),
        }  # fmt: skip
        family.append(variation)
    return family


def _magento(rows: int) -> Iterator[Row]:
    """Simple products on their own, and configurable ones after their four children."""
    shop = _Shop()
    for number in range(rows):
        sku, place = f"MB{number:07}", number % 8
        configurable, child = place == 7, 3 <= place < 7
        children = [f"MB{number - n:07}" for n in range(4, 0, -1)] if configurable else []
        color = _COLORS[place - 3] if child else "Red"
        yield {
            "sku": sku, "store_view_code": "", "attribute_set_code": "Top",
            "product_type": "configurable" if configurable else "simple",
            "categories": f"Default Category/{shop.some(_PATHS).replace(' > ', '/')},Default Category",
            "product_websites": "base", "name": shop.title(), "description": shop.html(),
            "short_description": shop.maybe(shop.title(), 0.5), "weight": "0.5", "product_online": "1",
            "tax_class_name": "Taxable Goods",
            "visibility": "Not Visible Individually" if child else "Catalog, Search",
            "price": f"{shop.price():.2f}", "special_price": "", "url_key": sku.lower(),
            "base_image": f"/m/b/{sku}_main.jpg", "additional_images": f"/m/b/{sku}_alt.jpg",
            "created_at": "2026-01-05 08:00:00",
            "additional_attributes": f"color={color},manufacturer={shop.some(_BRANDS)},climate=Warm|Cool",
            "qty": str(shop.number(0, 90)), "out_of_stock_qty": "0", "use_config_min_qty": "1",
            "allow_backorders": "0", "use_config_backorders": "1", "is_in_stock": "1", "manage_stock": "1",
            "use_config_manage_stock": "1",
            "configurable_variations": "|".join(
                f"sku={each},color={_COLORS[n]}" for n, each in enumerate(children)
            ),
        }  # fmt: skip


def _shopify_bulk(rows: int) -> Iterator[Row]:
    """Products, each with its variants on the lines after it."""
    shop = _Shop()
    variants = 0
    for number in range(rows):
        product = f"gid://shopify/Product/{number // 4 + 1}"
        if number % 4 == 0:
            yield {
                "id": product, "handle": f"product-{number}", "title": shop.title(),
                "descriptionHtml": shop.html(), "vendor": shop.some(_BRANDS), "productType": "Shirts",
                "status": "ACTIVE", "tags": ["summer", "new"],
                "onlineStoreUrl": f"https://shop.example/products/{number}",
                "featuredMedia": {"image": {"url": f"https://cdn.shop.example/files/{number}.jpg"}},
            }  # fmt: skip
            continue
        variants += 1
        yield {
            "id": f"gid://shopify/ProductVariant/{variants}", "sku": f"S{number}",
            "price": f"{shop.price():.2f}", "barcode": shop.maybe(shop.barcode(), 0.7),
            "selectedOptions": [
                {"name": "Color", "value": _COLORS[number % 4]}, {"name": "Size", "value": "M"},
            ],
            "inventoryQuantity": shop.number(-1, 40), "inventoryPolicy": "DENY",
            "image": {"url": f"https://cdn.shop.example/files/{number}.jpg"}, "__parentId": product,
        }  # fmt: skip


# Per key the name of its file, and what writes it.
FILES: Final[dict[str, tuple[str, Callable[[int, Path], None]]]] = {
    "google_csv": ("google.csv", lambda rows, path: _csv(_google(rows), path)),
    "google_jsonl": ("google.jsonl", lambda rows, path: _jsonl(_google(rows), path)),
    "google_xml": ("google.xml", lambda rows, path: _xml(_google(rows), path)),
    "google_parquet": ("google.parquet", lambda rows, path: _parquet(_google(rows), path)),
    "shopify_csv": ("shopify.csv", lambda rows, path: _csv(_shopify(rows), path)),
    "woocommerce_csv": ("woocommerce.csv", lambda rows, path: _csv(_woocommerce(rows), path)),
    "magento_csv": ("magento.csv", lambda rows, path: _csv(_magento(rows), path)),
    "shopify_bulk_jsonl": ("shopify_bulk.jsonl", lambda rows, path: _jsonl(_shopify_bulk(rows), path)),
}
