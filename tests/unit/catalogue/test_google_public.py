"""What Meta and OpenAI add to Google's names, what withdraws a product, and what of its columns is public."""
# ruff: noqa: E501 - files are written as they are

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmpipe.schemas.product import Product
from tests.unit.catalogue.feeds import json_lines, outcomes, product_of, reason_of, report_of, rows_of


def item(**values: Any) -> Product:
    return product_of(json_lines({"id": "1", "title": "T", **values}))


class TestForSale:
    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("is_eligible_search", False), ("is_eligible_search", "False"), ("is_eligible_search", "0"), ("is_eligible_search", 0),
            ("enable_search", "no"), ("status", "archived"), ("status", "Draft"), ("visibility", "hidden"), ("Visibility", "Not visible"),
            ("published", "-1"), ("published", 0.0), ("Active (0/1)", "0"), ("archived", True), ("is_hidden", "yes"), ("product_online", "2"), ("上架", "否"),
        ],
    )  # fmt: skip
    def test_what_withdraws(self, column: str, value: Any) -> None:
        assert outcomes(json_lines({"id": "1", "title": "T", column: value})) == ["-1"]

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("is_eligible_search", True), ("is_eligible_search", "1"), ("is_eligible_search", ""), ("is_eligible_search", None), ("status", "active"),
            ("published", "2026-01-01"), ("archived", False), ("is_hidden", "0"), ("product_online", "1"), ("status", {"a": "draft"}), ("visibility", "both"),
        ],
    )  # fmt: skip
    def test_what_does_not(self, column: str, value: Any) -> None:
        assert outcomes(json_lines({"id": "1", "title": "T", column: value})) == ["1"]

    def test_a_withdrawn_row_needs_only_its_id(self) -> None:
        assert outcomes("id,title,price,status\n1,,nonsense,archived\n,T,5 USD,archived\n") == ["-1", "!id"]

    @pytest.mark.parametrize("name", ["_op", "_OP"])
    def test_operations(self, name: str) -> None:
        assert outcomes(f"id,title,{name}\n1,T,delete\n2,T,Remove \n3,T,upsert\n4,T,\n5,T,vanish\n") == [
            "-1",
            "-2",
            "3",
            "4",
            "!_op",
        ]

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("in stock", "in_stock"), ("IN_STOCK", "in_stock"), ("unknown", "in_stock"), ("LimitedAvailability", "in_stock"), ("https://schema.org/InStoreOnly", "in_stock"),
            (5, "in_stock"), ("2.0", "in_stock"), (True, "in_stock"), ("out of stock", "out_of_stock"), ("discontinued", "out_of_stock"), ("http://schema.org/SoldOut", "out_of_stock"),
            ("Reserved", "out_of_stock"), ("pending", "out_of_stock"), ("mark_as_sold", "out_of_stock"), (0, "out_of_stock"), ("-3", "out_of_stock"), (False, "out_of_stock"),
            ("preorder", "preorder"), ("pre_order", "preorder"), ("PreSale", "preorder"), ("backorder", "backorder"), ("onbackorder", "backorder"),
            ("MadeToOrder", "backorder"), ("available for order", "backorder"),
        ],
    )  # fmt: skip
    def test_words_of_availability(self, word: Any, expected: str) -> None:
        assert item(availability=word).availability == expected

    def test_an_unknown_word_is_named(self) -> None:
        assert "availability: 'perhaps' is none of in_stock" in reason_of(
            json_lines({"id": "1", "title": "T", "availability": "perhaps"})
        )


class TestMeta:
    HEADER = "id,title,image[1].url,image[10].url,image[0].url,image[2].url,video[1].url,video[0].url,image[0].tag[0],video[0].tag[1],product_tags[1],product_tags[0],style[0],custom_label_0,custom_number_1,internal_label,quantity_to_sell_on_facebook"
    ROW = "1,T,1.jpg,10.jpg,0.jpg,2.jpg,1.mp4,0.mp4,front,side,new,sale,boho,x,3,y,7"

    def test_numbered_columns(self) -> None:
        product = product_of(f"{self.HEADER}\n{self.ROW}\n")
        assert (product.image_link, product.video_link) == ("0.jpg", "0.mp4")
        assert product.additional_image_link == ("1.jpg", "2.jpg", "10.jpg")
        assert product.attributes == {"product_tags": "new, sale", "style": "boho"}
        assert set(product.private) == {
            "image_0_tag_0", "video_0_tag_1", "video_1_url", "custom_label_0", "custom_number_1", "internal_label", "quantity_to_sell_on_facebook",
        }  # fmt: skip
        assert report_of(f"{self.HEADER}\n{self.ROW}\n").format == "meta"

    def test_an_empty_first_picture(self) -> None:
        product = product_of(f"{self.HEADER}\n{self.ROW.replace(',10.jpg,0.jpg,', ',,,')}\n")
        assert (product.image_link, product.additional_image_link) == ("1.jpg", ("2.jpg",))

    def test_only_numbers_that_are_meant(self) -> None:
        product = item(
            **{"image[0]": "a.jpg", "image[1]": "b.jpg", "image[x].url": "c.jpg", "image[1000].url": "d.jpg"}
        )
        assert (product.image_link, product.additional_image_link) == ("a.jpg", ("b.jpg",))
        assert set(product.private) == {"image_x_url", "image_1000_url"}


