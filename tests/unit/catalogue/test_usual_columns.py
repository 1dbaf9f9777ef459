"""Columns and cells as people and their programs write them, read as they are meant."""

from __future__ import annotations

from typing import Any

import pytest

from mmpipe.catalogue.columns import availability_of
from mmpipe.catalogue.roles import role_of
from tests.unit.catalogue.feeds import json_lines, outcomes, product_of, report_of


def of(**values: Any) -> Any:
    """A JSON row as a product, as plain values."""
    return product_of(json_lines({"id": "A1", "title": "Cup", **values})).model_dump(mode="json")


def cells(head: str, row: str, **settings: Any) -> Any:
    """One row of a table as a product, as plain values."""
    return product_of(f"{head}\n{row}\n", "feed.csv", **settings).model_dump(mode="json")


class TestStock:
    @pytest.mark.parametrize(
        "column", ["stock", "Quantity", "qty", "inventory_quantity", "stock_quantity", "库存"]
    )
    @pytest.mark.parametrize(
        ("left", "expected"),
        [("0", "out_of_stock"), ("-2", "out_of_stock"), ("4", "in_stock"), ("1,200", "in_stock"),
         ("10+", "in_stock"), ("in stock", "in_stock"), ("500 ml", "in_stock"), ("0,00", "out_of_stock"),
         ("12,00", "in_stock"), (">0", "in_stock"), (">=0", "out_of_stock")],
    )  # fmt: skip
    def test_a_count_says_what_is_left(self, column: str, left: str, expected: str) -> None:
        found = cells(f"id,title,{column}", f'A1,Cup,"{left}"')
        assert found["availability"] == expected
        assert left in found["private"].values()

    def test_a_word_of_its_own_counts_before(self) -> None:
        assert of(availability="preorder", stock=0)["availability"] == "preorder"
        assert of(availability="out of stock", stock=5)["availability"] == "out_of_stock"

    def test_metas_quantity_of_none_is_sold_out(self) -> None:
        sold = of(availability="in stock", quantity_to_sell_on_facebook="0")
        assert sold["availability"] == "out_of_stock"
        assert of(availability="in stock", inventory=0)["availability"] == "out_of_stock"
        assert of(availability="preorder", inventory=0)["availability"] == "preorder"
        assert of(availability="in stock", quantity_to_sell_on_facebook=3)["availability"] == "in_stock"

    @pytest.mark.parametrize("column", ["sold_out", "is_out_of_stock"])
    def test_a_flag_that_all_is_sold(self, column: str) -> None:
        assert of(**{column: True})["availability"] == "out_of_stock"
        assert of(**{column: "no"})["availability"] == "in_stock"

    def test_the_report_knows_the_column(self) -> None:
        told = report_of("id,title,stock\nA1,Cup,0\n", "feed.csv")
        assert told.columns["stock"] == "availability"
        assert not any("stock column" in warning for warning in told.warnings)

    @pytest.mark.parametrize(
        ("word", "expected"),
        [("schema.org/InStock", "in_stock"), ("https://www.schema.org/OutOfStock/", "out_of_stock"),
         ("Not in stock", "out_of_stock"), ("temporarily out of stock", "out_of_stock"), (">10", "in_stock"),
         ("缺貨", "out_of_stock"), ("現貨", "in_stock"), ("available on backorder", "backorder"),
         ("10 in a box", None), ("1.5", None)],
    )  # fmt: skip
    def test_words(self, word: str, expected: str | None) -> None:
        assert availability_of(word) == expected


