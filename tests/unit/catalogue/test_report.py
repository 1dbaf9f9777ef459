"""What is told of a feed: counts, columns, reasons, and warnings where there is cause for one."""
# ruff: noqa: E501 - files are written as they are

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmpipe.catalogue import read_feed
from mmpipe.catalogue.formats.base import DECIDES
from mmpipe.catalogue.formats.google import GoogleNames
from mmpipe.catalogue.report import Findings
from mmpipe.settings import FeedSettings
from tests.unit.catalogue.feeds import json_lines, read, report_of, rows_of

WHOLE = {"id": "1", "title": "Cup", "price": "5 USD", "image_link": "a.jpg", "availability": "out of stock"}
WOO = 'ID,Type,SKU,Name,Published,"Regular price","In stock?",Images\n'


def warnings_of(*objects: dict[str, Any]) -> list[str]:
    return report_of(json_lines(*objects)).warnings


def items(count: int, **values: Any) -> list[dict[str, Any]]:
    return [{**WHOLE, "id": f"A{n}", **values} for n in range(count)]


class TestCounts:
    def test_every_kind_of_row(self) -> None:
        feed = "id,title,status,_op,price\n1,Cup,,,\n2,Jug,draft,,\n3,,,,\n4,Pot,,delete,\n5,Pan,,,cheap\n6,Bowl,active,,3\n\n"
        report = report_of(feed)
        assert (report.format, report.container) == ("google", "csv")
        assert (report.rows, report.products, report.withdrawn, report.rejected) == (6, 2, 2, 2)
        assert (report.groups, report.stock) == (0, 0)

    def test_variants_and_their_groups(self) -> None:
        woo = (
            WOO.replace("Images", "Parent")
            + "1,variable,P,Shirt,1,,1,\n2,variation,V1,Shirt,1,5,1,P\n3,variation,V2,Shirt,1,5,1,id:1\n"
        )
        report = report_of(woo)
        assert (report.rows, report.products, report.groups) == (3, 2, 1)

    def test_stock_alone(self) -> None:
        inventory = "Handle,Title,Option1 Name,Option1 Value,SKU,Location,Available\ncup,Cup,Title,Default Title,S-1,Here,3\n"
        report = report_of(inventory)
        assert (report.rows, report.products, report.stock) == (1, 0, 1)
        assert report.warnings == []

    def test_what_was_found_so_far_can_be_asked_at_any_time(self) -> None:
        found = read_feed(io.BytesIO(json_lines(*items(3)).encode()), "f", FeedSettings())
        assert found.report.products == 0
        next(found)
        assert found.report.products == 1
        list(found)
        assert found.report.products == found.report.rows == 3

    @pytest.mark.parametrize("name", ["csv", "jsonl", "json", "xml", "parquet"])
    def test_containers(self, name: str) -> None:
        sink = io.BytesIO()
        pq.write_table(pa.table({key: [value] for key, value in WHOLE.items()}), sink)
        feeds: dict[str, str | bytes] = {
            "csv": ",".join(WHOLE) + "\n" + ",".join(WHOLE.values()) + "\n",
            "jsonl": json_lines(WHOLE),
            "json": json.dumps([WHOLE]),
            "xml": "<rss><channel><item>"
            + "".join(f"<{key}>{value}</{key}>" for key, value in WHOLE.items())
            + "</item></channel></rss>",
            "parquet": sink.getvalue(),
        }
        report = report_of(feeds[name])
        assert (report.container, report.products, report.warnings) == (name, 1, [])
        assert report.columns == {key: key for key in WHOLE}


class TestReasons:
    def test_are_grouped_whatever_the_rows_hold(self) -> None:
        rows = (
            [{"id": f"/{n}", "title": "Cup"} for n in range(3)] + [{"id": str(n)} for n in range(2)] + [WHOLE]
        )
        report = report_of(json_lines(*rows))
        assert list(report.reasons.values()) == [3, 2]
        first, second = report.reasons
        assert first.startswith("id: … cannot be an id: use at most ")
        assert second == "title: is missing: give every product one"
        assert sum(report.reasons.values()) == report.rejected

    def test_remedies_keep_their_words(self) -> None:
        data = json_lines(WHOLE).encode() + b'{"id": "2", "title": "\xff"}\n'
        assert report_of(data).reasons == {"row: is not UTF-8: save the feed as UTF-8": 1}

    def test_a_good_feed_has_none(self) -> None:
        assert report_of(json_lines(WHOLE)).reasons == {}

    def test_there_are_at_most_fifty(self) -> None:
        rows = [
            {
                "id": "1",
                "title": "Cup",
                "translations": {f"l{chr(97 + n // 26)}{chr(97 + n % 26)}": {"title": 5, "x": n}},
            }
            for n in range(120)
        ]
        report = report_of(json_lines(*rows))
        assert (report.rejected, len(report.reasons)) == (120, 50)


