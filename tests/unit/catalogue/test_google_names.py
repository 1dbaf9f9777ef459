"""Google's names: grouped attributes in every spelling, several values of one name, sales and their periods."""
# ruff: noqa: E501 - files are written as they are

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mmpipe.schemas.product import Product
from tests.unit.catalogue.feeds import (
    json_lines,
    product_of,
    products_of,
    reason_of,
)

XML = '<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{}</channel></rss>'


def cells(**values: str) -> str:
    """One product as Google's text files have it; two underscores in a name stand for a bracketed hint."""
    row = {"id": "1", **values}
    return "\t".join(row) + "\n" + "\t".join(row.values()) + "\n"


def cell(column: str, value: str, **others: str) -> Product:
    others.setdefault("title", "T")
    return product_of(cells(**{column: value, **others}))


def item(**values: Any) -> Product:
    return product_of(json_lines({"id": "1", "title": "T", **values}))


def element(inner: str, title: str = "<g:title>T</g:title>") -> Product:
    return product_of(XML.format(f"<item><g:id>1</g:id>{title}{inner}</item>"))


class TestStructuredTexts:
    @pytest.mark.parametrize(
        ("column", "text"),
        [
            ("structured_title", 'trained_algorithmic_media:"Oak table: low, round"'),
            ("structured title", 'trained_algorithmic_media:"Oak table: low, round"'),
            ("structured_title", 'default:"Oak table: low, round"'),
            (
                "structured_title(digital_source_type:content)",
                'trained_algorithmic_media:"Oak table: low, round"',
            ),
            ("structured_title(content)", '"Oak table: low, round"'),
            ("structured_title(content)", "Oak table: low, round"),
            ("structured_title", "Oak table: low, round"),
        ],
    )
    def test_titles_in_text_files(self, column: str, text: str) -> None:
        assert product_of(cells(**{column: text})).title == "Oak table: low, round"
        csv = "id,{}\n1,{}\n".format(*('"{}"'.format(each.replace('"', '""')) for each in (column, text)))
        assert product_of(csv).title == "Oak table: low, round"

    def test_quotes_inside(self) -> None:
        text = 'trained_algorithmic_media:"A ""round"" table"'
        assert cell("structured_description", text).description == 'A "round" table'

    def test_xml(self) -> None:
        inner = (
            "<g:structured_title><g:digital_source_type>trained_algorithmic_media</g:digital_source_type><g:content>Oak, round</g:content></g:structured_title>"
            "<g:structured_description><g:content>Solid &amp;lt;b&amp;gt;oak&amp;lt;/b&amp;gt;</g:content></g:structured_description>"
        )
        product = element(inner, title="")
        assert (product.title, product.description) == ("Oak, round", "Solid oak")

    @pytest.mark.parametrize(
        "value",
        [
            {"digital_source_type": "trained_algorithmic_media", "content": "Oak, round"},
            {"digitalSourceType": "TRAINED_ALGORITHMIC_MEDIA", "content": "Oak, round"},
            [{"content": "Oak, round"}],
            '{"content": "Oak, round"}',
        ],
    )
    def test_json(self, value: Any) -> None:
        for name in ("structured_title", "structuredTitle"):
            assert product_of(json_lines({"id": "1", name: value})).title == "Oak, round"

    def test_the_shops_own_words_win(self) -> None:
        assert cell("structured_title", 'trained_algorithmic_media:"Made up"', title="Own").title == "Own"
        assert item(structured_title={"content": "Made up"}).title == "T"

    def test_without_any_title_the_row_is_refused(self) -> None:
        assert reason_of(json_lines({"id": "1", "structured_title": {"content": " "}})).startswith(
            "title: is missing"
        )


DETAILS = {"Fit": "slim", "Legs": "4"}