class TestCrossedOutPrices:
    @pytest.mark.parametrize(
        "column", ["list_price", "regular_price", "compare_at_price", "original_price", "原价"]
    )
    def test_what_is_crossed_out_is_the_price_and_the_other_that_of_the_sale(self, column: str) -> None:
        found = of(price="12 EUR", **{column: "20 EUR"})
        assert (found["price"]["amount"], found["sale_price"]["amount"]) == ("20", "12")
        alone = of(**{column: "20 EUR"})
        assert (alone["price"]["amount"], alone["sale_price"]) == ("20", None)

    @pytest.mark.parametrize("crossed", ["12 EUR", "9 EUR", "0", "20 USD", "ask us"])
    def test_what_is_no_higher_or_no_price_is_none(self, crossed: str) -> None:
        found = of(price="12 EUR", compare_at_price=crossed)
        assert (found["price"]["amount"], found["sale_price"]) == ("12", None)
        assert found["private"] == {"compare_at_price": crossed}

    def test_a_sale_price_of_its_own_counts(self) -> None:
        found = of(price="20 EUR", sale_price="12 EUR", regular_price="25 EUR")
        assert (found["price"]["amount"], found["sale_price"]["amount"]) == ("20", "12")
        found = of(price="12 EUR", sale_price="12 EUR", regular_price="20 EUR")
        assert (found["price"]["amount"], found["sale_price"]["amount"]) == ("20", "12")


class TestCurrencyInTheHeader:
    @pytest.mark.parametrize(
        ("column", "cell", "expected"),
        [("price (EUR)", "12", "EUR"), ("price_eur", "12", "EUR"), ("Price [CHF]", "12", "CHF"),
         ("Price in GBP", "12", "GBP"), ("Regular price (€)", "12", "EUR"), ("价格（元）", "12", "CNY"),
         ("price (EUR)", "12 USD", "USD"), ("price ($)", "12", "CAD"), ("price_TRY", "12", "TRY")],
    )  # fmt: skip
    def test_it_is_that_of_the_amounts(self, column: str, cell: str, expected: str) -> None:
        found = cells(f"id,title,{column}", f"A1,Cup,{cell}", default_currency="CAD")
        assert found["price"] == {"amount": "12", "currency": expected}

    @pytest.mark.parametrize("head", ["price_eur,price", "price,price_eur"])
    def test_the_price_itself_counts_before_one_that_says_its_currency(self, head: str) -> None:
        row = {"price": "12", "price_eur": "10"}
        found = cells(
            f"id,title,currency,{head}", f"A1,Cup,USD,{','.join(map(row.__getitem__, head.split(',')))}"
        )
        assert found["price"] == {"amount": "12", "currency": "USD"}
        assert found["private"]["price_eur"] == "10"

    @pytest.mark.parametrize(
        "column", ["Price (cents)", "price (in cents)", "Price (USD cents)", "Price (pence)", "价格（分）"]
    )
    def test_hundredths_are_no_price(self, column: str) -> None:
        found = cells(f"id,title,{column}", "A1,Cup,1999", default_currency="USD")
        assert found["price"] is None
        assert "1999" in found["private"].values()

    def test_each_column_has_its_own(self) -> None:
        found = cells("id,title,price,sale_price (EUR)", "A1,Cup,12 EUR,10", default_currency="USD")
        assert found["sale_price"] == {"amount": "10", "currency": "EUR"}

    @pytest.mark.parametrize("column", ["price_all", "price_top", "price_group"])
    def test_other_words_are_no_currency(self, column: str) -> None:
        assert role_of(column) is None


class TestPictures:
    def test_numbered_columns(self) -> None:
        found = of(image_1="a.jpg", image_3="c.jpg", image_2="b.jpg")
        assert (found["image_link"], found["additional_image_link"]) == ("a.jpg", ["b.jpg", "c.jpg"])
        found = of(main_image_url="a.jpg", other_image_url2="c.jpg", other_image_url1="b.jpg")
        assert (found["image_link"], found["additional_image_link"]) == ("a.jpg", ["b.jpg", "c.jpg"])
        found = of(image_link="a.jpg", additional_image_link_1="b.jpg")
        assert (found["image_link"], found["additional_image_link"]) == ("a.jpg", ["b.jpg"])

    @pytest.mark.parametrize(
        "cell",
        ["img/a.jpg|img/b.jpg", "img/a.jpg; img/b.jpg", "https://s.example/a.jpg https://s.example/b.jpg",
         "https://s.example/a.jpg,https://s.example/b.jpg", "https://s.example/a;https://s.example/b",
         '{"url": "img/a.jpg"}, ', '["img/a.jpg", "img/b.jpg"]'],
    )  # fmt: skip
    def test_several_in_one_cell(self, cell: str) -> None:
        if cell.endswith(", "):
            assert of(image_link=cell.strip(", "))["image_link"] == "img/a.jpg"
            return
        found = of(image_link=cell)
        assert len([found["image_link"], *found["additional_image_link"]]) == 2
        assert of(images=cell)["additional_image_link"] == found["additional_image_link"]

    @pytest.mark.parametrize(
        "link", ["img/red, blue.jpg", "img/red shirt.jpg", "https://s.example/w_4,h_4/a.jpg", "a;b"]
    )
    def test_a_link_with_such_a_mark_stays_one(self, link: str) -> None:
        assert of(image_link=link)["image_link"] == link


