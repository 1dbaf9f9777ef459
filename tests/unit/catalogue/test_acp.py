"""Products with variants inside, as OpenAI's feed and UCP's catalogue write them."""

import io
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mmpipe.catalogue import read_feed, read_product
from mmpipe.catalogue.feed import FeedRows
from mmpipe.catalogue.rows import FeedRow
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

LAMP: dict[str, Any] = {
    "id": "LAMP",
    "title": "Desk lamp",
    "description": {"html": "<p>Warm &amp; quiet</p>", "markdown": "**Warm**"},
    "url": "https://shop.example/lamp",
    "media": [
        {"type": "image", "url": "https://shop.example/lamp.jpg"},
        {"type": "video", "url": "https://shop.example/lamp.mp4"},
        {"type": "model_3d", "url": "https://shop.example/lamp.glb"},
    ],
    "categories": [
        {"value": "2370", "taxonomy": "google_product_category"},
        {"value": "Home > Lamps", "taxonomy": "merchant"},
        {"value": "New in"},
    ],
    "tags": ["light", "desk"],
    "rating": {"value": 4.5, "scale_max": 5, "count": 31},
    "variants": [
        {
            "id": "LAMP-R",
            "sku": "L-1",
            "title": "Red",
            "price": {"amount": 1999, "currency": "USD"},
            "list_price": {"amount": 2499, "currency": "USD"},
            "availability": {"available": True, "status": "in_stock"},
            "variant_options": [{"name": "Colour", "value": "Red"}, {"name": "Socket", "value": "E27"}],
            "barcodes": [{"type": "MPN", "value": "M-1"}, {"type": "EAN", "value": "4012345000115"}],
            "condition": ["secondhand"],
            "media": [{"type": "image", "url": "https://shop.example/lamp-red.jpg"}],
            "seller": {"name": "Example Shop", "links": [{"type": "faq", "url": "https://shop.example/faq"}]},
        },
        {
            "id": "LAMP-B",
            "title": "Blue desk lamp",
            "description": {"plain": "Cool light"},
            "price": {"amount": 2100, "currency": "USD"},
            "options": [{"name": "Color", "label": "Blue"}],
            "availability": {"available": False, "status": "preorder"},
        },
    ],
}


def _rows(*objects: Mapping[str, Any]) -> FeedRows:
    text = "\n".join(json.dumps(item) for item in objects)
    return read_feed(io.BytesIO(text.encode()), "feed.jsonl", FeedSettings())


def _one(rows: list[FeedRow], place: int = 0) -> Product:
    product = rows[place].product
    assert product is not None, rows[place].reject
    return product


def _variant(**fields: Any) -> dict[str, Any]:
    price = {"amount": 500, "currency": "EUR"}
    return {"id": "P", "title": "P", "variants": [{"id": "V", "title": "V", "price": price, **fields}]}


def test_a_variant_says_what_differs_and_inherits_the_rest() -> None:
    feed = _rows(LAMP)
    rows = list(feed)
    red, blue = _one(rows), _one(rows, 1)
    assert (red.id, red.item_group_id, red.item_group_title) == ("LAMP-R", "LAMP", "Desk lamp")
    assert (red.title, blue.title) == ("Desk lamp - Red", "Blue desk lamp")
    assert (red.description, blue.description) == ("Warm & quiet", "Cool light")
    assert red.image_link == "https://shop.example/lamp-red.jpg"
    assert red.additional_image_link == ("https://shop.example/lamp.jpg",)
    assert blue.image_link == "https://shop.example/lamp.jpg"
    assert red.video_link == blue.video_link == "https://shop.example/lamp.mp4"
    assert (red.product_type, red.google_product_category) == ("Home > Lamps", "2370")
    assert (red.color, blue.color) == ("Red", "Blue")
    assert red.attributes == {"sku": "L-1", "tags": "light, desk", "Socket": "E27"}
    assert (red.rating, red.rating_count) == (4.5, 31)
    assert (red.gtin, red.mpn, red.condition) == ("4012345000115", "M-1", "used")
    assert (red.availability, blue.availability) == ("in_stock", "out_of_stock")
    assert feed.report.format == "acp"
    assert (feed.report.rows, feed.report.products) == (1, 2)


def test_sellers_models_and_further_categories_are_private() -> None:
    feed = _rows(LAMP)
    private = _one(list(feed)).private
    assert "Example Shop" in private["variants_seller"]
    assert private["media"] == "https://shop.example/lamp.glb"
    assert private["categories"] == "New in"
    assert feed.report.private == ["variants.seller"]


def test_amounts_are_in_minor_units_and_a_list_price_above_makes_a_sale() -> None:
    for currency, price, listed in (
        ("USD", "19.99", "24.99"),
        ("JPY", "1999", "2499"),
        ("KWD", "1.999", "2.499"),
    ):
        row = _variant(
            price={"amount": 1999, "currency": currency}, list_price={"amount": 2499, "currency": currency}
        )
        product = _one(list(_rows(row)))
        assert product.price is not None
        assert product.sale_price is not None
        assert (product.price.amount, product.price.currency) == (Decimal(listed), currency)
        assert product.sale_price.amount == Decimal(price)


def test_a_list_price_that_is_no_higher_makes_none() -> None:
    for listed in (500, 400, 0):
        product = _one(list(_rows(_variant(list_price={"amount": listed, "currency": "EUR"}))))
        assert product.price is not None
        assert (product.price.amount, product.sale_price) == (Decimal("5"), None)


