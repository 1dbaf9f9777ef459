"""JSON in one piece: lists, objects around lists, objects over several lines, and what breaks them."""
# ruff: noqa: E501 - files are written as they are

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.catalogue import read_feed
from mmpipe.settings import FeedSettings
from tests.unit.catalogue.feeds import (
    json_lines,
    outcomes,
    product_of,
    read,
    reason_of,
    report_of,
    rows_of,
    until_error,
)

A, B, C = ({"id": name, "title": f"Cup {name}", "tags": ["x", "y"]} for name in "ABC")
WRAPPERS = ["products", "items", "data", "results", "entries", "@graph", "itemListElement", "resources"]


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class TestLists:
    @pytest.mark.parametrize("indent", [None, 0, 4])
    def test_of_objects(self, indent: int | None) -> None:
        rows, report = read(json.dumps([A, B, C], indent=indent))
        assert [row.product_id for row in rows] == ["A", "B", "C"]
        assert [row.row for row in rows] == [1, 2, 3]
        assert (report.container, report.rows, report.products) == ("json", 3, 3)
        assert json.loads(rows[1].raw) == B

    def test_empty_ones(self) -> None:
        for text in ("[]", " [ ] ", '{"products": []}', '{"products":[],"next":null}'):
            assert report_of(text).rows == 0

    def test_what_is_no_object_costs_its_own_row(self) -> None:
        text = json.dumps([A, None, 3, "x", [B], {}, B])
        assert outcomes(text) == ["A", "!row", "!row", "!row", "!row", "!id", "B"]
        assert "write the fields of a product in braces" in str(rows_of(text)[1].reject)

    @pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_encodings(self, codec: str) -> None:
        text = json.dumps([{"id": "1", "title": "Tasse 一杯"}], ensure_ascii=False, indent=1)
        assert product_of(text.encode(codec)).title == "Tasse 一杯"

    def test_bad_bytes_cost_one_element(self) -> None:
        text = json.dumps([A, {"id": "X", "title": "?"}, B]).encode().replace(b"?", b"\xff")
        assert outcomes(text) == ["A", "!row", "B"]
        assert "save the feed as UTF-8" in str(rows_of(text)[1].reject)

    def test_commas_too_many_and_too_few_do_no_harm(self) -> None:
        a, b = compact(A), compact(B)
        for text in (f"[{a},{b},]", f"[{a},,{b}]", f"[{a} {b}]", f"[{a}\n,\n{b}\n]\n"):
            assert outcomes(text) == ["A", "B"]

    def test_elements_over_the_edges_of_what_is_read_at_once(self) -> None:
        # 256 Ki characters are read at a time; words, escapes and numbers stand across each edge.
        items = [
            {"id": str(n), "title": 'é\\"\u2028' * (n % 97), "gtin": 10**12 + n, "x": [True, None, 1.5]}
            for n in range(9_000)
        ]
        for item in items:
            item["title"] = f"T{item['title']}"[:400]
        text = json.dumps(items)
        assert len(text) > 4 * 256 * 1024
        rows = rows_of(text)
        assert [json.loads(row.raw) for row in rows] == items

    @given(
        st.lists(
            st.dictionaries(
                st.text(max_size=5),
                st.none()
                | st.booleans()
                | st.text(max_size=9)
                | st.integers()
                | st.lists(st.integers(), max_size=3),
                max_size=4,
            ),
            max_size=5,
        ),
        st.sampled_from([None, 0, 2]),
    )
    def test_any_list_of_objects_gives_a_row_each(
        self, items: list[dict[str, Any]], indent: int | None
    ) -> None:
        text = json.dumps(
            [{**item, "id": str(n), "title": "T"} for n, item in enumerate(items)], indent=indent
        )
        assert [row.row for row in rows_of(text)] == [*range(1, len(items) + 1)]


