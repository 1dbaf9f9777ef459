"""WooCommerce's products over REST: parents, variations, stock, prices and pictures as objects."""
# ruff: noqa: E501 - objects and tables of values read best in one line each

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.catalogue.formats.base import Sample
from mmpipe.catalogue.formats.woocommerce_rest import WooCommerceRest
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

BOOT = {
    "id": 50, "name": "Boot &amp; lace", "type": "variable", "status": "publish", "sku": "BOOT",
    "catalog_visibility": "visible", "permalink": "https://s.example/boot", "description": "<p>Warm</p>",
    "short_description": "<p>For snow</p>", "price": "79.00", "regular_price": "", "sale_price": "",
    "stock_status": "instock", "stock_quantity": None, "manage_stock": False, "backorders": "no",
    "categories": [{"id": 1, "name": "Shoes", "slug": "shoes"}, {"id": 2, "name": "Winter"}],
    "tags": [{"id": 3, "name": "snow"}], "brands": [{"id": 4, "name": "Northwind"}],
    "images": [{"id": 1, "src": "https://s.example/1.jpg"}, {"id": 2, "src": "https://s.example/2.jpg"}],
    "attributes": [
        {"id": 1, "name": "Size", "options": ["40", "41"], "variation": True, "visible": True},
        {"id": 0, "name": "Upper", "options": ["Leather"], "variation": False, "visible": True},
        {"id": 0, "name": "Bin", "options": ["B4"], "variation": False, "visible": False},
    ],
    "variations": [51, 52], "weight": "1.2", "dimensions": {"length": "30", "width": "", "height": "12"},
    "average_rating": "4.50", "rating_count": 2, "meta_data": [{"id": 9, "key": "_cost", "value": "3"}],
}  # fmt: skip
SIZE_40 = {
    "id": 51, "name": "40", "type": "variation", "parent_id": 50, "status": "publish", "sku": "BOOT-40",
    "permalink": "https://s.example/boot?size=40", "regular_price": "89.00", "sale_price": "79.00",
    "date_on_sale_from": "2026-01-05T00:00:00", "date_on_sale_from_gmt": "2026-01-04T23:00:00",
    "date_on_sale_to": "2026-02-01T00:00:00", "date_on_sale_to_gmt": None, "stock_status": "instock",
    "stock_quantity": 0, "manage_stock": True, "backorders": "notify", "image": {"src": "https://s.example/40.jpg"},
    "attributes": [{"id": 1, "name": "Size", "option": "40"}],
}  # fmt: skip
# What older shops answer: neither a name, nor a type, nor the parent's number.
SIZE_41 = {
    "id": 52, "status": "publish", "permalink": "https://s.example/boot?size=41", "regular_price": "89.00",
    "stock_status": "outofstock", "manage_stock": "parent", "image": None,
    "attributes": [{"id": 1, "name": "Size", "option": "41"}],
    "_links": {"up": [{"href": "https://s.example/wp-json/wc/v3/products/50"}]},
}  # fmt: skip
MUG = {
    "id": 7, "name": "Mug", "type": "simple", "status": "publish", "catalog_visibility": "visible", "sku": "MUG",
    "regular_price": "9.50", "stock_status": "instock",
}  # fmt: skip


def rows_of(*objects: Any, lines: bool = False, **settings: Any) -> dict[str, FeedRow]:
    text = "\n".join(map(json.dumps, objects)) if lines else json.dumps(objects)
    feed = read_feed(io.BytesIO(text.encode()), "products.json", FeedSettings(**settings))
    found = {row.product_id or f"row {row.row}": row for row in feed}
    assert feed.report.format == "woocommerce-rest"
    return found


def product_of(*objects: Any, id: str, **settings: Any) -> Product:
    row = rows_of(*objects, **settings)[id]
    assert row.product is not None, row.reject
    return row.product


@pytest.mark.parametrize("lines", [True, False])
def test_variations_and_their_parent(lines: bool) -> None:
    rows = rows_of(SIZE_40, BOOT, SIZE_41, MUG, lines=lines)
    product = rows["51"].product
    assert product is not None
    assert (product.title, product.item_group_id, product.item_group_title) == (
        "Boot & lace - 40", "50", "Boot & lace",
    )  # fmt: skip
    assert (product.description, product.additional_text) == ("Warm", "For snow")
    assert (product.brand, product.product_type, product.size) == ("Northwind", "Shoes", "40")
    assert (product.image_link, product.link) == (
        "https://s.example/40.jpg",
        "https://s.example/boot?size=40",
    )
    assert product.attributes == {
        "more_product_types": "Winter", "tags": "snow", "weight": "1.2", "length": "30", "height": "12",
        "Upper": "Leather", "sku": "BOOT-40",
    }  # fmt: skip
    assert (product.rating, product.rating_count) == (4.5, 2)
    assert product.private["bin"] == "B4"
    assert product.price is not None
    assert product.sale_price is not None
    assert (product.price.amount, product.sale_price.amount) == (Decimal("89.00"), Decimal("79.00"))
    period = product.sale_price_effective_date
    assert period is not None
    assert period.start == datetime(2026, 1, 4, 23, tzinfo=UTC)
    assert period.end == datetime(2026, 2, 1, tzinfo=UTC)
    assert product.availability == "backorder"
    assert rows["50"].group
    assert rows["7"].product is not None


