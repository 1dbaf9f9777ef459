"""Every feed format, whole, broken and hostile."""
# ruff: noqa: E501 - feeds are written as they are

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.catalogue import FeedRow, read_feed, read_product
from mmpipe.errors import InvalidFeed, StorageUnavailable
from mmpipe.schemas.product import Product
from mmpipe.settings import FeedSettings


def rows_of(data: bytes | str, name: str, **limits: Any) -> list[FeedRow]:
    body = data.encode() if isinstance(data, str) else data
    return list(read_feed(io.BytesIO(body), name, FeedSettings(**limits)))


def products_of(data: bytes | str, name: str, **limits: Any) -> list[Product]:
    rows = rows_of(data, name, **limits)
    assert [str(row.reject) for row in rows if row.reject] == []
    return [row.product for row in rows if row.product is not None]


def outcomes(data: bytes | str, name: str, **limits: Any) -> list[str]:
    """``id``, ``-id`` for a deletion, ``!field`` for a reject; in the order of the file, numbered from 1."""
    rows = rows_of(data, name, **limits)
    assert [row.row for row in rows] == sorted({row.row for row in rows})
    return [_outcome(row) for row in rows]


def _outcome(row: FeedRow) -> str:
    assert sum(part is not None for part in (row.product, row.delete_id, row.reject)) == 1
    row.raw.encode()
    if row.reject is not None:
        return f"!{row.reject.field}"
    return f"-{row.delete_id}" if row.product is None else row.product.id


def until_error(data: bytes, name: str, **limits: Any) -> tuple[list[FeedRow], str]:
    rows: list[FeedRow] = []
    with pytest.raises(InvalidFeed) as caught:
        rows.extend(read_feed(io.BytesIO(data), name, FeedSettings(**limits)))
    return rows, str(caught.value)


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


JSONL = "\n".join(
    [
        '{"id": "1", "title": "One", "price": "5 USD"}',
        "",
        "{broken",
        '{"id": "2"}',
        "[1]",
        '{"id": "3", "_op": "delete"}',
        '"x"',
    ]
)


class TestJsonLines:
    def test_each_line_is_a_row(self) -> None:
        assert outcomes(JSONL, "f.jsonl") == ["1", "!row", "!title", "!row", "-3", "!row"]
        assert outcomes("\ufeff" + JSONL, "f") == outcomes(JSONL, "f.jsonl")
        rows = rows_of(JSONL, "f.jsonl")
        assert rows[0].raw == '{"id": "1", "title": "One", "price": "5 USD"}'
        assert rows[1].raw == "{broken"
        assert rows[2].product_id == "2"

    def test_bad_bytes_cost_one_row(self) -> None:
        assert outcomes(b'{"id": "1", "title": "\xff"}\n{"id": "2", "title": "T"}', "f.jsonl") == [
            "!row",
            "2",
        ]

    def test_a_line_over_the_limit_costs_itself(self) -> None:
        long = json.dumps({"id": "1", "title": "T", "x": "y" * 5_000})
        assert outcomes(f'{long}\n{{"id": "2", "title": "T"}}', "f.jsonl", max_row_bytes=1_000) == [
            "!row",
            "2",
        ]

    def test_nesting_is_no_danger(self) -> None:
        assert outcomes('{"id":' + "[" * 100_000, "f.jsonl") == ["!row"]

    def test_a_list_is_read(self) -> None:
        rows = rows_of('[{"id": "1", "title": "A"},\n {"id": "2"}, 3]', "f.json")
        assert [_outcome(row) for row in rows] == ["1", "!title", "!row"]