class TestWrappers:
    @pytest.mark.parametrize("name", WRAPPERS)
    def test_usual_names(self, name: str) -> None:
        assert outcomes(json.dumps({name: [A, B]})) == ["A", "B"]
        assert outcomes(json.dumps({name: [A, B]}, indent=2)) == ["A", "B"]

    def test_what_stands_around_the_list_is_passed_over(self) -> None:
        around = {
            "version": 1.5,
            "title": 'a "feed", of [cups]',
            "ok": True,
            "next": None,
            "meta": {"page": [1, {"of": 2}]},
            "links": ["x"],
        }
        for indent in (None, 2):
            assert outcomes(json.dumps({**around, "products": [A, B]}, indent=indent)) == ["A", "B"]
            assert outcomes(json.dumps({"products": [A, B], **around}, indent=indent)) == ["A", "B"]
        assert outcomes(
            json.dumps({**around, "products": [A], "categories": [{"id": "Z", "title": "none"}]})
        ) == ["A"]

    def test_pages_one_behind_the_other(self) -> None:
        assert outcomes(json_lines({"products": [A], "page": 1}, {"products": [B, C], "page": 2})) == [
            "A",
            "B",
            "C",
        ]
        assert outcomes(json_lines([A], [B, C])) == ["A", "B", "C"]
        assert outcomes(compact({"items": [A]}) + compact({"items": [B]})) == ["A", "B"]
        assert [row.row for row in rows_of(json_lines([A], [B, C]))] == [1, 2, 3]

    @pytest.mark.parametrize("name", [name for name in WRAPPERS if name != "@graph"])
    @pytest.mark.parametrize("first", [True, False])
    def test_a_product_with_such_a_list_of_its_own_is_a_product(self, name: str, first: bool) -> None:
        parts = {name: [{"id": "part", "title": "Saucer"}]}
        products = [{**parts, **each} if first else {**each, **parts} for each in (A, B)]
        assert outcomes(json_lines(*products)) == ["A", "B"]
        assert outcomes("".join(json.dumps(each, indent=1) for each in products)) == ["A", "B"]

    def test_a_list_of_words_is_no_list_of_products(self) -> None:
        assert outcomes(json_lines({"items": ["cup", "saucer"], "sku": "A", "name": "Set"})) == ["A"]
        assert outcomes(json_lines({"items": ["cup", "saucer"]})) == ["!id"]


class TestObjects:
    def test_over_several_lines(self) -> None:
        text = "\n".join(json.dumps(each, indent=2) for each in (A, B, C))
        assert outcomes(text) == ["A", "B", "C"]
        assert outcomes(text, "feed.jsonl") == ["A", "B", "C"]
        assert outcomes(text.replace("\n}", "\n},")) == ["A", "B", "C"]

    def test_one_alone(self) -> None:
        assert outcomes(json.dumps(A)) == ["A"]
        assert outcomes(json.dumps(A, indent=2)) == ["A"]

    def test_a_list_before_lines_of_objects_costs_itself(self) -> None:
        assert outcomes("[1]\n" + json_lines(A, B)) == ["!row", "A", "B"]

    @pytest.mark.parametrize("broken", ['{"id": "X",', '{"id": "X"', '{"id": "X", "x": {', "{broken,", "{"])
    def test_a_broken_line_before_others_costs_itself(self, broken: str) -> None:
        assert outcomes(f"{broken}\n{json_lines(A, B)}") == ["!row", "A", "B"]

    def test_lines_that_end_in_commas(self) -> None:
        assert outcomes(",\n".join(map(compact, (A, B, C)))) == ["A", "B", "C"]


