"""Parquet: long rows, values that the file keeps once, and columns whose types say little."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.catalogue.feeds import outcomes, product_of, products_of, read, rows_of, told, until_error

IDS = [str(n) for n in range(128)]


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": IDS, "title": ["Cup"] * 128, **columns}), sink, **options)
    return sink.getvalue()


def small(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["1", "2"], "title": ["Cup", "Jug"], **columns}), sink)
    return sink.getvalue()


class TestSizes:
    @pytest.mark.parametrize(
        "column",
        [
            pa.array(["x" * 200_000] * 128).dictionary_encode(),
            pa.array([b"x" * 200_000] * 128).dictionary_encode(),
            pa.array([["v"] * 30_000] * 128),
        ],
        ids=["texts", "bytes", "lists"],
    )
    def test_what_the_file_keeps_once_counts_each_time(self, column: Any) -> None:
        data = parquet({"mystery": column}, compression="zstd")
        assert len(data) < 50_000
        rows, report = read(data, max_row_bytes=100_000)
        assert [told(row) for row in rows] == ["!row"] * 128
        assert report.rejected == 128
        assert "bytes, 100,000 are allowed: link media instead" in str(rows[0].reject)

    def test_a_long_row_keeps_its_id_and_its_short_values(self) -> None:
        data = small(description=["x" * 9_000_000, "short"], other=["y" * 9_000_000, "short"])
        first, second = rows_of(data)
        assert (told(first), told(second)) == ("!row", "2")
        assert first.product_id == "1"
        raw = json.loads(first.raw)
        assert (raw["id"], raw["title"]) == ("1", "Cup")
        assert "description" not in raw
        assert "long ones are not kept here" in raw["_incomplete"]

    def test_rows_that_are_long_together_are_read(self) -> None:
        data = parquet({"description": ["word " * 40_000] * 128})
        assert outcomes(data) == IDS

    def test_the_limit_on_bytes_holds_for_what_comes_out(self) -> None:
        data = parquet({"mystery": pa.array(["x" * 10_000] * 128)}, compression="zstd")
        assert len(data) < 50_000
        assert "holds more than 100,000 bytes" in until_error(data, max_bytes=100_000)[1]


class TestTypes:
    def test_texts_that_are_not_marked_as_texts(self) -> None:
        sink = io.BytesIO()
        pq.write_table(pa.table({"id": [b"1"], "title": ["Größe".encode()], "mystery": [b"\xff\xfe"]}), sink)
        product = product_of(sink.getvalue())
        assert (product.id, product.title, product.private) == ("1", "Größe", {"mystery": "2 bytes"})

    def test_moments_beyond_the_calendar_cost_nothing(self) -> None:
        data = small(seen=pa.array([2**62, 0], pa.timestamp("us")))
        first, second = products_of(data)
        assert "seen" in first.private
        assert second.private["seen"].startswith("1970-01-01")

    def test_ordinary_types(self) -> None:
        data = small(
            price=pa.array([Decimal("5.50"), None]),
            currency=["EUR", None],
            sale_price=[4.0, None],
            sale_price_start_date=pa.array([date(2026, 3, 1), None]),
            sale_price_end_date=pa.array([datetime(2026, 3, 31, 12, tzinfo=UTC), None]),
            gtin=pa.array([4006381333931, None]),
            product_highlight=[["a, b", "c"], None],
            availability=pa.array(["in stock", "out of stock"]).dictionary_encode(),
        )
        product, other = products_of(data)
        assert (other.price, other.availability) == (None, "out_of_stock")
        assert (str(product.price), str(product.sale_price), product.gtin) == (
            "5.50 EUR",
            "4.0 EUR",
            "4006381333931",
        )
        assert product.sale_price_effective_date is not None
        assert product.sale_price_effective_date.start == datetime(2026, 3, 1, tzinfo=UTC)
        assert product.sale_price_effective_date.end == datetime(2026, 3, 31, 12, tzinfo=UTC)
        assert product.attributes == {"product_highlight": "a, b | c"}

    def test_bottomless_types_are_refused(self) -> None:
        kind: Any = pa.string()
        value: Any = "x"
        for _ in range(100):
            kind, value = pa.list_(kind), [value]
        assert "read as Parquet, it is broken" in until_error(small(mystery=pa.array([value, None], kind)))[1]