class TestDetails:
    @pytest.mark.parametrize(
        ("column", "text"),
        [
            ("product_detail", "General:Fit:slim,General:Legs:4"),
            ("product_detail", "General:Fit:slim,:Legs:4"),
            ("product detail", "Fit:slim,Legs:4"),
            ("product_detail(section_name:attribute_name:attribute_value)", "General:Fit:slim,:Legs:4"),
            ("product detail (section name:attribute name:attribute value)", "General:Fit:slim,:Legs:4"),
            ("product_detail(attribute_name:attribute_value)", "Fit:slim,Legs:4"),
            ("product_detail(attribute_value:attribute_name)", "slim:Fit,4:Legs"),
            ("product_detail", '"Size, all":"Fit":"slim",:Legs:"4"'),
            (
                "product_details",
                '[{"attribute_name": "Fit", "attribute_value": "slim"}, {"name": "Legs", "value": 4}]',
            ),
        ],
    )
    def test_text_files(self, column: str, text: str) -> None:
        assert cell(column, text).attributes == DETAILS

    def test_marks_inside_quotes_and_in_the_last_part_belong_to_the_value(self) -> None:
        found = cell("product_detail", '"X, y":Height:"12"" tall, or: more",Care:Wash at:30:40').attributes
        assert found == {"Height": '12" tall, or: more', "Wash at": "30:40"}

    @pytest.mark.parametrize("name", ["product_detail", "product_details", "productDetails"])
    def test_json(self, name: str) -> None:
        parts = [
            {"section_name": "General", "attribute_name": "Fit", "attribute_value": "slim"},
            {"attributeName": "Legs", "attributeValue": 4},
        ]
        assert item(**{name: parts}).attributes == DETAILS
        assert item(**{name: parts[0]}).attributes == {"Fit": "slim"}

    def test_xml(self) -> None:
        parts = "".join(
            f"<g:product_detail><g:section_name>S</g:section_name><g:attribute_name>{name}</g:attribute_name><g:attribute_value>{value}</g:attribute_value></g:product_detail>"
            for name, value in DETAILS.items()
        )
        assert element(parts).attributes == DETAILS

    def test_of_one_name_the_first_counts(self) -> None:
        assert cell("product_detail", "A:Fit:slim,B:Fit:wide").attributes == {"Fit": "slim"}

    def test_more_than_a_product_may_have_are_kept_privately(self) -> None:
        product = item(product_detail=[{"name": f"n{n}", "value": "v"} for n in range(150)])
        assert (len(product.attributes), len(product.private)) == (100, 50)
        assert "n149" in product.private

    def test_costs_among_them_are_nobodys_business(self) -> None:
        product = cell("product_detail", ":Purchase price:5,:Legs:4")
        assert (product.attributes, product.private) == ({"Legs": "4"}, {"Purchase price": "5"})


class TestHighlights:
    def test_all_of_them_in_one_attribute(self) -> None:
        wanted = {"product_highlight": 'light, strong | says "hi"'}
        assert cell("product_highlight", '"light, strong","says ""hi"""').attributes == wanted
        assert item(product_highlight=["light, strong", 'says "hi"']).attributes == wanted
        assert item(productHighlights=["light, strong", 'says "hi"']).attributes == wanted
        many = '<g:product_highlight>light, strong</g:product_highlight><g:product_highlight>says "hi"</g:product_highlight>'
        assert element(many).attributes == wanted

    def test_without_quotes_a_comma_is_one(self) -> None:
        assert cell("product_highlight", "light, strong and blue").attributes == {
            "product_highlight": "light, strong and blue"
        }


class TestVariantOptions:
    @pytest.mark.parametrize(
        "product",
        [
            lambda: cell("variant_option", "Color:red,Shoe size:40,Fit:slim"),
            lambda: cell("variant_option", '"Color":"red","Shoe size":"40","Fit":"slim"'),
            lambda: item(variant_option=[{"name": "Color", "value": "red"}, {"name": "Shoe size", "value": 40}, {"name": "Fit", "value": "slim"}]),
            lambda: item(variant_dict={"Color": "red", "Shoe size": "40", "Fit": "slim"}),
            lambda: item(variant_dict='{"Color": "red", "Shoe size": "40", "Fit": "slim"}'),
            lambda: cell("additional_variant_attribute", "Color:red,Shoe size:40,Fit:slim"),
            lambda: element("".join(f"<g:variant_option><g:name>{n}</g:name><g:value>{v}</g:value></g:variant_option>" for n, v in [("Color", "red"), ("Shoe size", "40"), ("Fit", "slim")])),
        ],
    )  # fmt: skip
    def test_fill_their_fields_else_attributes(self, product: Any) -> None:
        found = product()
        assert (found.color, found.size, found.attributes) == ("red", "40", {"Fit": "slim"})

    def test_a_field_of_its_own_wins(self) -> None:
        product = cell("variant_option", "color:red,Fit:slim", color="blue")
        assert (product.color, product.attributes) == ("blue", {"color": "red", "Fit": "slim"})
        assert cell("variant_option", "color:red", color="red").attributes == {}


