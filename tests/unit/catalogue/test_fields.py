"""How column names and values become a product."""
# ruff: noqa: E501 - tables of values read best in one line each

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue import FeedRow, read_product
from mmpipe.catalogue.columns import availability_of, column_name, translation_of
from mmpipe.schemas.product import Product


def row_of(**values: Any) -> FeedRow:
    return read_product(json.dumps({"id": "1", "title": "T", **values}).encode(), "feeds/x.jsonl")


def product_of(**values: Any) -> Product:
    row = row_of(**values)
    assert row.product is not None, row.reject
    return row.product


@pytest.mark.parametrize(
    ("name", "expected"),
    [("g:Image Link", "image_link"), ("imageLink", "image_link"), ("image-link", "image_link"), ("ID", "id"),
     ("\ufeffid", "id"), ("_op", "_op"), ("productDisplayName", "product_display_name"), ("Body (HTML)", "body_html"),
     ("Google Shopping / Gender", "google_shopping_gender"), ("颜色", "颜色")],
)  # fmt: skip
def test_column_names(name: str, expected: str) -> None:
    assert column_name(name) == expected


def test_aliases() -> None:
    row = read_product(
        json.dumps(
            {"sku": 7, "name": " Bag ", "img": "a.jpg", "colour": "red", "vendor": "B", "brief": "d"}
        ).encode(),
        "",
    )
    assert row.product is not None
    product = row.product
    assert (product.id, product.title, product.image_link, product.color) == ("7", "Bag", "a.jpg", "red")
    assert (product.brand, product.description) == ("B", "d")


def test_the_fields_own_name_wins_and_the_other_is_kept() -> None:
    product = product_of(title="Right", name="Other", sku="S1")
    assert (product.title, product.id) == ("Right", "1")
    assert product.attributes == {"sku": "S1"}
    assert product.private == {"name": "Other"}


def test_an_alias_fills_an_empty_field() -> None:
    assert product_of(title="", name="Named").title == "Named"


def test_category_steps_become_a_path() -> None:
    product = product_of(master_category="Apparel", sub_category="Topwear", article_type="Tshirts")
    assert product.product_type == "Apparel > Topwear > Tshirts"
    assert product.attributes == {}
    assert product_of(article_type="Tshirts").product_type == "Tshirts"
    assert product_of(parent_category="Home", category="Bedding").product_type == "Home > Bedding"
    assert product_of(category="A > B", article_type="C").product_type == "A > B"
    assert product_of(master_category="Shoes", sub_category="Shoes").product_type == "Shoes"
    assert product_of(categories="A,B").product_type == "A > B"
    assert product_of(categories=["A", "B"]).product_type == "A > B"
    assert product_of(categories=[["A", "B"], ["C"]]).product_type == "A > B"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("in stock", "in_stock"), ("In Stock", "in_stock"), ("in_stock", "in_stock"), ("https://schema.org/InStock", "in_stock"),
     ("有货", "in_stock"), ("sold out", "out_of_stock"), ("缺货", "out_of_stock"), ("pre-order", "preorder"), ("0", "out_of_stock"),
     ("12", "in_stock"), ("BackOrder", "backorder"), ("perhaps", None)],
)  # fmt: skip
def test_availability(text: str, expected: str | None) -> None:
    assert availability_of(text) == expected


def test_an_unknown_availability_says_what_there_is() -> None:
    reject = row_of(availability="perhaps").reject
    assert reject is not None
    assert reject.field == "availability"
    assert "preorder" in reject.reason
    assert product_of(in_stock=True).availability == "in_stock"
    assert product_of(in_stock=False).availability == "out_of_stock"


def test_prices_and_currency_column() -> None:
    product = product_of(price=19.9, sale_price="15", currency="eur")
    assert str(product.price) == "19.9 EUR"
    assert str(product.sale_price) == "15 EUR"
    assert str(product_of(price={"amount": "5", "currency": "GBP"}).price) == "5 GBP"
    assert str(product_of(price={"value": 5}, price_currency="GBP").price) == "5 GBP"
    assert product_of(price="").price is None
    assert product_of(price=Decimal("1").__float__()).price is not None
    for broken in (
        {"price": "cheap"},
        {"price": -1},
        {"sale_price": [1]},
        {"price": 1, "currency": "gold"},
        {"price": "9" * 14},
    ):
        assert row_of(**broken).reject is not None


