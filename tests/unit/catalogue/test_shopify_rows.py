"""Rows of Shopify's product export that wait for the end of their file."""

from __future__ import annotations

from datetime import date
from typing import Any

from mmpipe.catalogue.formats.shopify import ShopifyCsv
from mmpipe.catalogue.formats.shopify_rows import Row, Rows, Sorter
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.errors import InvalidRow

FORMAT = ShopifyCsv()


def row_of(number: int, problem: InvalidRow | None = None, **values: Any) -> tuple[Row, int]:
    sorter = Sorter(FORMAT.table, Findings(FORMAT, "csv", frozenset()))
    return sorter.row(Record(number, values, problem=problem))


def put_aside(*found: tuple[Row, int]) -> list[tuple[str, list[Row]]]:
    with Rows() as rows:
        for row, size in found:
            rows.put(row, size)
        return list(rows.products())


def said(row: Row) -> tuple[Any, ...]:
    problem = row.problem and (row.problem.field, row.problem.reason)
    return (*row[:-1], problem)


def test_rows_come_back_by_their_handles_in_the_order_in_which_these_came_first() -> None:
    found = [row_of(n, Handle=handle, Title=f"T{n}") for n, handle in enumerate(["b", "b", "a", "b", "c"])]
    back = put_aside(*found)
    assert [(handle, [row.number for row in rows]) for handle, rows in back] == [
        ("b", [0, 1, 3]), ("a", [2]), ("c", [4])
    ]  # fmt: skip


def test_a_row_comes_back_as_it_was() -> None:
    values = {
        "Handle": "cap", "Title": "Größe “1”", "Variant SKU": "K-1", "Option1 Name": "Size",
        "Option1 Value": "M", "Option2 Value": "Red", "Gift Card": "false", "Our notes": "x",
        "Fit (product.metafields.shopify.fit)": "slim",
        "Cost (variant.metafields.custom.cost)": "2",
    }  # fmt: skip
    problem = InvalidRow("row", "has 40 columns, the header 36: quote texts that hold the delimiter")
    found = row_of(7, problem, **values)
    [(handle, [row])] = put_aside(found)
    assert handle == "cap"
    assert said(row) == said(found[0])
    assert row.picked.text("title") == "Größe “1”"
    assert row.names.first == "K-1"
    assert row.extras.attributes == {"fit": "slim"}
    assert list(row.variant_extras.private.values()) == ["2"]


def test_values_of_every_kind_that_parquet_has_come_back() -> None:
    values = {"Handle": "cap", "Variant Price": 12.5, "Tags": ["a", "b"], "Status": date(2026, 1, 2)}
    found = row_of(1, None, **values)
    [(_, [row])] = put_aside(found)
    assert said(row) == said(found[0])
    assert row.picked.values["status"] == date(2026, 1, 2)


def test_half_a_surrogate_pair_in_a_cell_comes_back() -> None:
    found = row_of(1, None, Handle="cap", Title="T\ud800")
    [(_, [row])] = put_aside(found)
    assert row.picked.values["title"] == "T\ud800"
