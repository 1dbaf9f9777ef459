"""Feeds that are damaged, or made to do harm: nothing but the documented error leaves the reader, within bounds."""
# ruff: noqa: E501 - files are written as they are

from __future__ import annotations

import gzip
import io
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.catalogue import read_feed
from mmpipe.catalogue.rows import MAX_RAW_BYTES
from mmpipe.errors import InvalidFeed
from mmpipe.settings import FeedSettings
from tests.unit.catalogue.feeds import json_lines, outcomes, product_of, reason_of, rows_of, told, until_error
from tests.unit.catalogue.test_detection import FEEDS

XML = (
    '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>1</g:id><title>Cup</title><g:price>5 USD</g:price>'
    "<g:product_detail><g:attribute_name>Fit</g:attribute_name><g:attribute_value>slim</g:attribute_value></g:product_detail>"
    "<description><p>Blue</p></description></item></channel></rss>"
)
RICH = (
    "id,title,price,sale_price,sale_price_effective_date,image_link,additional_image_link,product_detail,product_highlight,availability,product_type,"
    'attributes,translations,status,variant_option,question_and_answer\n1,Cup,5 USD,4 USD,2026-01-01/2026-02-01,a.jpg,"b.jpg,c.jpg",S:N:V,"x, y",in stock,A > B,'
    '"{""Fit"": ""slim""}","{""de"": {""title"": ""Tasse""}}",active,color:red,"a:b"\n'
)
SEEDS = [feed.encode() for feed in (*FEEDS.values(), XML, RICH, RICH.replace(",", "\t"))] + [
    gzip.compress(RICH.encode()),
    RICH.encode("utf-16"),
]
PIECES = [b",", b";", b"\t", b'"', b"\n", b"\r", b"\x00", b"{", b"}", b"[", b"]", b":", b"null", b"NaN", b"1e999", b"9" * 400, b"\\ud800",
          b"\xff", b"\xef\xbb\xbf", b"[]", b"<", b">", b"&#" + b"9" * 5_000 + b";", b"<script>", b"9999-12-31", b"0000-00-00", b"[[[[",
          b"__class__", b'{"a":{"b":[1]}}', b"gid://shopify/Product/", b"sep=;\n", b"# ", b"variants", b"@graph", b'{"name":["x"]}']  # fmt: skip
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES) | st.binary(max_size=6)),
    min_size=1,
    max_size=6,
)


def check(data: bytes, max_row_bytes: int) -> None:
    """Whatever ``data`` is, its rows and its report are whole, or it is refused."""
    try:
        found = read_feed(
            io.BytesIO(data), "feed", FeedSettings(max_row_bytes=max_row_bytes, max_bytes=1_000_000)
        )
        numbers = set()
        for row in found:
            told(row)
            assert len(row.raw.encode()) <= MAX_RAW_BYTES
            assert row.reject is None or len(str(row.reject).encode()) < 2_000
            if row.product is not None:
                row.product.model_dump_json()
            numbers.add(row.row)
        report = found.report
    except InvalidFeed as error:
        _fits(str(error))
        return
    report.model_dump_json()
    if report.format in ("google", "meta", "openai"):
        assert numbers == set(range(1, report.rows + 1))


def _fits(message: str) -> None:
    assert len(message.encode()) < 3_000


@settings(max_examples=300)
@given(seed=st.sampled_from(SEEDS), edits=EDITS, max_row_bytes=st.sampled_from([200, 5_000, 1_000_000]))
def test_damaged_feeds_of_every_format(
    seed: bytes, edits: list[tuple[float, int, bytes]], max_row_bytes: int
) -> None:
    for at, length, piece in edits:
        place = int(at * len(seed))
        seed = seed[:place] + piece + seed[place + length :]
    check(seed, max_row_bytes)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", " ", "\ud800", "&#" + "9" * 5_000 + ";", "9999-12-31", "[[[", '{"a": 1}', "x" * 600, 10**400])
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value", "content", "amount", "currency", "url", "start", "title", "a"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = st.sampled_from(
    ["id", "title", "price", "sale_price", "sale_price_effective_date", "image_link", "additional_image_link", "attributes", "translations", "private", "availability",
     "product_type", "product_detail", "variant_option", "structured_title", "question_and_answer", "gtin", "status", "_op", "currency", "language", "variants", "offers",
     "@type", "@graph", "productAttributes", "offerId", "handle", "options", "images", "item_group_id", "link", "tags", "brand", "additional_text", "sku"]
)  # fmt: skip


@settings(max_examples=120)
@given(
    st.lists(st.dictionaries(KEYS | st.text(max_size=4), VALUES, max_size=6), min_size=1, max_size=3),
    st.booleans(),
)
def test_objects_of_anything(objects: list[dict[str, Any]], listed: bool) -> None:
    check(
        json.dumps(objects).encode() if listed else json_lines(*objects).encode("utf-8", "surrogatepass"),
        1_000_000,
    )