class TestQuestions:
    def test_are_read_by_full_text_search_alone(self) -> None:
        for product in (
            cell("question_and_answer", '"Is it oak?":"Yes, all of it.","Is it round?":"No."'),
            item(
                question_and_answer=[
                    {"question": "Is it oak?", "answer": "Yes, all of it."},
                    {"question": "Is it round?", "answer": "No."},
                ]
            ),
            element(
                "".join(
                    f"<g:question_and_answer><g:question>{q}</g:question><g:answer>{a}</g:answer></g:question_and_answer>"
                    for q, a in [("Is it oak?", "Yes, all of it."), ("Is it round?", "No.")]
                )
            ),
        ):
            assert product.additional_text == "Is it oak?\nYes, all of it.\nIs it round?\nNo."
            assert product.attributes == {}
            assert "Yes, all of it." in product.text_for_lexical()
            assert "Yes, all of it." not in product.text_for_encoder()


class TestSeveral:
    def test_in_text_files(self) -> None:
        product = product_of(
            cells(
                title="T",
                image_link="a.jpg",
                additional_image_link='"https://cdn/b,2.jpg","https://cdn/c.jpg"',
                lifestyle_image_link="l.jpg",
                video_link="https://cdn/1.mp4, https://cdn/2.mp4",
                gtin="4006381333931, 4006381333948",
                product_type='"Home > Kitchen, Bath","Sale > Cups"',
            )
        )
        assert (product.image_link, product.video_link) == ("a.jpg", "https://cdn/1.mp4")
        assert product.additional_image_link == ("https://cdn/b,2.jpg", "https://cdn/c.jpg", "l.jpg")
        assert (product.gtin, product.product_type) == ("4006381333931", "Home > Kitchen, Bath")

    @pytest.mark.parametrize(
        ("text", "links"),
        [
            (
                "https://cdn/w_400,h_400/b.jpg,https://cdn/w_400,h_400,c_fill/c.jpg",
                ("https://cdn/w_400,h_400/b.jpg", "https://cdn/w_400,h_400,c_fill/c.jpg"),
            ),
            ("https://cdn/w_400,h_400/b,https://cdn/c", ("https://cdn/w_400,h_400/b", "https://cdn/c")),
            ("https://cdn/b.jpg,c.jpg", ("https://cdn/b.jpg", "c.jpg")),
            ("https://cdn/b.jpg?v=1,c.jpg, d.jpg", ("https://cdn/b.jpg?v=1", "c.jpg", "d.jpg")),
            ("b.jpg,media/c.jpg", ("b.jpg", "media/c.jpg")),
            (
                "https://cdn/b, https://cdn/c ,https://cdn/d",
                ("https://cdn/b", "https://cdn/c", "https://cdn/d"),
            ),
            ('"https://cdn/b,1","https://cdn/c"', ("https://cdn/b,1", "https://cdn/c")),
            (
                "data:image/png;base64,AAAA,https://cdn/c.jpg",
                ("data:image/png;base64,AAAA", "https://cdn/c.jpg"),
            ),
        ],
    )
    def test_commas_inside_addresses(self, text: str, links: tuple[str, ...]) -> None:
        assert item(image_link="a.jpg", additional_image_link=text).additional_image_link == links
        assert item(video_link=text).video_link == links[0]

    def test_in_xml(self) -> None:
        product = element(
            "".join(
                f"<g:{name}>{value}</g:{name}>"
                for name, values in {
                    "additional_image_link": ["b,2.jpg", "c.jpg"],
                    "lifestyle_image_link": ["l.jpg"],
                    "video_link": ["1.mp4", "2.mp4"],
                    "gtin": ["4006381333931", "4006381333948"],
                    "product_type": ["Home &gt; Kitchen", "Sale &gt; Cups"],
                    "image_link": ["a.jpg"],
                }.items()
                for value in values
            )
        )
        assert product.additional_image_link == ("b,2.jpg", "c.jpg", "l.jpg")
        assert (product.image_link, product.video_link, product.gtin) == ("a.jpg", "1.mp4", "4006381333931")
        assert product.product_type == "Home > Kitchen"
        assert product.attributes == {"more_product_types": "Sale > Cups"}

    def test_in_json(self) -> None:
        product = item(
            additional_image_link=["b,2.jpg", {"url": "c.jpg"}], lifestyle_image_links=["l.jpg"], image_link="a.jpg",
            video_links=["1.mp4", "2.mp4"], gtins=["4006381333931", "4006381333948"], product_types=["Home > Kitchen", "Sale > Cups"],
        )  # fmt: skip
        assert product.additional_image_link == ("b,2.jpg", "c.jpg", "l.jpg")
        assert (product.image_link, product.video_link, product.gtin) == ("a.jpg", "1.mp4", "4006381333931")
        assert product.product_type == "Home > Kitchen"

    def test_json_inside_a_picture_cell(self) -> None:
        table = 'id,title,image\n1,T,"[""a,1.jpg"", ""b.jpg""]"\n2,T,"[ {""url"": ""a.jpg""} ]"\n3,T,[]\n4,T,"[\'a.jpg\']"\n5,T,[x].jpg\n'
        assert [(p.image_link, p.additional_image_link) for p in products_of(table)] == [
            ("a,1.jpg", ("b.jpg",)),
            ("a.jpg", ()),
            (None, ()),
            ("a.jpg", ()),
            ("[x].jpg", ()),
        ]

    def test_markup_inside_xml(self) -> None:
        product = element(
            "<description><p>Warm <b>oak</b></p>and more</description>",
            title="<title>A <i>round</i> table</title>",
        )
        assert (product.title, product.description) == ("A round table", "Warm oak and more")

    def test_the_title_of_the_group(self) -> None:
        product = cell("item_group_title", "Tables", item_group_id="G")
        assert (product.item_group_id, product.item_group_title) == ("G", "Tables")


