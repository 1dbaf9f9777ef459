"""Products as Google's Merchant API and Content API give them."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mmpipe.catalogue import read_feed
from mmpipe.catalogue.feed import FeedRows
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

MUG: dict[str, Any] = {
    "name": "accounts/7/products/en~US~MUG-1",
    "offerId": "MUG-1",
    "contentLanguage": "en",
    "feedLabel": "US",
    "dataSource": "accounts/7/dataSources/1",
    "productAttributes": {
        "title": "Stoneware mug",
        "description": "<b>Holds</b> tea",
        "link": "https://shop.example/mug",
        "mobileLink": "https://m.shop.example/mug",
        "imageLink": "https://shop.example/mug.jpg",
        "additionalImageLinks": ["https://shop.example/mug,2.jpg"],
        "lifestyleImageLinks": ["https://shop.example/table.jpg"],
        "videoLinks": ["https://shop.example/a.mp4", "https://shop.example/b.mp4"],
        "price": {"amountMicros": "15990000", "currencyCode": "EUR"},
        "salePrice": {"amountMicros": 12500000, "currencyCode": "EUR"},
        "salePriceEffectiveDate": {"startTime": "2027-01-01T00:00:00Z", "endTime": "2027-02-01T00:00:00Z"},
        "costOfGoodsSold": {"amountMicros": "4000000", "currencyCode": "EUR"},
        "availability": "LIMITED_AVAILABILITY",
        "condition": "NEW",
        "gender": "UNISEX",
        "ageGroup": "ADULT",
        "brand": "Norrland",
        "gtins": ["4012345000115", "4012345000122"],
        "itemGroupId": "MUG",
        "itemGroupTitle": "Mug",
        "productTypes": ["Kitchen > Mugs", "Gifts"],
        "googleProductCategory": "Home & Garden > Mugs",
        "color": "Blue",
        "sizeTypes": ["REGULAR"],
        "productDetails": [{"sectionName": "General", "attributeName": "Volume", "attributeValue": "0.4 l"}],
        "productHighlights": ["Sturdy", "Dishwasher safe"],
        "variantOptions": [{"name": "Glaze", "value": "Matt"}, {"name": "Color", "value": "Blue"}],
        "productWeight": {"value": 0.5, "unit": "kg"},
        "energyEfficiencyClass": "APP",
        "excludedDestinations": ["SHOPPING_ADS"],
        "structuredTitle": {"digitalSourceType": "TRAINED_ALGORITHMIC_MEDIA", "content": "Generated"},
        "structuredDescription": {"content": "Generated as well"},
        "customLabel0": "clearance",
    },
    "customAttributes": [{"name": "warehouse row", "value": "12"}, {"name": "glaze kind", "value": "ash"}],
    "productStatus": {"destinationStatuses": []},
}


def _feed(*objects: Mapping[str, Any], **settings: Any) -> FeedRows:
    text = "\n".join(json.dumps(item) for item in objects)
    return read_feed(io.BytesIO(text.encode()), "products.jsonl", FeedSettings(**settings))


def _first(feed: FeedRows) -> Product:
    row = next(feed)
    assert row.product is not None, row.reject
    return row.product


def _offer(name: str, language: str = "en", label: str = "US", **attributes: Any) -> dict[str, Any]:
    inside = {"title": f"{name} in {language}", **attributes}
    return {"offerId": name, "contentLanguage": language, "feedLabel": label, "productAttributes": inside}


def test_the_attributes_stand_as_if_beside_the_offer_id() -> None:
    feed = _feed(MUG)
    product = _first(feed)
    assert (product.id, product.title, product.description) == ("MUG-1", "Stoneware mug", "Holds tea")
    assert (product.language, product.link) == ("en", "https://shop.example/mug")
    assert product.image_link == "https://shop.example/mug.jpg"
    assert product.additional_image_link == (
        "https://shop.example/mug,2.jpg",
        "https://shop.example/table.jpg",
    )
    assert product.video_link == "https://shop.example/a.mp4"
    assert product.price is not None
    assert product.sale_price is not None
    assert (product.price.amount, product.price.currency) == (Decimal("15.99"), "EUR")
    assert product.sale_price.amount == Decimal("12.5")
    assert product.sale_price_effective_date is not None
    assert product.sale_price_effective_date.end == datetime(2027, 2, 1, tzinfo=UTC)
    assert (product.availability, product.condition) == ("in_stock", "new")
    assert (product.gender, product.age_group, product.brand) == ("unisex", "adult", "Norrland")
    assert (product.gtin, product.item_group_id, product.item_group_title) == ("4012345000115", "MUG", "Mug")
    assert (product.product_type, product.google_product_category) == (
        "Kitchen > Mugs",
        "Home & Garden > Mugs",
    )
    assert product.color == "Blue"
    assert product.attributes == {
        "size_type": "regular", "energy_efficiency_class": "A++", "product_weight": "0.5 kg", "Glaze": "Matt",
        "Volume": "0.4 l", "product_highlight": "Sturdy | Dishwasher safe",
    }  # fmt: skip
    assert list(feed) == []
    assert feed.report.format == "merchant-api"
    assert feed.report.columns["imageLink"] == "image_link"


def test_what_is_about_the_account_or_money_is_private() -> None:
    product = _first(_feed(MUG))
    for name in ("name", "data_source", "feed_label", "mobile_link", "cost_of_goods_sold", "custom_label0"):
        assert name in product.private
    assert product.private["excluded_destinations"] == "SHOPPING_ADS"
    assert product.private["warehouse_row"] == "12"
    assert product.private["video_links"] == "https://shop.example/b.mp4"


def test_a_custom_attribute_is_public_where_it_is_chosen() -> None:
    product = _first(_feed(MUG, public_columns={"*": ["glaze kind", "cost of goods sold"]}))
    assert product.attributes["glaze_kind"] == "ash"
    assert "cost_of_goods_sold" not in product.attributes
    assert product.private["warehouse_row"] == "12"


def test_generated_texts_count_where_there_are_no_others() -> None:
    inside = {k: v for k, v in MUG["productAttributes"].items() if k not in ("title", "description")}
    product = _first(_feed({**MUG, "productAttributes": inside}))
    assert (product.title, product.description) == ("Generated", "Generated as well")


def test_older_shapes_are_read_alike() -> None:
    beta = {"name": "accounts/7/products/online~en~US~B-1", "attributes": {"title": "Beta", "gtin": ["1"]}}
    flat = {
        "offerId": "F-1",
        "contentLanguage": "en",
        "title": "Flat",
        "price": {"amountMicros": "1000000", "currencyCode": "EUR"},
    }
    content = {
        "kind": "content#product", "id": "online:en:US:C-1", "offerId": "C-1", "title": "Content",
        "price": {"value": "9.50", "currency": "EUR"}, "availability": "in stock", "productTypes": ["A > B"],
        "salePrice": {"value": "8", "currency": "EUR"},
        "salePriceEffectiveDate": "2027-01-01T00:00Z/2027-01-31T00:00Z",
    }  # fmt: skip
    snake = {
        "offer_id": "S-1",
        "product_attributes": {"title": "Snake", "image_link": "https://shop.example/s.jpg"},
    }
    found = {row.product.id: row.product for row in _feed(flat, beta, content, snake) if row.product}
    assert list(found) == ["F-1", "B-1", "C-1", "S-1"]
    assert found["B-1"].gtin == "1"
    assert found["S-1"].image_link == "https://shop.example/s.jpg"
    price, sale = found["C-1"].price, found["C-1"].sale_price
    assert price is not None
    assert sale is not None
    assert (price.amount, sale.amount) == (Decimal("9.50"), Decimal(8))
    assert found["C-1"].sale_price_effective_date is not None
    assert found["F-1"].price is not None
    assert found["F-1"].price.amount == Decimal(1)


def test_one_offer_in_several_languages_is_one_product() -> None:
    rows = list(
        _feed(_offer("A"), _offer("B"), _offer("A", "de", "DE", description="Gut"), _offer("A", "fr", "FR"))
    )
    assert [row.product_id for row in rows] == ["A", "B"]
    product = rows[0].product
    assert product is not None
    assert (product.title, product.language) == ("A in en", "en")
    assert product.translations["de"].title == "A in de"
    assert product.translations["de"].description == "Gut"
    assert product.translations["fr"].title == "A in fr"


def test_the_same_offer_in_another_market_is_named_and_replaces_nothing() -> None:
    rows = list(_feed(_offer("A"), _offer("A", label="GB"), _offer("B")))
    assert [row.product_id for row in rows if row.product] == ["A", "B"]
    (rejected,) = [row.reject for row in rows if row.reject]
    assert rejected.field == "feedLabel"
    assert "row 1" in rejected.reason


def test_a_list_and_an_answer_with_its_next_page_are_read() -> None:
    for document in ([_offer("A")], {"products": [_offer("A")], "nextPageToken": "x"}):
        feed = read_feed(io.BytesIO(json.dumps(document).encode()), "answer.json", FeedSettings())
        assert [row.product_id for row in feed] == ["A"]
        assert feed.report.format == "merchant-api"


def test_bad_objects_are_rejected_and_the_others_go_on() -> None:
    bad_price = _offer("B", price={"amountMicros": "much", "currencyCode": "EUR"})
    rows = list(_feed(_offer("A"), bad_price, {"productAttributes": {"title": "Nameless"}}, _offer("C")))
    assert sorted(row.product_id or "" for row in rows if row.product) == ["A", "C"]
    assert sorted(row.reject.field for row in rows if row.reject) == ["offerId", "price"]
