"""Shopify's JSON: bulk operations, whose lines come in any order, and products.json."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.catalogue.formats.base import Reading, Sample
from mmpipe.catalogue.formats.shopify_json import ShopifyBulk, ShopifyProducts
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.catalogue.spool import Spool
from mmpipe.errors import InvalidFeed
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

Object = dict[str, Any]


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def rows_of(*objects: Object) -> list[FeedRow]:
    text = "\n".join(json.dumps(item) for item in objects)
    return list(read_feed(io.BytesIO(text.encode()), "products.jsonl", FeedSettings(default_currency="SEK")))


def products_of(*objects: Object) -> list[Product]:
    found = rows_of(*objects)
    assert [str(row.reject) for row in found if row.reject] == []
    return [row.product for row in found if row.product is not None]


def outcomes(*objects: Object) -> list[str]:
    return [
        f"!{row.reject.field}"
        if row.reject
        else f"-{row.delete_id}"
        if row.delete_id
        else str(row.product_id)
        for row in rows_of(*objects)
    ]


def root(number: int = 1, handle: str = "hat", **others: Any) -> Object:
    return {"id": gid("Product", number), "handle": handle, "title": handle.title()} | others


def line(number: int, product: int = 1, **others: Any) -> Object:
    return {
        "id": gid("ProductVariant", number), "sku": f"H-{number}", "price": "9.00",
        "__parentId": gid("Product", product),
    } | others  # fmt: skip


class TestBulk:
    def test_a_product_of_two_variants(self) -> None:
        head = root(
            descriptionHtml="<p>Warm &amp; dry</p>", vendor="Nord", productType="Hats", status="ACTIVE",
            tags=["wool", "winter"], category={"fullName": "Apparel > Hats"}, seo={"title": "Buy hats"},
            onlineStoreUrl="https://shop.example/products/hat",
            priceRangeV2={"minVariantPrice": {"amount": "9.0", "currencyCode": "EUR"}},
        )  # fmt: skip
        red = line(
            11, compareAtPrice="12.00", inventoryQuantity=0, inventoryPolicy="CONTINUE",
            barcode="4012345000108",
            selectedOptions=[{"name": "Colour", "value": "Red"}, {"name": "Fit", "value": "Slim"}],
            image={"url": "https://cdn.example/red.jpg"},
            inventoryItem={"tracked": True, "unitCost": {"amount": "2.10"}},
        )  # fmt: skip
        blue = line(12, sku="", selectedOptions=[{"name": "Colour", "value": "Blue"}])
        picture = {
            "id": gid("MediaImage", 1),
            "image": {"url": "https://cdn.example/1.jpg"},
            "__parentId": head["id"],
        }
        first, second = products_of(head, red, blue, picture)
        assert (first.id, first.item_group_id, first.title, first.description) == (
            "H-11",
            "hat",
            "Hat",
            "Warm & dry",
        )
        assert (first.brand, first.product_type, first.google_product_category) == (
            "Nord",
            "Hats",
            "Apparel > Hats",
        )
        assert (str(first.price), str(first.sale_price)) == ("12.00 EUR", "9.00 EUR")
        assert (first.availability, first.gtin, first.color) == ("backorder", "4012345000108", "Red")
        assert first.attributes == {"tags": "wool, winter", "Fit": "Slim"}
        assert first.link == "https://shop.example/products/hat"
        assert (first.image_link, first.additional_image_link) == (
            "https://cdn.example/red.jpg",
            ("https://cdn.example/1.jpg",),
        )
        assert "2.10" in str(first.private)
        assert not any(word in str(first.public()) for word in ("2.10", "Buy hats", "gid://"))
        assert (second.id, second.color, second.availability) == ("12", "Blue", "in_stock")
        assert second.image_link == "https://cdn.example/1.jpg"

    @pytest.mark.parametrize("on_disk", [False, True])
    def test_lines_in_any_order(self, on_disk: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        lines: list[Object] = []
        for n in (1, 2, 3):
            lines += [root(n, f"hat-{n}"), line(10 * n, n), line(10 * n + 1, n)]
            lines.append(
                {
                    "namespace": "shopify",
                    "key": "fabric",
                    "value": f"wool {n}",
                    "__parentId": gid("Product", n),
                }
            )
            lines.append(
                {
                    "namespace": "shopify",
                    "key": "fit",
                    "value": f"fit {n}",
                    "__parentId": gid("ProductVariant", 10 * n),
                }
            )
        if on_disk:
            monkeypatch.setattr(Spool.__init__, "__defaults__", (1,))
        expected = {product.id: product for product in products_of(*lines)}
        assert len(expected) == 6
        assert (expected["H-20"].material, expected["H-20"].attributes) == ("wool 2", {"fit": "fit 2"})
        assert (expected["H-21"].material, expected["H-21"].attributes) == ("wool 2", {})
        random.Random(3).shuffle(lines)
        assert {product.id: product for product in products_of(*lines)} == expected

    def test_variants_and_pictures_inside_the_product(self) -> None:
        inside = root(
            variants={"edges": [{"node": {"id": gid("ProductVariant", 11), "sku": "A", "price": "1"}}]},
            media={"nodes": [{"image": {"url": "https://cdn.example/1.jpg"}}]},
        )
        product = products_of(inside)[0]
        assert (product.id, product.image_link, str(product.price)) == (
            "A",
            "https://cdn.example/1.jpg",
            "1 SEK",
        )

    def test_variants_as_the_roots(self) -> None:
        told = {"id": gid("Product", 1), "handle": "hat", "title": "Hat"}
        found = products_of(
            {**line(11), "__parentId": None, "product": told},
            {**line(12), "__parentId": None, "product": told},
        )
        assert [(product.id, product.item_group_id, product.title) for product in found] == [
            ("H-11", "hat", "Hat"),
            ("H-12", "hat", "Hat"),
        ]

    def test_videos(self) -> None:
        sources = [
            {"url": "https://cdn.example/v.m3u8", "format": "m3u8"},
            {"url": "https://cdn.example/v.mp4", "format": "mp4"},
        ]
        film = {"id": gid("Video", 1), "sources": sources, "__parentId": gid("Product", 1)}
        page = {
            "id": gid("ExternalVideo", 2),
            "originUrl": "https://video.example/x",
            "__parentId": gid("Product", 1),
        }
        product = products_of(root(), line(11), film, page)[0]
        assert product.video_link == "https://cdn.example/v.mp4"
        assert product.private["external_video"] == "https://video.example/x"

    def test_metafields_of_the_shop_are_private(self) -> None:
        own = {"namespace": "custom", "key": "margin_class", "value": "B", "__parentId": gid("Product", 1)}
        linked = {"namespace": "shopify", "key": "color-pattern", "value": json.dumps([gid("Metaobject", 5)]),
                  "__parentId": gid("Product", 1)}  # fmt: skip
        product = products_of(root(), line(11), own, linked)[0]
        assert product.color is None
        assert product.private["metafields_custom_margin_class"] == "B"
        assert product.attributes == {}

    def test_the_sum_of_the_locations(self) -> None:
        def level(number: int, quantity: int) -> Object:
            return {
                "id": f"{gid('InventoryLevel', number)}?inventory_item_id=6",
                "quantities": [
                    {"name": "on_hand", "quantity": 9},
                    {"name": "available", "quantity": quantity},
                ],
                "__parentId": gid("InventoryItem", 6),
            }

        item = {"inventoryItem": {"id": gid("InventoryItem", 6), "tracked": True}}
        assert (
            products_of(root(), line(11, **item), level(1, 0), level(2, 0))[0].availability == "out_of_stock"
        )
        assert products_of(root(), line(11, **item), level(1, 0), level(2, 1))[0].availability == "in_stock"

    @pytest.mark.parametrize("draft_first", [True, False])
    def test_a_draft_takes_no_sku_from_a_live_product(self, draft_first: bool) -> None:
        draft = [root(2, "copy", status="DRAFT"), line(21, 2, sku="X")]
        live = [root(1, "hat", status="ACTIVE"), line(11, 1, sku="X")]
        rows = rows_of(*(draft + live if draft_first else live + draft))
        assert {(row.product_id, row.delete_id, row.group_id) for row in rows} == {
            ("X", None, None),
            ("21", "21", "copy"),
        }

    def test_what_is_not_for_sale(self) -> None:
        heads = [
            root(1, "a", status="ARCHIVED"),
            root(2, "b", publishedAt=None),
            root(3, "c", publishedAt="2026-01-01"),
        ]
        assert outcomes(*heads, *(line(10 + n, n) for n in (1, 2, 3))) == ["-H-11", "-H-12", "H-13"]

    def test_a_product_without_variants(self) -> None:
        lowest = {"minVariantPrice": {"amount": "7.5", "currencyCode": "CHF"}}
        product = products_of(root(priceRangeV2=lowest, totalInventory=0, tracksInventory=True))[0]
        assert (product.id, str(product.price), product.availability) == ("hat", "7.5 CHF", "out_of_stock")

    def test_what_belongs_to_nothing(self) -> None:
        assert outcomes(root(), line(11), line(91, 9), {"id": gid("Order", 1), "__parentId": None}) == [
            "!id",
            "H-11",
            "!__parentId",
        ]

    def test_objects_nested_too_deeply_cost_only_themselves(self) -> None:
        deep: Object = {}
        for _ in range(100):
            deep = {"x": deep}
        assert sorted(outcomes(root(), line(11), line(12, seo=deep))) == ["!row", "H-11"]

    def test_what_came_before_the_file_broke_off_counts(self) -> None:
        def records() -> Iterator[Record]:
            yield Record(1, root())
            yield Record(2, line(11))
            raise InvalidFeed("ends in the middle")

        seen = []
        reading = Reading(FeedSettings(), Findings(ShopifyBulk(), "jsonl", frozenset()))
        with pytest.raises(InvalidFeed):
            seen.extend(record.row for record in ShopifyBulk().read(records(), reading))
        assert seen == [2]


STOREFRONT: Object = {
    "id": 1, "title": "Hat", "handle": "hat", "body_html": "<p>A hat.</p>",
    "published_at": "2026-01-02T00:00:00Z",
    "vendor": "Nord", "product_type": "Hats", "tags": ["wool", "new"],
    "variants": [
        {"id": 11, "title": "Grey", "option1": "Grey", "sku": "HH-G", "price": "19.00",
         "compare_at_price": "25.00", "available": True, "grams": 250, "position": 1},
        {"id": 12, "title": "Blue", "option1": "Blue", "sku": "HH-B", "price": "19.00", "available": False,
         "featured_image": {"src": "https://cdn.example/blue.jpg"}},
    ],
    "images": [{"id": 2, "position": 2, "src": "https://cdn.example/2.jpg", "variant_ids": []},
               {"id": 1, "position": 1, "src": "https://cdn.example/1.jpg", "variant_ids": []}],
    "options": [{"name": "Color", "position": 1, "values": ["Grey", "Blue"]}],
}  # fmt: skip


def admin(**variant: Any) -> Object:
    """A product of the Admin REST API with one variant."""
    return {
        "id": 1, "handle": "hat", "title": "Hat", "vendor": "Nord", "status": "active", "tags": "wool, new",
        "published_at": "2026-01-02T00:00:00Z", "options": [{"name": "Size"}],
        "images": [{"id": 5, "src": "https://cdn.example/5.jpg", "position": 1, "variant_ids": []},
                   {"id": 6, "src": "https://cdn.example/6.jpg", "position": 2, "variant_ids": [11]}],
        "variants": [{"id": 11, "option1": "M", "sku": "A", "price": "5.00",
                      "inventory_management": "shopify", "inventory_policy": "deny",
                      "inventory_quantity": 3} | variant],
    }  # fmt: skip


class TestProducts:
    def test_of_a_storefront(self) -> None:
        grey, blue = products_of(STOREFRONT)
        assert (grey.id, grey.item_group_id, grey.color, grey.availability) == (
            "HH-G",
            "hat",
            "Grey",
            "in_stock",
        )
        assert (str(grey.price), str(grey.sale_price)) == ("25.00 SEK", "19.00 SEK")
        assert grey.attributes == {"tags": "wool, new", "weight": "250 g"}
        assert (grey.image_link, grey.additional_image_link) == (
            "https://cdn.example/1.jpg",
            ("https://cdn.example/2.jpg",),
        )
        assert (blue.id, blue.availability, blue.image_link) == (
            "HH-B",
            "out_of_stock",
            "https://cdn.example/blue.jpg",
        )
        assert (grey.description, grey.brand, grey.product_type, grey.link) == (
            "A hat.",
            "Nord",
            "Hats",
            None,
        )

    @pytest.mark.parametrize(
        ("variant", "expected"),
        [
            ({}, "in_stock"),
            ({"inventory_quantity": 0}, "out_of_stock"),
            ({"inventory_quantity": -1, "inventory_policy": "continue"}, "backorder"),
            ({"inventory_quantity": 0, "inventory_management": None}, "in_stock"),
        ],
    )
    def test_stock_of_the_admin_api(self, variant: Object, expected: str) -> None:
        assert products_of(admin(**variant))[0].availability == expected

    def test_of_the_admin_api(self) -> None:
        product = products_of(admin())[0]
        assert (product.size, product.attributes) == ("M", {"tags": "wool, new"})
        assert (product.image_link, product.additional_image_link) == (
            "https://cdn.example/6.jpg",
            ("https://cdn.example/5.jpg",),
        )
        assert products_of(admin(image_id=5))[0].image_link == "https://cdn.example/6.jpg"

    @pytest.mark.parametrize("change", [{"status": "draft"}, {"status": "unlisted"}, {"published_at": None}])
    def test_what_is_not_for_sale(self, change: Object) -> None:
        row = rows_of(admin() | change)[0]
        assert (row.delete_id, row.group_id) == ("A", "hat")

    def test_a_variant_without_sku_is_called_by_its_number(self) -> None:
        assert outcomes(admin(sku=None)) == ["11"]

    def test_a_sku_belongs_to_the_first_live_product(self) -> None:
        other = admin(id=21) | {"id": 2, "handle": "set"}
        draft = admin(id=31) | {"id": 3, "handle": "copy", "status": "draft"}
        assert outcomes(draft, admin(), other) == ["-31", "A", "21"]

    def test_prices_of_a_storefronts_script_are_in_cents(self) -> None:
        script = STOREFRONT | {
            "price": 1900,
            "price_min": 1900,
            "options": ["Color"],
            "images": ["//cdn.example/1.jpg"],
        }
        script["variants"] = [
            {"id": 11, "sku": "S", "price": 1900, "compare_at_price": 2550, "options": ["Grey"]}
        ]
        product = products_of(script)[0]
        assert (str(product.price), str(product.sale_price)) == ("25.5 SEK", "19 SEK")
        assert (product.color, product.image_link) == ("Grey", "https://cdn.example/1.jpg")

    def test_the_answer_for_one_product(self) -> None:
        assert outcomes({"product": admin()}) == ["A"]

    def test_a_product_without_variants(self) -> None:
        assert outcomes(admin() | {"variants": []}) == ["hat"]

    def test_a_product_that_cannot_be_read_costs_only_itself(self) -> None:
        nameless = admin() | {"id": None, "handle": ""}
        untitled = admin(sku="B") | {"title": "", "handle": "b"}
        assert outcomes(nameless, untitled, admin()) == ["!handle", "!title", "A"]


class TestRecognition:
    @pytest.mark.parametrize(
        ("first", "expected"),
        [
            (root(), "bulk"),
            (line(1), "bulk"),
            ({"__parentId": gid("Product", 1), "url": "https://cdn.example/1.jpg"}, "bulk"),
            (admin(), "products"),
            ({"product": STOREFRONT}, "products"),
            ({"id": "1", "title": "Tee", "variants": [{"id": "1"}]}, ""),
            ({"handle": "tee", "title": "Tee", "price": 5}, ""),
        ],
    )
    def test_by_the_first_object(self, first: Object, expected: str) -> None:
        sample = Sample.of("jsonl", first, first)
        found = [
            name
            for name, format_ in (("bulk", ShopifyBulk()), ("products", ShopifyProducts()))
            if format_.recognises(sample)
        ]
        assert found == ([expected] if expected else [])