class TestSales:
    @pytest.mark.parametrize(
        ("text", "start", "end"),
        [
            (
                "2026-03-01T00:00-0800/2026-03-31T23:59-0800",
                datetime(2026, 3, 1, 8, tzinfo=UTC),
                datetime(2026, 4, 1, 7, 59, tzinfo=UTC),
            ),
            (
                "2026-03-01T00:00Z / 2026-03-31T23:59Z",
                datetime(2026, 3, 1, tzinfo=UTC),
                datetime(2026, 3, 31, 23, 59, tzinfo=UTC),
            ),
            ("2026-03-01/2026-03-31", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)),
            ("2026-03-01/", datetime(2026, 3, 1, tzinfo=UTC), None),
        ],
    )
    def test_periods(self, text: str, start: datetime, end: datetime | None) -> None:
        product = cell("sale_price_effective_date", text, price="20 USD", sale_price="12 USD")
        assert product.sale_price_effective_date is not None
        assert (product.sale_price_effective_date.start, product.sale_price_effective_date.end) == (
            start,
            end,
        )
        assert str(product.effective_price(start)) == "12 USD"
        assert str(product.effective_price(datetime(2026, 2, 28, tzinfo=UTC))) == "20 USD"

    def test_starts_and_ends_in_columns_of_their_own(self) -> None:
        product = item(
            price="20 USD",
            sale_price="12 USD",
            sale_price_start_date="2026-03-01",
            sale_price_end_date="2026-03-31",
        )
        assert product.sale_price_effective_date is not None
        assert str(product.effective_price(datetime(2026, 3, 31, 23, tzinfo=UTC))) == "12 USD"
        assert str(product.effective_price(datetime(2026, 4, 1, tzinfo=UTC))) == "20 USD"

    @pytest.mark.parametrize(
        "text", ["soon", "2026-03-01/soon", "2026-03-01", "2026-13-01/2026-14-01", "0000-01-01/99999-01-01"]
    )
    def test_no_period_is_named(self, text: str) -> None:
        feed = cells(title="T", price="20 USD", sale_price="12 USD", sale_price_effective_date=text)
        assert reason_of(feed).startswith("sale_price_effective_date: ")
        assert ": write " in reason_of(feed)

    @pytest.mark.parametrize("end", ["9999-12-31", "9999-12-31T23:59:59-12:00"])
    def test_for_ever(self, end: str) -> None:
        product = cell("sale_price_effective_date", f"2026-03-01/{end}", price="20 USD", sale_price="12 USD")
        assert product.sale_price_effective_date is not None
        assert product.sale_price_effective_date.end is None

    @pytest.mark.parametrize("sale", ["0", "0.00 USD", "20 USD", "25.00", "", " "])
    def test_nothing_and_no_less_are_no_sale(self, sale: str) -> None:
        product = cell("sale_price", sale, price="20 USD", sale_price_effective_date="whenever")
        assert (product.sale_price, product.sale_price_effective_date) == (None, None)

    def test_another_currency_is_no_sale(self) -> None:
        product = cell("sale_price", "12 EUR", price="20 USD")
        assert product.valid_sale_price is None
        assert str(product.effective_price(datetime(2026, 3, 1, tzinfo=UTC))) == "20 USD"

    def test_millionths(self) -> None:
        product = item(
            price={"amountMicros": "19990000", "currencyCode": "EUR"},
            sale_price={"amount_micros": 9_990_000, "currency_code": "EUR"},
        )
        assert product.price is not None
        assert (product.price.amount, str(product.sale_price)) == (Decimal("19.99"), "9.99 EUR")
        for wrong in ("1.5", "-5", "9" * 30, "x", ""):
            assert reason_of(
                json_lines({"id": "1", "title": "T", "price": {"amountMicros": wrong, "currencyCode": "EUR"}})
            ).startswith("price: amountMicros")