class TestCells:
    def test_texts_that_are_kept_from_spreadsheets(self) -> None:
        found = cells("id,title,gtin,mpn", '="0042",Cup,="4006381333931",\'007')
        assert (found["id"], found["gtin"], found["mpn"]) == ("0042", "4006381333931", "007")
        assert outcomes('id,title\n\'0042,Cup\n"=""0043""",Jug\n', "feed.csv") == ["0042", "0043"]

    @pytest.mark.parametrize(
        ("written", "code"),
        [("4006381333931;4006381333948", "4006381333931"), ("4006381333931.0", "4006381333931"),
         ("4.00638E+12", None), ("n/a", None), ("Does not apply", None), ("0000", None),
         ("978-3-16-148410-0", "978-3-16-148410-0")],
    )  # fmt: skip
    def test_numbers_of_goods(self, written: str, code: str | None) -> None:
        assert of(gtin=written)["gtin"] == code

    @pytest.mark.parametrize("word", ["N/A", "null", "#N/A", "-", "--", "NaN", "undefined"])
    def test_words_for_nothing_are_nothing(self, word: str) -> None:
        found = of(brand=word, color=word, item_group_id=word, product_type=word, attributes={"Fit": "slim"})
        assert [found[n] for n in ("brand", "color", "item_group_id", "product_type")] == [None] * 4
        assert cells("id,title,season", f"A1,Cup,{word}")["attributes"] == {}

    def test_what_only_looks_like_nothing_stays(self) -> None:
        assert product_of("id,title\nA1,Null\n", "feed.csv").title == "Null"
        assert of(item_group_id="0")["item_group_id"] is None
        assert of(size="0")["size"] == "0"
        assert of(attributes={"Allergens": "none"})["attributes"] == {"Allergens": "none"}

    def test_blanks_before_quotes(self) -> None:
        assert cells("id, title, price", 'A1, "Cup, big", 3 USD')["title"] == "Cup, big"
        assert cells("id,title,brand", 'A1, "best" cup,N')["title"] == '"best" cup'

    @pytest.mark.parametrize(
        ("path", "expected"),
        [("Home » Kitchen » Cups", "Home > Kitchen > Cups"), ("Home / Kitchen", "Home > Kitchen"),
         ("Home | Kitchen", "Home > Kitchen"), ("Home >> Kitchen", "Home > Kitchen"),
         ("TV/Video", "TV/Video")],
    )  # fmt: skip
    def test_category_paths(self, path: str, expected: str) -> None:
        assert of(category=path)["product_type"] == expected

    @pytest.mark.parametrize(
        ("column", "word"),
        [("deleted", "true"), ("status", "0"), ("商品状态", "下架")],
    )
    def test_not_for_sale(self, column: str, word: str) -> None:
        assert outcomes(json_lines({"id": "A1", "title": "Cup", column: word})) == ["-A1"]


@pytest.mark.parametrize("attribute", ["currency", "unit"])
def test_a_currency_may_be_an_attribute_of_the_price(attribute: str) -> None:
    item = f'<item><id>A1</id><title>Cup</title><price {attribute}="EUR">12.00</price></item>'
    found = product_of(f'<rss version="2.0"><channel>{item}</channel></rss>')
    assert str(found.price) == "12.00 EUR"