OPENAI = {
    "item_id": "A-1", "group_id": "A", "title": "Cup", "description": "Blue", "url": "https://shop/a", "brand": "N", "image_url": "a.jpg",
    "additional_image_urls": ["b.jpg", "c.jpg"], "video_url": "v.mp4", "price": "20.00 USD", "sale_price": "12.00 USD",
    "sale_price_start_date": "2026-03-01", "sale_price_end_date": "2026-03-31", "availability": "unknown", "product_category": "Home > Cups",
    "variant_dict": {"color": "blue", "Glaze": "matt"}, "star_rating": "4.5", "review_count": 12, "is_eligible_search": True,
    "is_eligible_checkout": True, "seller_name": "N Ltd", "target_countries": ["US"], "ads_metadata": {"a": 1},
}  # fmt: skip


def openai_feeds() -> dict[str, bytes]:
    flat = {
        name: json.dumps(value)
        if isinstance(value, dict)
        else ",".join(value)
        if isinstance(value, list)
        else str(value)
        for name, value in OPENAI.items()
    }
    quoted = ['"{}"'.format(value.replace('"', '""')) for value in flat.values()]
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [value] for name, value in OPENAI.items()}), sink, compression="zstd")
    return {
        "jsonl": json_lines(OPENAI).encode(),
        "json": json.dumps([OPENAI], indent=2).encode(),
        "csv": f"{','.join(flat)}\n{','.join(quoted)}\n".encode(),
        "tsv": "\t".join(flat).encode() + b"\n" + "\t".join(quoted).encode() + b"\n",
        "parquet": sink.getvalue(),
    }


@pytest.mark.parametrize("container", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_openais_flat_feed(container: str) -> None:
    data = openai_feeds()[container]
    product, report = product_of(data), report_of(data)
    assert (product.id, product.item_group_id, product.title, product.link) == (
        "A-1",
        "A",
        "Cup",
        "https://shop/a",
    )
    assert (product.image_link, product.additional_image_link, product.video_link) == (
        "a.jpg",
        ("b.jpg", "c.jpg"),
        "v.mp4",
    )
    assert (str(product.price), str(product.sale_price)) == ("20.00 USD", "12.00 USD")
    assert product.sale_price_effective_date is not None
    assert product.sale_price_effective_date.end == datetime(2026, 4, 1, tzinfo=UTC)
    assert (product.availability, product.product_type, product.color) == ("in_stock", "Home > Cups", "blue")
    assert product.attributes == {"Glaze": "matt"}
    assert (product.rating, product.rating_count) == (4.5, 12)
    assert set(product.private) == {"is_eligible_checkout", "seller_name", "target_countries", "ads_metadata"}
    assert "N Ltd" not in product.text_for_lexical()
    assert "jpg" not in product.text_for_lexical()
    assert (report.format, report.unknown, report.rejected) == ("openai", [], 0)


class TestPublic:
    TABLE = "id,title,heel_height,Width Class,cost,Margin,mystery\n1,T,5cm,E,3 USD,40%,x\n"

    def test_columns_that_nobody_named_are_private(self) -> None:
        product, report = product_of(self.TABLE), report_of(self.TABLE)
        assert product.attributes == {}
        assert product.private == {
            "heel_height": "5cm",
            "width_class": "E",
            "cost": "3 USD",
            "margin": "40%",
            "mystery": "x",
        }
        assert (report.unknown, report.private) == (
            ["Width Class", "heel_height", "mystery"],
            ["Margin", "cost"],
        )
        assert "5cm" not in product.text_for_lexical()
        assert "5cm" not in product.public().model_dump_json()

    def test_columns_are_chosen_by_collection(self) -> None:
        chosen: dict[str, Any] = {"public_columns": {"*": ["Heel Height"], "shoes": ["width_class"]}}
        assert product_of(self.TABLE, **chosen).attributes == {"heel_height": "5cm"}
        assert product_of(self.TABLE, collection="shoes", **chosen).attributes == {
            "heel_height": "5cm",
            "width_class": "E",
        }
        assert product_of(self.TABLE, collection="hats", **chosen).attributes == {"heel_height": "5cm"}
        assert report_of(self.TABLE, collection="shoes", **chosen).columns["Width Class"] == "attributes"

    def test_costs_stay_private_whoever_chooses_them(self) -> None:
        chosen: dict[str, Any] = {"public_columns": {"*": ["cost", "margin", "mystery"]}}
        product = product_of(self.TABLE, **chosen)
        assert product.attributes == {"mystery": "x"}
        assert {"cost", "margin"} <= product.private.keys()

    def test_costs_inside_attributes_are_taken_out(self) -> None:
        for attributes in (
            {"Cost": "3", "supplier": "S", "Fit": "slim"},
            [
                {"name": "Cost", "value": 3},
                {"name": "supplier", "value": "S"},
                {"name": "Fit", "value": "slim"},
            ],
        ):
            product = item(attributes=attributes)
            assert (product.attributes, product.private) == ({"Fit": "slim"}, {"Cost": "3", "supplier": "S"})

    def test_a_column_called_private_is_kept(self) -> None:
        assert product_of("id,title,private\n1,T,x\n").private == {"private": "x"}
        assert item(private={"a": "b"}).private == {"a": "b"}

    @pytest.mark.parametrize(
        "attributes",
        [[{"name": ["a"], "value": "x"}], [{"name": {"a": 1}, "value": "x"}], [1], "x", 5, [{"name": "a"}]],
    )
    def test_attributes_that_are_none_cost_their_row(self, attributes: Any) -> None:
        (row,) = rows_of(json_lines({"id": "1", "title": "T", "attributes": attributes}))
        assert row.product is not None or (row.reject is not None and row.reject.field == "attributes")