def test_a_variation_of_an_older_shop() -> None:
    product = product_of(BOOT, SIZE_41, id="52")
    assert (product.title, product.item_group_id, product.size) == ("Boot & lace - 41", "50", "41")
    assert product.availability == "out_of_stock"
    assert (product.image_link, product.additional_image_link) == (
        "https://s.example/1.jpg",
        ("https://s.example/2.jpg",),
    )


def test_variations_inside_their_parent() -> None:
    rows = rows_of(BOOT | {"variations": [SIZE_40 | {"parent_id": 0}, SIZE_41]}, MUG)
    for number in ("51", "52"):
        product = rows[number].product
        assert product is not None
        assert product.item_group_id == "50"
    assert rows["50"].group


def test_a_parent_whose_variations_are_numbers_only_is_a_product() -> None:
    product = product_of(BOOT, id="50")
    assert product.price is not None
    assert product.price.amount == Decimal("79.00"), "the lowest price, for it has no regular one"
    assert product.size == "40/41"


@pytest.mark.parametrize(
    "change",
    [{"status": "draft"}, {"status": "pending"}, {"status": "private"}, {"status": "future"}, {"status": "trash"},
     {"catalog_visibility": "hidden"}, {"catalog_visibility": "catalog"}],
)  # fmt: skip
def test_what_is_not_for_sale_is_withdrawn(change: dict[str, str]) -> None:
    rows = rows_of(MUG | change, BOOT | change, SIZE_40)
    assert {id_: row.delete_id for id_, row in rows.items()} == {"7": "7", "50": "50", "51": "51"}


@pytest.mark.parametrize(
    ("stock", "expected"),
    [({"stock_status": "outofstock"}, "out_of_stock"), ({"stock_status": "onbackorder"}, "backorder"),
     ({"stock_status": "instock", "manage_stock": False, "stock_quantity": 0}, "in_stock"),
     ({"stock_status": "instock", "manage_stock": True, "stock_quantity": 0, "backorders": "no"}, "out_of_stock"),
     ({"stock_status": "instock", "manage_stock": True, "stock_quantity": 3}, "in_stock")],
)  # fmt: skip
def test_availability(stock: dict[str, Any], expected: str) -> None:
    assert product_of(MUG | stock, id="7").availability == expected


def test_the_point_of_a_price_is_decimal() -> None:
    product = product_of(MUG | {"regular_price": "1.299"}, id="7", default_currency="EUR")
    assert product.price is not None
    assert (product.price.amount, product.price.currency) == (Decimal("1.299"), "EUR")


def test_products_sold_elsewhere() -> None:
    external = {"type": "external", "external_url": "https://other.example/mug"}
    assert product_of(MUG | external, id="7").link == "https://other.example/mug"
    product = product_of(MUG | external | {"permalink": "https://s.example/mug"}, id="7")
    assert (product.link, product.private["external_url"]) == (
        "https://s.example/mug",
        "https://other.example/mug",
    )


def test_ids_by_sku() -> None:
    rows = rows_of(BOOT, SIZE_40, SIZE_41, MUG, woocommerce_id="sku")
    product = rows["BOOT-40"].product
    assert product is not None
    assert product.item_group_id == "BOOT"
    assert rows["52"].product is not None


def test_odd_values_reject_their_own_row_alone() -> None:
    odd = {
        "id": 8, "name": "Odd", "type": ["simple"], "status": "publish", "catalog_visibility": "visible",
        "regular_price": {"x": 1}, "categories": "Shoes", "images": {"src": 5}, "attributes": [1, {"name": None}],
        "variations": "none", "dimensions": [], "_links": 5, "stock_status": "instock",
    }  # fmt: skip
    rows = rows_of(MUG, odd, MUG | {"id": 9})
    assert rows["8"].reject is not None
    assert rows["8"].reject.field == "price"
    assert rows["7"].product is not None
    assert rows["9"].product is not None


def test_recognition() -> None:
    format_ = WooCommerceRest()
    assert format_.recognises(Sample.of("json", MUG))
    assert format_.recognises(Sample.of("jsonl", SIZE_41))
    assert not format_.recognises(Sample.of("csv", MUG))
    assert not format_.recognises(
        Sample.of("json", ["id", "title", "regular_price", "permalink", "stock_status"])
    )
