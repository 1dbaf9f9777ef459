"""schema.org's products as JSON-LD: single objects, groups, graphs and lists."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mmpipe.catalogue import read_feed
from mmpipe.catalogue.feed import FeedRows
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings

CONTEXT = "https://schema.org"


def _lines(*objects: Mapping[str, Any]) -> FeedRows:
    text = "\n".join(json.dumps(item, ensure_ascii=False) for item in objects)
    return read_feed(io.BytesIO(text.encode()), "pages.jsonl", FeedSettings())


def _document(value: Any) -> FeedRows:
    return read_feed(io.BytesIO(json.dumps(value, indent=1).encode()), "page.json", FeedSettings())


def _products(feed: FeedRows) -> dict[str, Product]:
    return {row.product.id: row.product for row in feed if row.product is not None and not row.group}


def _product(**fields: Any) -> dict[str, Any]:
    return {"@context": CONTEXT, "@type": "Product", "sku": "S", "name": "Chair", **fields}


def _one(**fields: Any) -> Product:
    (product,) = _products(_lines(_product(**fields))).values()
    return product


def _offer(**fields: Any) -> dict[str, Any]:
    return {"@type": "Offer", "price": "80.00", "priceCurrency": "EUR", **fields}


def test_a_product_with_everything() -> None:
    feed = _lines(
        _product(
            description="<p>Solid &amp; plain</p>",
            gtin13="4012345000115",
            mpn="M-1",
            brand={"@type": "Brand", "name": "Norrland"},
            image=[
                {"@type": "ImageObject", "contentUrl": "https://shop.example/1.jpg"},
                "//shop.example/2.jpg",
            ],
            video={"@type": "VideoObject", "contentUrl": "https://shop.example/v.mp4"},
            url="https://shop.example/chair",
            category="Furniture > Chairs",
            color=["Brown", "Black"],
            size={"@type": "SizeSpecification", "name": "L"},
            material="Oak",
            pattern="Plain",
            keywords=["dining", "kitchen"],
            weight={"@type": "QuantitativeValue", "value": 4.5, "unitCode": "KGM"},
            height="80 cm",
            audience={
                "@type": "PeopleAudience",
                "suggestedGender": "https://schema.org/Unisex",
                "suggestedMinAge": 13,
            },
            aggregateRating={"ratingValue": 9, "bestRating": 10, "reviewCount": 12},
            additionalProperty=[
                {"@type": "PropertyValue", "name": "Load", "value": 120, "unitText": "kg"},
                {"@type": "PropertyValue", "name": "Cost price", "value": "12.50"},
            ],
            review=[{"reviewBody": "fine"}],
            offers=_offer(
                availability="https://schema.org/InStock", itemCondition="https://schema.org/NewCondition"
            ),
            aisle="7",
        )
    )
    (row,) = feed
    product = row.product
    assert product is not None
    assert (product.id, product.title, product.description) == ("S", "Chair", "Solid & plain")
    assert (product.gtin, product.mpn, product.brand) == ("4012345000115", "M-1", "Norrland")
    assert product.image_link == "https://shop.example/1.jpg"
    assert product.additional_image_link == ("https://shop.example/2.jpg",)
    assert product.video_link == "https://shop.example/v.mp4"
    assert (product.link, product.product_type) == ("https://shop.example/chair", "Furniture > Chairs")
    assert (product.color, product.size, product.material, product.pattern) == (
        "Brown/Black",
        "L",
        "Oak",
        "Plain",
    )
    assert (product.gender, product.age_group, product.condition) == ("unisex", "adult", "new")
    assert product.price is not None
    assert (product.price.amount, product.price.currency) == (Decimal("80.00"), "EUR")
    assert product.availability == "in_stock"
    assert product.additional_text == "dining kitchen"
    assert product.attributes == {"weight": "4.5 kg", "height": "80 cm", "Load": "120 kg"}
    assert (product.rating, product.rating_count) == (4.5, 12)
    assert product.private["cost_price"] == "12.50"
    assert product.private["aisle"] == "7"
    assert "fine" in product.private["review"]
    report = feed.report
    assert report.format == "schema-org"
    assert report.unknown == ["aisle"]
    assert report.columns["offers.price"] == "price"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("BackOrder", "backorder"), ("Discontinued", "out_of_stock"), ("InStock", "in_stock"),
        ("InStoreOnly", "in_stock"), ("LimitedAvailability", "in_stock"), ("MadeToOrder", "backorder"),
        ("OnlineOnly", "in_stock"), ("OutOfStock", "out_of_stock"), ("PreOrder", "preorder"),
        ("PreSale", "preorder"), ("Reserved", "out_of_stock"), ("SoldOut", "out_of_stock"),
    ],
)  # fmt: skip
def test_the_twelve_words_for_availability(word: str, expected: str) -> None:
    for spelled in (word, f"https://schema.org/{word}", f"http://schema.org/{word}", f"schema:{word}"):
        assert _one(offers=_offer(availability=spelled)).availability == expected


def test_of_several_offers_the_first_in_stock_counts() -> None:
    sold_out, first = _offer(price=70, availability="SoldOut"), _offer(price=90, availability="InStock")
    product = _one(offers=[sold_out, first, _offer(price=60, availability="InStock")])
    assert product.price is not None
    assert (product.price.amount, product.availability) == (Decimal(90), "in_stock")
    product = _one(offers=[sold_out, _offer(price=90, availability="OutOfStock")])
    assert product.price is not None
    assert (product.price.amount, product.availability) == (Decimal(70), "out_of_stock")


def test_an_aggregate_offer_gives_its_lowest_price_and_the_best_offers_stock() -> None:
    inner = [
        _offer(price=95, availability="SoldOut"),
        _offer(price=99, availability="InStock", itemCondition="UsedCondition"),
    ]
    product = _one(
        offers={
            "@type": "AggregateOffer",
            "lowPrice": 90,
            "highPrice": 99,
            "priceCurrency": "EUR",
            "offers": inner,
        }
    )
    assert product.price is not None
    assert (product.price.amount, product.availability, product.condition) == (
        Decimal(90),
        "in_stock",
        "used",
    )
    bare = _one(offers={"@type": "AggregateOffer", "offers": inner})
    assert bare.price is not None
    assert bare.price.amount == Decimal(99)


@pytest.mark.parametrize(
    "kind", ["StrikethroughPrice", "https://schema.org/ListPrice", "https://schema.org/SRP"]
)
def test_a_struck_price_above_makes_a_sale_that_ends(kind: str) -> None:
    product = _one(
        offers=_offer(
            price="60",
            priceValidUntil="2027-03-31",
            priceSpecification=[
                {"@type": "UnitPriceSpecification", "price": 80, "priceCurrency": "EUR", "priceType": kind}
            ],
        )
    )
    assert product.price is not None
    assert product.sale_price is not None
    assert (product.price.amount, product.sale_price.amount) == (Decimal(80), Decimal(60))
    assert product.sale_price_effective_date is not None
    assert product.sale_price_effective_date.end == datetime(2027, 4, 1, tzinfo=UTC)


def test_the_price_may_stand_in_specifications_alone() -> None:
    member = {"price": 50, "validForMemberTier": {"@type": "MemberProgramTier"}}
    struck = {"price": 80, "priceType": "https://schema.org/StrikethroughPrice"}
    product = _one(offers={"priceCurrency": "EUR", "priceSpecification": [member, struck, {"price": 60}]})
    assert product.price is not None
    assert product.sale_price is not None
    assert (product.price.amount, product.sale_price.amount) == (Decimal(80), Decimal(60))
    one = _one(offers={"priceSpecification": {"price": "75.50", "priceCurrency": "EUR"}})
    assert one.price is not None
    assert (one.price.amount, one.sale_price) == (Decimal("75.50"), None)


def test_a_price_that_holds_for_some_time_only_is_no_sale() -> None:
    product = _one(offers=_offer(priceValidUntil="2020-01-01"))
    assert product.price is not None
    assert (product.price.amount, product.sale_price_effective_date) == (Decimal(80), None)
    assert _one(offers=_offer(price=60, priceValidUntil="soon", priceSpecification=[
        {"price": 80, "priceType": "ListPrice"}])).sale_price is not None  # fmt: skip


def test_types_and_texts_in_every_spelling() -> None:
    expanded = {
        "@type": ["http://schema.org/Product"],
        "http://schema.org/sku": [{"@value": "X"}],
        "http://schema.org/name": [
            {"@value": "Table", "@language": "en"},
            {"@value": "Tisch", "@language": "de"},
        ],
        "http://schema.org/description": [{"@value": "Aus Holz", "@language": "de"}],
        "http://schema.org/offers": [
            {
                "http://schema.org/price": [{"@value": "5"}],
                "http://schema.org/priceCurrency": [{"@value": "EUR"}],
            }
        ],
    }
    found = _products(
        _lines(expanded, {"@type": "schema:Product", "sku": "Y", "name": {"en": "Lamp", "fr": "Lampe"}})
    )
    table, lamp = found["X"], found["Y"]
    assert (table.title, table.language) == ("Table", "en")
    assert (table.translations["de"].title, table.translations["de"].description) == ("Tisch", "Aus Holz")
    assert table.price is not None
    assert table.price.amount == Decimal(5)
    assert (lamp.title, lamp.translations["fr"].title) == ("Lamp", "Lampe")


def test_the_language_of_a_page_need_not_be_a_code() -> None:
    assert _one(inLanguage="English").language is None
    assert _one(inLanguage={"@type": "Language", "name": "German", "alternateName": "de"}).language == "de"


GROUP: dict[str, Any] = {
    "@type": "ProductGroup",
    "productGroupID": "COAT",
    "name": "Wool coat",
    "description": "Warm",
    "brand": {"name": "Norrland"},
    "image": "https://shop.example/coat.jpg",
    "material": "Wool",
    "category": "Clothing > Coats",
    "url": "https://shop.example/coat",
    "variesBy": ["https://schema.org/color"],
}


def test_variants_inherit_from_their_group() -> None:
    variants = [
        {"@type": "Product", "sku": "C-G", "name": "Green coat", "color": "Green", "url": "https://shop.example/green",
         "image": "https://shop.example/green.jpg", "offers": _offer(availability="OutOfStock")},
        {"@type": "Product", "sku": "C-R", "color": "Red", "material": "Felt", "offers": _offer(price=90)},
    ]  # fmt: skip
    feed = _lines({**GROUP, "hasVariant": variants})
    found = _products(feed)
    green, red = found["C-G"], found["C-R"]
    assert {p.item_group_id for p in found.values()} == {"COAT"}
    assert {p.item_group_title for p in found.values()} == {"Wool coat"}
    assert (green.title, red.title) == ("Green coat", "Wool coat")
    assert (green.description, green.brand, green.product_type) == ("Warm", "Norrland", "Clothing > Coats")
    assert (green.material, red.material) == ("Wool", "Felt")
    assert green.image_link == "https://shop.example/green.jpg"
    assert green.additional_image_link == ("https://shop.example/coat.jpg",)
    assert red.image_link == "https://shop.example/coat.jpg"
    assert (green.link, red.link) == ("https://shop.example/green", "https://shop.example/coat")
    assert (green.availability, red.availability) == ("out_of_stock", "in_stock")
    assert (feed.report.rows, feed.report.products) == (1, 2)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("in_one_line", [True, False])
def test_a_graphs_members_are_found_by_their_id(listed: bool, in_one_line: bool) -> None:
    group = {**GROUP, "@id": "#coat", "brand": {"@id": "#brand"}} | (
        {"hasVariant": [{"@id": "#red"}]} if listed else {}
    )
    red: dict[str, Any] = {"@type": "Product", "@id": "#red", "sku": "C-R", "color": "Red"}
    red |= {} if listed else {"isVariantOf": {"@id": "#coat"}}
    others: list[dict[str, Any]] = [
        {"@type": "WebPage", "@id": "#page", "name": "Coat"},
        {
            "@type": "BreadcrumbList",
            "itemListElement": [{"@type": "ListItem", "position": 1, "name": "Home"}],
        },
        {"@type": "Brand", "@id": "#brand", "name": "Norrland"},
    ]
    for members in ([group, red, *others], [red, *others, group]):
        page = {"@context": CONTEXT, "@graph": members}
        feed = _lines(_product(), page) if in_one_line else _document(page)
        found = _products(feed)
        assert (found["C-R"].title, found["C-R"].item_group_id) == ("Wool coat", "COAT")
        assert found["C-R"].brand == "Norrland"
        assert any("BreadcrumbList" in warning for warning in feed.report.warnings)
        assert feed.report.rejected == 0


def test_lists_of_items_are_unwrapped() -> None:
    items = [
        {"@type": "ListItem", "position": 1, "item": _product(sku="A")},
        {"@type": "ListItem", "position": 2, "item": _product(sku="B", name="Bench")},
        {"@type": "ListItem", "position": 3, "url": "https://shop.example/c"},
    ]
    whole = {"@context": CONTEXT, "@type": "ItemList", "itemListElement": items}
    for feed in (_document(whole), _lines(_product(sku="D"), whole)):
        assert list(_products(feed))[-2:] == ["A", "B"]
        assert any("links to products" in warning for warning in feed.report.warnings)


def test_a_page_about_a_product_and_an_offer_of_one() -> None:
    page = {"@type": "ItemPage", "mainEntity": _product(sku="A")}
    offer = {**_offer(), "itemOffered": _product(sku="B")}
    found = _products(_lines(page, offer))
    assert list(found) == ["A", "B"]
    assert found["B"].price is not None


def test_what_a_product_is_called() -> None:
    fields: list[dict[str, Any]] = [
        {"sku": 7, "productID": "P"},
        {"productID": "isbn:1"},
        {"offers": _offer(sku="O")},
        {"@id": "https://shop.example/p#product"},
        {"gtin13": "4012345000115", "mpn": "M"},
        {"mpn": "M"},
        {"@id": "_:b0"},
    ]
    rows = list(
        _lines(*({"@type": "Product", "name": f"Chair {n}", **field} for n, field in enumerate(fields)))
    )
    names = {row.row: row.product_id for row in rows}
    assert [names[row] for row in (1, 2, 3, 5, 6)] == ["7", "isbn:1", "O", "4012345000115", "M"]
    assert (names[4] or "").startswith("https:-shop.example-p-product-")
    (rejected,) = [row for row in rows if row.reject is not None]
    assert rejected.row == 7
    assert rejected.reject is not None
    for field in ("productID", "@id", "gtin", "mpn"):
        assert field in rejected.reject.reason


def test_two_products_never_share_an_id() -> None:
    pages = [
        _product(),
        _product(name="Another chair"),
        _product(),
        {"@type": "Product", "@id": "#product", "name": "One", "url": "https://shop.example/1"},
        {"@type": "Product", "@id": "#product", "name": "Two", "url": "https://shop.example/2"},
        {**GROUP, "hasVariant": [{"sku": "SAME", "color": "Red"}, {"sku": "SAME", "color": "Blue"}]},
    ]
    rows = [row for row in _lines(*pages) if row.product is not None]
    names: dict[str, set[tuple[str, str | None]]] = {}
    for row in rows:
        assert row.product is not None
        names.setdefault(row.product.id, set()).add((row.product.title, row.product.color))
    assert all(len(found) == 1 for found in names.values())
    assert len(names) == 6
    assert names["S"] == {("Chair", None)}


def test_a_group_without_variants_is_not_for_sale_itself() -> None:
    rows = list(_lines(GROUP, {**GROUP, "productGroupID": "B", "offers": _offer()}))
    by_id = {row.product_id: row for row in rows}
    assert by_id["COAT"].group
    assert not by_id["B"].group


def test_a_product_of_a_group_that_the_file_does_not_describe_stands_alone() -> None:
    (product,) = _products(_lines(_product(inProductGroupWithID="G", isVariantOf={"@id": "#gone"}))).values()
    assert (product.title, product.item_group_id) == ("Chair", "G")


def test_bad_lines_are_rejected_and_the_others_go_on() -> None:
    text = json.dumps(_product()) + "\n{\n" + json.dumps(_product(sku="T", offers=_offer(price="much")))
    rows = list(read_feed(io.BytesIO(text.encode()), "pages.jsonl", FeedSettings()))
    assert [row.product_id for row in rows if row.product] == ["S"]
    assert [row.reject.field for row in rows if row.reject] == ["row", "price"]


def test_addresses_that_are_none_cost_no_product() -> None:
    product = _one(url="https://[", image=["/a.jpg", "//["])
    assert (product.link, product.image_link) == ("https://[", "/a.jpg")
    assert _one(url="https://shop.example/p/1", image="/a.jpg").image_link == "https://shop.example/a.jpg"