class TestBroken:
    @pytest.mark.parametrize(
        "fault",
        [
            '{"id": "X" "title": "T"}',
            '{"id": "X", title: "T"}',
            "{'id': 'X'}",
            '{"id": 01}',
            "nothing",
            "}",
            '{"id": "\\x"}',
            '{"id": "a\nb"}',
        ],
    )
    def test_a_fault_gives_what_came_before_it(self, fault: str) -> None:
        before, message = until_error(f"[{compact(A)},{compact(B)},{fault},{compact(C)}]")
        assert before == ["A", "B"]
        assert "read as JSON, it is broken after 2 elements" in message
        assert "one object a line" in message

    def test_a_fault_is_told_from_a_long_element(self) -> None:
        text = f"[{compact(A)},{{'id': 1}}" + f",{compact(B)}" * 50_000 + "]"
        before, message = until_error(text, max_row_bytes=10_000)
        assert before == ["A"]
        assert "is broken after 1 elements" in message

    @pytest.mark.parametrize(
        "end", ["", ",", ',{"id"', ',{"id": "X', ',{"id": "X\\', ',{"id": "X", "title": tr', ',{"id": 1.']
    )
    @pytest.mark.parametrize("start", ["[", '{"products": ['])
    def test_half_a_file_gives_its_first_half(self, start: str, end: str) -> None:
        before, message = until_error(f"{start}{compact(A)},{compact(B)}{end}")
        assert before == ["A", "B"]
        assert "is broken after 2 elements" in message

    @pytest.mark.parametrize("rest", ["xyz", "}", "<html>", '{"id": "X"'])
    def test_what_stands_behind_a_list_is_not_passed_over(self, rest: str) -> None:
        before, message = until_error(f"[{compact(A)}]\n{rest}")
        assert before == ["A"]
        assert "is broken after 1 elements" in message

    def test_an_element_that_is_too_long(self) -> None:
        long = {"id": "X", "title": "T", "x": "y" * 3_000}
        assert outcomes(json.dumps([A, long, B]), max_row_bytes=1_000) == ["A", "!row", "B"]
        assert "longer than 1,000 bytes: link media" in str(
            rows_of(json.dumps([A, long]), max_row_bytes=1_000)[1].reject
        )
        long["x"] = "y" * 1_000_000
        before, message = until_error(json.dumps([A, long, B]), max_row_bytes=1_000)
        assert before == ["A"]
        assert "element 2 is longer than 1,000 characters" in message

    @pytest.mark.parametrize("depth", [64, 500, 700])
    def test_nesting_costs_its_element(self, depth: int) -> None:
        deep = "[" * depth + "]" * depth
        text = f'[{compact(A)},{{"id": "X", "title": "T", "x": {deep}}},{compact(B)}]'
        assert outcomes(text) == ["A", "!row", "B"]
        assert outcomes(
            "\n".join([compact(A), text[1:-1].split(",{")[0], f'{{"id": "X", "x": {deep}}}'])
        ) == ["A", "A", "!row"]
        assert "is nested too deep: write flat fields" in reason_of(
            f'{{"id": "X", "title": "T", "x": {deep}}}'
        )

    def test_bottomless_nesting_is_refused(self) -> None:
        assert outcomes('{"a":' * 100_000) == ["!row"]
        for text in ("[" * 100_000, '[{"id": "1", "x":' + "[" * 100_000):
            assert "element 1 is nested too deep: write flat fields" in until_error(text)[1]

    def test_nesting_that_a_product_may_have(self) -> None:
        deep = "[" * 62 + "]" * 62
        assert outcomes(f'{{"id": "X", "title": "T", "x": {deep}}}') == ["X"]

    @pytest.mark.parametrize("field", ["image_link", "additional_image_link", "attributes", "translations", "product_detail",
                                       "variant_option", "structured_title", "color", "tags", "product_type", "private", "price"])  # fmt: skip
    @pytest.mark.parametrize("depth", [60, 400, 990])
    def test_nesting_inside_a_cell_is_no_danger(self, field: str, depth: int) -> None:
        deep = "[" * depth + "]" * depth
        (row,) = rows_of(json_lines({"id": "X", "title": "T", field: deep}))
        assert row.row == 1
        (row,) = rows_of(f'{{"id": "X", "title": "T", "{field}": {deep[:60]}{deep[-60:]}}}\n')
        assert row.row == 1

    def test_numbers_of_thousands_of_digits_cost_their_own_price(self) -> None:
        digits = "9" * 10_000
        for text in (
            f'{{"id": "X", "title": "T", "price": {digits}}}\n{compact(A)}',
            f'[{{"id": "X", "title": "T", "price": {digits}}},{compact(A)}]',
        ):
            assert outcomes(text) == ["!price", "A"]
            assert str(rows_of(text)[0].reject) == "price: is no finite number: write it as 19.99 USD"
        assert product_of(f'{{"id": "X", "title": "T", "x": {digits}}}').private == {"x": "inf"}

    def test_no_numbers(self) -> None:
        rows = rows_of(
            '{"id": "X", "title": "T", "price": NaN, "x": Infinity, "y": -Infinity}\n{"id": NaN, "title": "T"}\n'
        )
        assert rows[0].product is not None
        assert (rows[0].product.price, rows[0].product.private) == (None, {"x": "inf", "y": "-inf"})
        assert "id: is missing" in str(rows[1].reject)

    def test_half_surrogate_pairs(self) -> None:
        assert outcomes('{"id": "X", "title": "\\ud800"}\n') == ["!title"]
        assert outcomes('{"id": "\\ud800", "title": "T"}\n') == ["!id"]
        _, report = read('{"id": "X", "title": "T", "\\ud800": null, "a\\udfff": "x"}\n')
        assert report.unknown == ["a?"]
        assert report.model_dump_json()

    def test_names_of_python_and_of_anything_are_ordinary(self) -> None:
        odd = {
            "__class__": "x",
            "__init__": {"a": 1},
            "constructor": "y",
            "model_fields": "z",
            "": "w",
            " ": "v",
            "id ": "u",
        }
        assert product_of(json_lines({**A, **odd})).private == {"constructor": "y", "model_fields": "z"}

    def test_keys_of_a_million_characters(self) -> None:
        lines = json_lines(
            *(
                {"id": str(n), "title": "T", f"{n}{'k' * 1_000_000}": "x", f"(a){' ' * 500_000}{n}": "y"}
                for n in range(5)
            )
        )
        assert [len(row.raw) < 66_000 for row in rows_of(lines)] == [True] * 5
        assert all(len(name) <= 200 for name in report_of(lines).unknown)

    def test_thousands_of_keys(self) -> None:
        wide = {**A, **{f"k{n}": n for n in range(3_000)}}
        assert reason_of(json_lines(wide)) == "row: holds 3,003 columns: 2,000 are allowed"


def test_memory_holds_one_element_at_a_time() -> None:
    item = json.dumps({"id": "1", "title": "T", "description": "word " * 200, "x": ["y"] * 100}).encode()

    def peak(count: int) -> int:
        stream = io.BytesIO(b"[" + b",".join([item] * count) + b"]")
        tracemalloc.start()
        assert sum(1 for _ in read_feed(stream, "f.json", FeedSettings())) == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(10)
    assert peak(2_000) < 1.5 * peak(500)