def test_translations() -> None:
    product = product_of(
        title_zh="包",
        description_zh="红色",
        name_en="Bag",
        title_tag="seo",
        translations={"fr": {"title": "Sac"}},
    )
    assert product.translations["zh"].title == "包"
    assert product.translations["zh"].description == "红色"
    assert product.translations["en"].title == "Bag"
    assert product.translations["fr"].title == "Sac"
    assert product.attributes == {}
    assert product.private == {"title_tag": "seo"}
    assert product_of(translations='{"de": {"title": "Tasche"}}').translations["de"].title == "Tasche"
    assert translation_of("title_zh_cn") == ("zh-CN", "title")
    assert translation_of("title_zh_hans") == ("zh-Hans", "title")


def test_a_translated_title_stands_in_for_a_missing_one() -> None:
    product = product_of(title="", title_zh="包", description_zh="红")
    assert (product.title, product.description, product.language) == ("包", "红", "zh")
    assert product.translations == {}


def test_links() -> None:
    product = product_of(
        image_link=["a.jpg", "b.jpg"], additional_image_link="b.jpg, c.jpg,data:image/png;base64,AA=="
    )
    assert product.image_link == "a.jpg"
    assert product.additional_image_link == ("b.jpg", "c.jpg", "data:image/png;base64,AA==")
    assert product_of(images=["a.jpg", "b.jpg"]).image_link == "a.jpg"
    assert product_of(image={"url": "a.jpg"}).image_link == "a.jpg"
    assert product_of(additional_image_link='["x.jpg"]').image_link == "x.jpg"
    for broken in ({"image_link": 5}, {"image": {"x": 1}}, {"images": ["x"] * 500}, {"images": [[["a"]], 5]}):
        reject = row_of(**broken).reject
        assert reject is not None
        assert "image" in reject.field


def test_the_first_twenty_further_pictures_count() -> None:
    links = [f"{n}.jpg" for n in range(30)]
    product = product_of(image_link="a.jpg", additional_image_link=links)
    assert product.additional_image_link == tuple(links[:20])
    assert row_of(image_link="a.jpg", additional_image_link=links * 4).reject is not None


def test_attributes() -> None:
    product = product_of(
        attributes={"fit": "slim", "pockets": 4, "none": None},
        season="summer",
        tags=["a", "b"],
        nested={"x": 1},
    )
    assert product.attributes == {"fit": "slim", "pockets": "4", "season": "summer", "tags": "a, b"}
    assert product.private == {"nested": '{"x": 1}'}
    assert product_of(attributes='{"fit": "slim"}').attributes == {"fit": "slim"}
    assert product_of(attributes=[{"name": "fit", "value": "slim"}]).attributes == {"fit": "slim"}
    assert product_of(year=2011.0, ratio=0.5).private == {"year": "2011", "ratio": "0.5"}


def test_unknown_columns_are_bounded() -> None:
    product = product_of(**{f"c{n}": "x" * 2_000 for n in range(300)})
    assert product.attributes == {}
    assert len(product.private) == 200
    assert {len(value) for value in product.private.values()} == {500}
    assert row_of(attributes={str(n): "x" for n in range(200)}).reject is not None
    assert row_of(**{f"c{n}": 1 for n in range(3_000)}).reject is not None