class TestTime:
    """A quadratic pattern over these takes minutes."""

    FIELDS = (
        "title", "price", "sale_price_effective_date", "availability", "product_detail", "product_highlight", "variant_option", "question_and_answer",
        "structured_title", "image_link", "additional_image_link", "video_link", "attributes", "translations", "product_type", "categories", "tags", "mystery", "_op", "language",
    )  # fmt: skip

    @pytest.mark.parametrize("piece", [" ", '"', ":,", "<a ", "[", ",", "(", "9", "\\", "'", "a:b,"])
    def test_long_values(self, piece: str) -> None:
        value = "a" + piece * (300_000 // len(piece)) + "b"
        lines = json_lines(
            *(
                {"id": "1", "title": "T", "price": "5 USD", "sale_price": "4 USD", field: value}
                for field in self.FIELDS
            )
        )
        started = time.process_time()
        assert len(rows_of(lines)) == len(self.FIELDS)
        assert time.process_time() - started < 20

    @pytest.mark.parametrize("field", ["additional_image_link", "video_link", "image_link"])
    def test_addresses_of_commas(self, field: str) -> None:
        started = time.process_time()
        outcomes(json_lines({"id": "1", "title": "T", field: "https://cdn/" + "," * 2_000_000}))
        assert time.process_time() - started < 60

    @pytest.mark.parametrize(
        "name",
        [
            "(" * 300_000,
            "(a)" + " " * 300_000 + "x",
            " " * 300_000 + "(",
            "aA" * 150_000,
            "cost_" * 60_000,
            "a" + "[0]" * 100_000,
        ],
    )
    def test_long_names(self, name: str) -> None:
        started = time.process_time()
        assert product_of(json_lines({"id": "1", "title": "T", name: "x"})).title == "T"
        assert outcomes(f'id,title,"{name}"\n1,T,x\n') == ["1"]
        assert time.process_time() - started < 5

    @pytest.mark.parametrize(
        "head",
        [
            '{"items":[' * 30_000,
            "{" + '"a":1,' * 50_000,
            "{" + " " * 300_000 + '"a":1',
            '{"a":"' + "\\\\" * 150_000,
            '{"products":[' + " " * 300_000,
        ],
    )
    def test_beginnings_of_json(self, head: str) -> None:
        started = time.process_time()
        check(head.encode(), 1_000_000)
        assert time.process_time() - started < 5

    def test_quotes_that_never_close_over_short_lines(self) -> None:
        started = time.process_time()
        assert len(rows_of("id,title\n" + '"a","\n' * 5_000)) == 5_000
        assert time.process_time() - started < 15


class TestValues:
    def test_a_price_of_ten_thousand_digits(self) -> None:
        digits = "1" * 10_000
        assert (
            reason_of(f"id,title,price\n1,T,{digits}\n")
            == "price: is longer than a price: write it as 19.99 USD"
        )
        assert reason_of(f'{{"id": "1", "title": "T", "price": "{digits}"}}').startswith(
            "price: is longer than a price"
        )
        assert reason_of(f'{{"id": "1", "title": "T", "price": {digits}}}').startswith(
            "price: is no finite number"
        )
        assert reason_of('{"id": "1", "title": "T", "price": 1e300}').startswith(
            "price.amount: is no possible amount"
        )

    def test_a_reference_to_a_character_of_ten_thousand_digits(self) -> None:
        assert product_of(f"id,title\n1,Cup &#{'9' * 10_000}; blue\n").title == "Cup blue"

    def test_an_id_ends_before_a_line_break(self) -> None:
        assert [
            row.product_id
            for row in rows_of(
                json_lines(
                    {"id": "A\n", "title": "T"}, {"id": "A\nB", "title": "T"}, {"id": "A\u2028", "title": "T"}
                )
            )
        ] == ["A", None, "A"]

    def test_ids_may_repeat(self) -> None:
        assert outcomes("id,title\n1,Cup\n1,Jug\n") == ["1", "1"]

    def test_a_row_of_eight_megabytes(self) -> None:
        long = {"id": "1", "title": "T", "description": "word " * 1_400_000}
        (row, over) = rows_of(json_lines(long, {**long, "x": "y" * 2_000_000}))
        assert row.product is not None
        assert len(row.product.description) <= 10_000
        assert len(row.raw) < 2_000
        assert str(over.reject) == "row: is longer than 8,000,000 bytes: link media instead of data: URIs"

    @pytest.mark.parametrize("text", ["id,title\n" + "a" * 70_000_000, "id,title\n" + "1,T\n" * 100])
    def test_bombs(self, text: str) -> None:
        data = gzip.compress(gzip.compress(text.encode()))
        if len(text) < 10_000:
            assert outcomes(data) == ["1"] * 100
        else:
            assert "grows more than 300 times" in until_error(data)[1]