def test_a_price_that_is_no_whole_number_is_refused_and_the_others_go_on() -> None:
    broken = _variant(price={"amount": 19.99, "currency": "USD"})
    rows = list(_rows(_variant(), broken, {**_variant(), "id": "Q"}))
    assert rows[1].reject is not None
    assert rows[1].reject.field == "price.amount"
    assert "minor units" in rows[1].reject.reason
    assert [row.product is not None for row in rows] == [True, False, True]


def test_a_flat_object_with_an_amount_is_no_such_feed() -> None:
    feed = _rows({"id": "F", "title": "Flat", "price": {"amount": 1999, "currency": "USD"}})
    product = _one(list(feed))
    assert feed.report.format != "acp"
    assert product.price is not None
    assert product.price.amount == Decimal(1999)


def test_availability_needs_both_parts_to_say_so() -> None:
    for given, expected in (
        ({"available": True, "status": "backorder"}, "backorder"),
        ({"available": True, "status": "limited_stock"}, "in_stock"),
        ({"available": True, "status": "made in a week"}, "in_stock"),
        ({"available": True, "status": "discontinued"}, "out_of_stock"),
        ({"available": False}, "out_of_stock"),
        ({"status": "preorder"}, "preorder"),
        ("out_of_stock", "out_of_stock"),
    ):
        assert _one(list(_rows(_variant(availability=given)))).availability == expected


def test_what_is_not_for_search_or_archived_is_withdrawn_within_its_group() -> None:
    for fields in ({"is_eligible_search": False}, {"status": "archived"}):
        rows = list(_rows({**_variant(), **fields}, {**_variant(id="W", **fields), "id": "Q"}))
        assert [(row.delete_id, row.group_id) for row in rows] == [("V", "P"), ("W", "Q")]
        assert read_product(rows[0].raw.encode(), "replayed/1.json").delete_id == "V"


def test_ids_of_several_products_never_meet() -> None:
    withdrawn = {**_variant(), "id": "OLD", "status": "archived"}
    second = {**_variant(), "id": "Q"}
    rows = list(_rows(withdrawn, _variant(), second, _variant()))
    live = [row.product_id for row in rows if row.product is not None]
    assert live[0] == live[2] == "V"
    assert live[1] not in ("V", None)
    (deleted,) = [row for row in rows if row.delete_id]
    assert deleted.delete_id not in live


def test_a_variant_without_id_takes_its_sku_and_one_without_both_is_named() -> None:
    row = _variant() | {
        "variants": [{"title": "a", "sku": "S/1"}, {"title": "b"}, 7, {"id": "gid://shop/V/1"}]
    }
    row["price_range"] = {"min": {"amount": 1, "currency": "EUR"}, "max": {"amount": 1, "currency": "EUR"}}
    rows = list(_rows(row))
    assert _one(rows).id.startswith("S-1-")
    assert [found.reject.field for found in rows if found.reject] == ["variants[1].id", "variants[2]"]
    product = _one(rows, 3)
    assert product.id.startswith("gid:-shop-V-1-")
    assert product.title == "P"
    assert product.price is not None
    assert product.price.amount == Decimal("0.01")


def test_a_range_of_prices_is_no_variants_price() -> None:
    prices = {"min": {"amount": 100, "currency": "EUR"}, "max": {"amount": 300, "currency": "EUR"}}
    row = {"id": "R", "title": "R", "price_range": prices, "variants": [{"id": "V", "title": "V"}]}
    assert _one(list(_rows(row))).price is None
    alone = _one(list(_rows({"id": "R", "title": "R", "price_range": prices})))
    assert alone.price is not None
    assert (alone.id, alone.item_group_id, alone.price.amount) == ("R", None, Decimal(1))


def test_a_catalogues_answer_is_read_as_its_products() -> None:
    answer = {"ucp": {"version": "2026-04-08"}, "products": [LAMP, _variant()], "pagination": {"limit": 2}}
    feed = read_feed(io.BytesIO(json.dumps(answer, indent=1).encode()), "answer.json", FeedSettings())
    assert [row.product_id for row in feed] == ["LAMP-R", "LAMP-B", "V"]
    assert feed.report.format == "acp"


def test_units_become_attributes_and_unknown_fields_stay_private() -> None:
    unit = {
        "amount": 67, "currency": "EUR", "measure": {"value": 750, "unit": "ml"},
        "reference": {"value": 100, "unit": "ml"},
    }  # fmt: skip
    feed = _rows(_variant(unit_price=unit, warehouse="Aisle 7"))
    product = _one(list(feed))
    assert product.attributes == {"unit_pricing_measure": "750 ml", "unit_pricing_base_measure": "100 ml"}
    assert product.private == {"variants_warehouse": "Aisle 7"}
    assert feed.report.unknown == ["variants.warehouse"]


def test_a_line_that_is_no_object_is_rejected_and_the_others_go_on() -> None:
    text = json.dumps(_variant()) + "\n[1, 2\n" + json.dumps({"id": "Q", "title": "Q", "variants": "none"})
    rows = list(read_feed(io.BytesIO(text.encode()), "feed.jsonl", FeedSettings()))
    assert _one(rows).id == "V"
    assert [row.reject.field for row in rows[1:] if row.reject] == ["row", "variants"]