@pytest.mark.parametrize(
    ("values", "field", "remedy"),
    [
        ({"title": ""}, "title", "give"),
        ({"title": "x" * 600}, "title", "shorten"),
        ({"title": {"a": 1}}, "title", "text"),
        ({"title": "\ud800"}, "title", "UTF-8"),
        ({"language": "klingon!"}, "language", "zh-CN"),
        ({"attributes": "{"}, "attributes", "JSON"),
        ({"attributes": [1]}, "attributes", "{"),
        ({"translations": {"zh": "x"}}, "translations", "zh"),
        ({"translations": {"zh": {"tilte": "x"}}}, "translations.zh.tilte", "title"),
        ({"_op": "explode"}, "_op", "delete"),
        ({"id": "../../etc"}, "id", "128"),
        ({"id": "a b"}, "id", "letters"),
        ({"id": ""}, "id", "missing"),
        ({"id": ["1"]}, "id", "missing"),
        ({"id": "x" * 129}, "id", "128"),
    ],
)
def test_what_is_wrong_and_what_to_do(values: dict[str, Any], field: str, remedy: str) -> None:
    row = row_of(**values)
    assert row.reject is not None
    assert row.reject.field == field
    assert remedy in row.reject.reason
    assert row.product_id == (None if field == "id" else "1")
    row.raw.encode()


def test_delete() -> None:
    assert row_of(_op="delete").delete_id == "1"
    assert row_of(_op=" DELETE ", title="").delete_id == "1"
    assert row_of(_op="delete", id="a/b").reject is not None
    assert row_of(_op="upsert").product is not None


def test_a_closing_line_break_is_no_part_of_an_id() -> None:
    assert product_of(id="abc\n").id == "abc"


def test_product_files_are_named_after_their_id() -> None:
    assert read_product(b'{"title": "T"}', "shop/products/42.json").product_id == "42"
    assert read_product(b'{"title": "T", "id": 42}', "s3://b/shop/products/42.json").product is not None
    row = read_product(b'{"title": "T", "id": "43"}', "shop/products/42.json")
    assert row.reject is not None
    assert "42" in row.reject.reason
    assert read_product(b'{"title": "T", "id": "43"}', "shop/feeds/42.json").product is not None
    assert read_product(b"[]", "shop/products/42.json").reject is not None


def test_a_long_row_is_kept_short_and_not_replayed() -> None:
    row = row_of(image_link="data:image/png;base64," + "A" * 100_000, color="red")
    assert row.product is not None
    assert len(row.raw.encode()) <= 64 * 1024
    kept = json.loads(row.raw)
    assert (kept["id"], kept["color"]) == ("1", "red")
    again = read_product(row.raw.encode(), "")
    assert again.reject is not None
    assert "upload the file itself again" in again.reject.reason


def test_raw_is_replayed_to_the_same_product() -> None:
    row = row_of(price="¥5", title_zh="包", season="summer", categories=["A", "B"])
    assert read_product(row.raw.encode(), "").product == row.product


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["delete", "{}", "data:,", "5 USD"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_keys = st.sampled_from(
    ["id", "title", "price", "currency", "image", "images", "attributes", "translations", "title_zh", "category", "article_type",
     "availability", "_op", "language", "color", "sku", "_incomplete"]
) | st.text(max_size=6)  # fmt: skip


@given(st.dictionaries(_keys, _values, max_size=8))
def test_whatever_a_row_holds_it_becomes_exactly_one_row(values: dict[str, Any]) -> None:
    row = read_product(json.dumps(values).encode(), "x.jsonl")
    assert sum(part is not None for part in (row.product, row.delete_id, row.reject)) == 1
    row.raw.encode()
    if row.product is not None:
        assert Product.model_validate_json(row.product.model_dump_json()) == row.product


@pytest.mark.parametrize(
    "fields",
    [
        {"image_link": "\ud800"},
        {"audio_link": "a\udfff.wav"},
        {"additional_image_link": ["a.png", "\ud800"]},
        {"attributes": {"\ud800": "x"}},
        {"translations": {"\ud800": {"title": "x"}}},
    ],
)
def test_half_a_surrogate_pair_costs_its_own_row_only(fields: dict[str, Any]) -> None:
    row = read_product(json.dumps({"id": "a", "title": "x", **fields}).encode(), "")
    assert row.reject is not None
    assert row.reject.field.partition(".")[0] == next(iter(fields))
    row.raw.encode()