class TestDelimited:
    def test_csv(self) -> None:
        text = (
            'id,title,price\r\n1,"A, b",5 USD\r\n2,"two\nlines",1 EUR\r\n\r\n3,"say ""hi""",\r\n,,\r\n4,,\r\n'
        )
        products = [row.product for row in rows_of("\ufeff" + text, "f.csv") if row.product]
        assert [(p.id, p.title) for p in products] == [("1", "A, b"), ("2", "two lines"), ("3", 'say "hi"')]
        assert outcomes(text, "f.csv") == ["1", "2", "3", "!title"]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiters_are_found(self, delimiter: str) -> None:
        text = f"id{delimiter}title{delimiter}brand\n1{delimiter}T{delimiter}B, C\n".replace(
            "B, C", '"B, C"' if delimiter == "," else "B, C"
        )
        assert products_of(text, "f.csv")[0].brand == "B, C"
        assert products_of(text, "unknown")[0].brand == "B, C"

    def test_google_merchant_tsv(self) -> None:
        text = (
            "id\ttitle\timage link\tadditional image link\tgoogle product category\tavailability\tprice\tsale price\n"
            "1\tDress\thttps://x/1.jpg\thttps://x/2.jpg,https://x/3.jpg\tApparel > Dresses\tin stock\t9 EUR\t8 EUR\n"
        )
        product = products_of(text, "f.txt")[0]
        assert product.additional_image_link == ("https://x/2.jpg", "https://x/3.jpg")
        assert product.category == "Apparel > Dresses"
        assert str(product.sale_price) == "8 EUR"
        assert products_of(text, "f.tsv") == [product]
        assert products_of(text.encode("utf-16"), "f.tsv") == [product]

    def test_a_quote_that_never_closes_costs_its_own_line(self) -> None:
        good = "".join(f"{n},title {n},x\n" for n in range(2, 6))
        text = f'id,title,brand\n1,"broken,x\n{good}'
        assert outcomes(text, "f.csv") == ["!row", "2", "3", "4", "5"]
        assert outcomes(text + '6,"fine, quoted","y"\n7,t,z\n', "f.csv") == [
            "!row",
            "2",
            "3",
            "4",
            "5",
            "6",
            "7",
        ]

    def test_inches_are_no_quotes(self) -> None:
        assert [p.title for p in products_of('id,title\n1,5" pipe\n2,T\n', "f.csv")] == ['5" pipe', "T"]

    def test_too_many_columns(self) -> None:
        rows = rows_of("id,title\n1,a,b\n2,c,\n", "f.csv")
        assert [_outcome(row) for row in rows] == ["!row", "2"]
        assert rows[0].product_id == "1"

    def test_other_encodings_are_named(self) -> None:
        rows = rows_of("id,title\n1,中文\n2,ok\n".encode("gb18030"), "f.csv")
        assert [_outcome(row) for row in rows] == ["!row", "2"]
        assert rows[0].reject is not None
        assert "UTF-8" in rows[0].reject.reason

    def test_a_large_cell_is_allowed_within_the_row(self) -> None:
        uri = "data:image/png;base64," + "A" * 300_000
        assert products_of(f'id,title,image_link\n1,T,"{uri}"\n', "f.csv")[0].image_link == uri
        assert outcomes(f'id,title,image_link\n1,T,"{uri}"\n2,T,x\n', "f.csv", max_row_bytes=10_000) == [
            "!row",
            "2",
        ]

    def test_delete_and_header_only(self) -> None:
        assert outcomes("id,_op\n1,delete\n", "f.csv") == ["-1"]
        assert outcomes("id,title\n", "f.csv") == []


RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title><link>https://shop</link>
<item><g:id>1</g:id><title>plain</title><g:title>Dress</g:title><g:price>9.00 EUR</g:price><g:image_link>a.jpg</g:image_link>
<g:additional_image_link>b.jpg</g:additional_image_link><g:additional_image_link>c.jpg</g:additional_image_link>
<g:product_type>A &gt; B</g:product_type><g:shipping><g:country>DE</g:country></g:shipping><g:custom_label_0>new</g:custom_label_0>
<g:product_detail><g:attribute_name>Fit</g:attribute_name><g:attribute_value>slim</g:attribute_value></g:product_detail></item>
<item><g:id>2</g:id></item><item/>
<item><g:id>3</g:id><g:_op>delete</g:_op></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>
<entry><g:id>1</g:id><title>T</title><summary>words</summary><link href="https://shop/1"/><g:availability>preorder</g:availability></entry></feed>"""


class TestMerchantXml:
    def test_rss(self) -> None:
        rows = rows_of(RSS, "f.xml")
        assert [_outcome(row) for row in rows] == ["1", "!title", "!row", "-3"]
        product = rows[0].product
        assert product is not None
        assert (product.title, product.category, str(product.price)) == ("Dress", "A > B", "9.00 EUR")
        assert product.additional_image_link == ("b.jpg", "c.jpg")
        assert product.attributes == {"Fit": "slim"}
        assert product.private == {"shipping": '{"country": "DE"}', "custom_label_0": "new"}
        assert read_product(rows[0].raw.encode(), "").product == product

    def test_atom(self) -> None:
        product = products_of(ATOM, "feed")[0]
        assert (product.link, product.description, product.availability) == (
            "https://shop/1",
            "words",
            "preorder",
        )

    def test_half_a_file_gives_its_first_half(self) -> None:
        rows, message = until_error(RSS[: RSS.index("<item/>")].encode(), "f.xml")
        assert [_outcome(row) for row in rows] == ["1", "!title"]
        assert "Merchant XML" in message
        assert "whole file" in message

    @pytest.mark.parametrize(
        "prolog",
        [
            '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
            '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd">',
        ],
    )
    def test_nothing_expands(self, prolog: str) -> None:
        _, message = until_error(
            f"{prolog}<rss><channel><item><id>&b;</id></item></channel></rss>".encode(), "f.xml"
        )
        assert "leave them out" in message

    def test_other_xml_and_bounds(self) -> None:
        assert "no <item>" in until_error(b"<html><body/></html>", "f.xml")[1]
        assert "too deep" in until_error(b"<a>" * 500, "f.xml")[1]
        big = b"<rss><channel><item><id>1</id><title>" + b"x" * 500_000
        assert "one item is longer" in until_error(big, "f.xml", max_row_bytes=1_000)[1]
        assert outcomes("<rss><channel/></rss>", "f.xml") == []

    def test_memory_does_not_grow_with_the_file(self) -> None:
        # In a process of its own: what other tests left in memory decides when Python collects garbage.
        run = subprocess.run(
            [sys.executable, "-c", _PEAKS_OF_XML], capture_output=True, text=True, check=True, timeout=300
        )
        small, large = (int(peak) for peak in run.stdout.split())
        assert large < 1.5 * small


_PEAKS_OF_XML = """
import io, tracemalloc
from mmpipe.catalogue import read_feed
from mmpipe.settings import FeedSettings

item = b"<item><g:id>%d</g:id><g:title>" + b"word " * 80 + b"</g:title><x>" + b"y" * 2_000 + b"</x></item>"
head = b'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>'

def peak(items):
    stream = io.BytesIO(head + b"".join(item % n for n in range(items)) + b"</channel></rss>")
    tracemalloc.start()
    assert sum(1 for _ in read_feed(stream, "f.xml", FeedSettings())) == items
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found