class TestColumns:
    def test_used_private_and_unknown(self) -> None:
        feed = "id,Product Name,g:price,Colour (main),shipping,cost,custom_label_0,mystery,sku,title_zh,currency,product_detail,status,tags\n1,Cup,5,red,x,3,y,z,S,杯,USD,:Fit:slim,active,t\n"
        report = report_of(feed)
        assert report.columns == {
            "id": "id", "Product Name": "title", "g:price": "price", "Colour (main)": "color", "sku": "id", "title_zh": "translations",
            "currency": "price", "product_detail": "attributes", "status": DECIDES, "tags": "attributes",
        }  # fmt: skip
        assert report.private == ["cost", "custom_label_0", "shipping"]
        assert report.unknown == ["mystery"]

    def test_each_once_and_also_of_later_objects(self) -> None:
        report = report_of(json_lines(WHOLE, {**WHOLE, "mystery": 1}, {**WHOLE, "mystery": 2, "brand": "N"}))
        assert report.unknown == ["mystery"]
        assert report.columns["brand"] == "brand"

    def test_also_where_all_rows_are_withdrawn(self) -> None:
        report = report_of(
            json_lines(
                {"id": "1", "mystery": "x", "status": "draft"}, {"id": "2", "_op": "delete", "other": "y"}
            )
        )
        assert (report.withdrawn, report.unknown) == (2, ["mystery", "other"])

    def test_there_are_at_most_five_hundred_short_ones(self) -> None:
        report = report_of(json_lines({**WHOLE, **{f"k{n}": 1 for n in range(900)}, "x" * 5_000: 1}))
        assert len(report.unknown) == 500
        assert max(map(len, report.unknown)) <= 200

    def test_names_that_cannot_be_stored(self) -> None:
        findings = Findings(GoogleNames(), "jsonl", frozenset())
        findings.used("a\ud800", "title")
        findings.kept("b\ud800")
        findings.unknown("c\ud800")
        findings.note("d\ud800")
        report = findings.report()
        assert (report.columns, report.private, report.unknown, report.warnings) == (
            {"a?": "title"},
            ["b?"],
            ["c?"],
            ["d?"],
        )
        assert report.model_dump_json()


class TestWarnings:
    def test_none_where_there_is_no_cause(self) -> None:
        assert warnings_of(WHOLE) == []
        assert warnings_of({"id": "1", "title": ""}) == []
        assert report_of("id,title,price\n").warnings == []

    def test_no_pictures(self) -> None:
        without = {name: value for name, value in WHOLE.items() if name != "image_link"}
        (found,) = warnings_of(without)
        assert found.startswith("no product has a picture: it has no picture column")
        table = "id,title,price,image_link,availability\n1,Cup,5 USD,,out of stock\n"
        assert report_of(table).warnings == [
            found.replace("it has no picture column", "its picture column is empty")
        ]
        assert warnings_of(without, WHOLE) == []
        assert warnings_of({**without, "additional_image_link": "b.jpg"}) == []

    def test_pictures_inside_the_file_count(self) -> None:
        sink = io.BytesIO()
        pq.write_table(
            pa.table(
                {
                    "id": ["1"],
                    "title": ["Cup"],
                    "image": [b"\x89PNG"],
                    "price": [5.0],
                    "availability": ["out of stock"],
                }
            ),
            sink,
        )
        assert report_of(sink.getvalue()).warnings == []

    def test_no_prices(self) -> None:
        without = {name: value for name, value in WHOLE.items() if name != "price"}
        (found,) = warnings_of(without)
        assert found.startswith("no product has a price: it has no price column")
        table = "id,title,price,image_link,availability\n1,Cup,,a.jpg,out of stock\n"
        assert report_of(table).warnings == [
            found.replace("it has no price column", "its price column is empty")
        ]
        assert warnings_of(without, WHOLE) == []

    def test_no_stock_column(self) -> None:
        without = {name: value for name, value in WHOLE.items() if name != "availability"}
        (found,) = warnings_of(without)
        assert found.startswith("there is no stock column, so every product counts as in stock")
        assert warnings_of(without, WHOLE) == []

    def test_everything_is_in_stock(self) -> None:
        assert warnings_of(*items(20, availability="in stock")) == [
            "every product is in stock: is the stock column exported as the shop has it?"
        ]
        assert warnings_of(*items(19, availability="in stock")) == []
        assert warnings_of(*items(20, availability="in stock"), WHOLE) == []

    def test_numbers_as_ids_beside_skus(self) -> None:
        row = "{},simple,{},Cup,1,5,0,https://shop/a.jpg\n"
        numbers = "all ids are numbers although the file has SKUs: interactions must use the same numbers"
        assert report_of(WOO + row.format(7, "S-1")).warnings == [numbers]
        assert report_of(WOO + row.format(7, "S-1"), woocommerce_id="sku").warnings == []
        assert report_of(WOO + row.format(7, "")).warnings == []
        assert report_of(json_lines({**WHOLE, "sku": "S-1"})).warnings == []

    def test_what_a_format_has_to_say_comes_once_and_first(self) -> None:
        findings = Findings(GoogleNames(), "csv", frozenset())
        findings.note("of the format")
        findings.note("of the format")
        for row in rows_of(json_lines({"id": "1", "title": "Cup"})):
            findings.count(row)
        assert findings.report().warnings[0] == "of the format"
        assert findings.report().warnings.count("of the format") == 1

    def test_a_feed_of_rejects_warns_of_nothing_else(self) -> None:
        rows, report = read("id,title\n,Cup\n")
        assert (len(rows), report.rejected, report.warnings) == (1, 1, [])