peak(10)
print(peak(1_000), peak(4_000))
"""


SHOPIFY_HEADER = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,"
    "Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,"
    "Image Src,Image Position,Variant Image,Google Shopping / Gender,Status\n"
)
SHOPIFY = SHOPIFY_HEADER + (
    'tee,Tee,"<p>Soft &amp; light<br>cotton</p><script>x()</script>",Acme,Shirts,"new, summer",true,Color,Red,Size,M,TEE-1,'
    "shopify,5,deny,19.90,25.00,https://cdn/2.jpg,2,,Unisex,active\n"
    "tee,,,,,,,,Blue,,L,TEE 2,shopify,0,deny,19.90,,https://cdn/1.jpg,1,https://cdn/blue.jpg,,\n"
    "tee,,,,,,,,,,,,,,,,,https://cdn/3.jpg,3,,,\n"
    "mug,Mug,Big,Acme,Kitchen,,TRUE,Title,Default Title,,,,,,,7.00,,,,,,active\n"
    "old,Old,,Acme,Kitchen,,true,Title,Default Title,,,OLD-1,,,,7.00,,,,,,archived\n"
    "hidden,Hidden,,Acme,Kitchen,,false,Title,Default Title,,,,,,,7.00,,,,,,active\n"
    ",No handle,,,,,,,,,,,,,,,,,,,,\n"
)


class TestParquet:
    @staticmethod
    def file(table: pa.Table, **options: Any) -> bytes:
        sink = io.BytesIO()
        pq.write_table(table, sink, **options)
        return sink.getvalue()

    def test_types_and_inline_media(self) -> None:
        hf = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table(
            {
                "id": pa.array([1, 2, 3]),
                "title": pa.array(["A", "B", None]).dictionary_encode(),
                "price": pa.array([1.5, None, 2.0]),
                "year": pa.array([2011.0, None, 2013.0]),
                "image": pa.array([b"\x89PNG", None, b""]),
                "audio": pa.array(
                    [{"bytes": b"RIFF", "path": "x.wav"}, {"bytes": None, "path": "a/b.wav"}, None], hf
                ),
                "tags": pa.array([["a", "b"], None, []]),
            }
        )
        rows = rows_of(self.file(table), "f.parquet")
        assert [_outcome(row) for row in rows] == ["1", "2", "!title"]
        assert dict(rows[0].inline_media) == {"image_link": b"\x89PNG", "audio_link": b"RIFF"}
        first, second = rows[0].product, rows[1].product
        assert first is not None
        assert second is not None
        assert first.attributes == {"tags": "a, b"}
        assert first.private == {"year": "2011"}
        assert second.audio_link == "a/b.wav"
        assert second.price is None
        assert dict(rows[1].inline_media) == {}
        assert "inside the file" in json.loads(rows[0].raw)["_incomplete"]

    def test_from_a_stream_and_compressed(self) -> None:
        data = self.file(pa.table({"id": [str(n) for n in range(1_000)], "title": ["T"] * 1_000}))
        assert len(products_of(gzip.compress(data), "f.parquet.gz")) == 1_000

        class Pipe(io.RawIOBase):
            source = io.BytesIO(data)

            def readable(self) -> bool:
                return True

            def readinto(self, buffer: Any, /) -> int:
                return self.source.readinto(buffer)

        stream = io.BufferedReader(Pipe())
        assert len(list(read_feed(stream, "f", FeedSettings()))) == 1_000

    def test_broken(self) -> None:
        table = pa.table({"id": ["1"], "title": ["T"]})
        data = self.file(table)
        for broken in (data[:-20], data[:8], b"PAR1" + b"\x00" * 50 + b"PAR1"):
            _, message = until_error(broken, "f.parquet")
            assert "Parquet" in message
        assert "more than" in until_error(data, "f.parquet", max_bytes=10)[1]

    def test_large_media_cost_their_row(self) -> None:
        table = pa.table({"id": ["1", "2"], "title": ["T", "T"], "image": [b"x" * 5_000, b"x"]})
        assert outcomes(self.file(table), "f.parquet", max_row_bytes=1_000) == ["!row", "2"]


class TestCompression:
    @pytest.mark.parametrize("pack", [gzip.compress, zstd])
    @pytest.mark.parametrize("name", ["f.jsonl", "f.jsonl.gz", "f.jsonl.zst", "f"])
    def test_transparent(self, pack: Any, name: str) -> None:
        assert outcomes(pack(JSONL.encode()), name) == outcomes(JSONL, "f.jsonl")

    def test_parts_one_after_the_other(self) -> None:
        lines = [json.dumps({"id": str(n), "title": "T"}).encode() + b"\n" for n in range(4)]
        for pack in (gzip.compress, zstd):
            assert outcomes(b"".join(map(pack, lines)), "f.jsonl") == ["0", "1", "2", "3"]

    @pytest.mark.parametrize("pack", [gzip.compress, zstd])
    def test_half_an_archive_gives_its_first_rows(self, pack: Any) -> None:
        import random

        noise = random.Random(1)
        lines = [json.dumps({"id": str(n), "title": f"{noise.random()}"}) for n in range(20_000)]
        data = pack("\n".join(lines).encode())
        rows, message = until_error(data[: len(data) * 2 // 3], "f.jsonl")
        assert 100 < len(rows) < 20_000
        assert "compressed file" in message

    @pytest.mark.parametrize("pack", [gzip.compress, zstd])
    def test_bombs(self, pack: Any) -> None:
        bomb = pack(b"x" * 80_000_000)
        assert "300 times" in until_error(bomb, "f.jsonl")[1]
        assert "300 times" in until_error(pack(bomb), "f.jsonl")[1]
        assert "more than 1,000" in until_error(pack(b"x" * 5_000), "f.jsonl", max_bytes=1_000)[1]

    def test_the_limit_holds_for_plain_files_too(self) -> None:
        assert "split it" in until_error(b'{"id":"1","title":"x"}\n' * 100, "f.jsonl", max_bytes=1_000)[1]


class TestFormats:
    def test_nothing_and_nonsense(self) -> None:
        with pytest.raises(InvalidFeed, match="empty"):
            rows_of(b"", "f.csv")
        with pytest.raises(InvalidFeed, match="not known"):
            rows_of(b"\x00\x01\x02" * 50, "f.csv")
        with pytest.raises(InvalidFeed, match="not known"):
            rows_of(b"just a sentence", "readme")

    def test_content_wins_over_a_wrong_ending(self) -> None:
        assert outcomes(JSONL, "f.csv") == outcomes(JSONL, "f.jsonl")
        assert outcomes(RSS, "f.jsonl") == outcomes(RSS, "f.xml")
        data = TestParquet.file(pa.table({"id": ["1"], "title": ["T"]}))
        assert outcomes(data, "f.csv") == ["1"]

    def test_the_stream_stays_open(self) -> None:
        stream = io.BytesIO(JSONL.encode())
        list(read_feed(stream, "f.jsonl", FeedSettings()))
        assert not stream.closed


class Breaking(io.RawIOBase):
    """A download that fails after its first part."""

    def __init__(self, data: bytes) -> None:
        self._source = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = self._source.readinto(memoryview(buffer)[:1_000])
        if not count:
            raise StorageUnavailable("the store went away")
        return count


@pytest.mark.parametrize("name", ["f.jsonl", "f.csv", "f.xml", "f.parquet", "f.jsonl.gz", "f.jsonl.zst"])
def test_a_failing_store_stays_retryable(name: str) -> None:
    table = pa.table({"id": [str(n) for n in range(3_000)], "title": ["T"] * 3_000})
    lines = b"".join(b'{"id": "%d", "title": "T"}\n' % n for n in range(30_000))
    data = {
        "f.jsonl": lines,
        "f.csv": b"id,title\n" + b"1,T\n" * 5_000,
        "f.xml": RSS.encode().replace(b"<item/>", b"<item/>" * 2_000),
        "f.parquet": TestParquet.file(table),
        "f.jsonl.gz": gzip.compress(lines),
        "f.jsonl.zst": zstd(lines),
    }[name]
    with pytest.raises(StorageUnavailable):
        list(read_feed(io.BufferedReader(Breaking(data[: len(data) // 2])), name, FeedSettings()))


NAMES = ["f.jsonl", "f.csv", "f.tsv", "f.xml", "f.parquet", "f.jsonl.gz", "f", "products_export.csv"]
SEEDS = [JSONL.encode(), RSS.encode(), ATOM.encode(), SHOPIFY.encode(), gzip.compress(JSONL.encode()), zstd(RSS.encode()),
         TestParquet.file(pa.table({"id": ["1", "2"], "title": ["T", "U"], "image": [b"x", None]}))]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=300), name=st.sampled_from(NAMES))
def test_arbitrary_bytes_raise_nothing_undocumented(data: bytes, name: str) -> None:
    _read_all(data, name)


@settings(max_examples=250, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    name=st.sampled_from(NAMES),
    at=st.floats(0, 1),
    patch=st.binary(max_size=6),
    cut=st.floats(0, 1),
)
def test_damaged_feeds_raise_nothing_undocumented(
    seed: bytes, name: str, at: float, patch: bytes, cut: float
) -> None:
    place = int(at * len(seed))
    _read_all((seed[:place] + patch + seed[place + len(patch) :])[: 1 + int(cut * len(seed))], name)


def _read_all(data: bytes, name: str) -> None:
    try:
        for row in read_feed(io.BytesIO(data), name, FeedSettings(max_row_bytes=10_000, max_bytes=100_000)):
            _outcome(row)
    except InvalidFeed:
        return


def test_a_price_of_hundreds_of_digits_costs_its_own_row_only() -> None:
    feed = '{"id": "a", "title": "x", "price": 1' + "0" * 400 + '}\n{"id": "b", "title": "y"}\n'
    assert outcomes(feed, "f.jsonl") == ["!price.amount", "b"]


def test_quotes_that_never_close_do_not_make_reading_quadratic(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpipe.catalogue.readers import delimited

    scanned = 0
    original = delimited.ends_inside_quotes

    def counted(text: str, delimiter: str, inside: bool) -> bool:
        nonlocal scanned
        scanned += len(text)
        return original(text, delimiter, inside)

    monkeypatch.setattr(delimited, "ends_inside_quotes", counted)
    # Every line leaves a quoted cell open, whether one was open before it or not.
    line = '"a","\n'
    assert outcomes("id,title\n" + line * 5_000, "f.csv", max_row_bytes=20_000) == ["!row"] * 5_000
    assert scanned < 5_000 * 700
