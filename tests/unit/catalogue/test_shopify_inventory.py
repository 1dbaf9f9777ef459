"""Shopify's inventory export: what is in stock, by all locations together."""

from __future__ import annotations

import io

import pytest

from mmpipe.catalogue import FeedRow, read_feed
from mmpipe.catalogue.formats.base import Reading, Sample
from mmpipe.catalogue.formats.shopify import ShopifyCsv
from mmpipe.catalogue.formats.shopify_inventory import ShopifyInventory
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.rows import Record
from mmpipe.settings import FeedSettings

HEADER = (
    "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Location,Bin name,Incoming (not editable),"
    "Unavailable (not editable),Committed (not editable),Available (not editable),On hand (current),"
    "On hand (new)\n"
)


def row(handle: str, size: str, sku: str, location: str, available: str, on_hand: str = "") -> str:
    return f"{handle},Shirt,Size,{size},{sku},,,{location},,0,0,0,{available},{on_hand},\n"


def rows_of(text: str) -> list[FeedRow]:
    return list(read_feed(io.BytesIO(text.encode()), "inventory.csv", FeedSettings()))


def stocks(text: str) -> list[tuple[str | None, str | None, str | None]]:
    """Id, handle and availability of each change."""
    found = rows_of(text)
    assert all(change.product is None and change.delete_id is None for change in found)
    return [(change.product_id, change.group_id, change.stock) for change in found]


def read(*values: dict[str, str]) -> tuple[list[Record], Findings]:
    findings = Findings(ShopifyInventory(), "csv", frozenset())
    records = iter([Record(n, row) for n, row in enumerate(values, 1)])
    return list(ShopifyInventory().read(records, Reading(FeedSettings(), findings))), findings


def test_all_locations_together_also_where_their_rows_stand_apart() -> None:
    text = HEADER + row("shirt", "S", "S-S", "North", "0") + row("shirt", "M", "S-M", "North", "0")
    text += row("mug", "One", "M-1", "North", "-2") + row("mug", "One", "M-1", "South", "2")
    text += row("shirt", "S", "S-S", "South", "3") + row("shirt", "M", "S-M", "South", "0")
    assert stocks(text) == [
        ("S-S", "shirt", "in_stock"),
        ("S-M", "shirt", "out_of_stock"),
        ("M-1", "mug", "out_of_stock"),
    ]


def test_a_location_that_does_not_stock_it_counts_nothing() -> None:
    text = (
        HEADER
        + row("shirt", "S", "S-S", "North", "4", "4")
        + row("shirt", "S", "S-S", "Shop", "0", "not stocked")
    )
    assert stocks(text) == [("S-S", "shirt", "in_stock")]


def test_what_is_stocked_nowhere_stays_as_it_is() -> None:
    values = {"Handle": "shirt", "SKU": "S-S", "Location": "North", "On hand (current)": "not stocked"}
    found, findings = read(values, {**values, "SKU": "S-M", "On hand (current)": "2"})
    assert [record.values for record in found] == [{"id": "S-M", "availability": "in_stock"}]
    assert findings.report().warnings[0].startswith("1 variants are stocked at no location")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"Available (not editable)": "0", "On hand (current)": "5"}, "out_of_stock"),
        ({"Available": "3", "On hand": "0", "Committed": "0"}, "in_stock"),
        ({"On hand (current)": "2.0"}, "in_stock"),
        ({"On hand": "0"}, "out_of_stock"),
    ],
)
def test_the_quantity_columns_of_several_years(columns: dict[str, str], expected: str) -> None:
    found, _ = read({"Handle": "shirt", "SKU": "S-S", "Location": "North"} | columns)
    assert [(record.meaning, dict(record.values or {})["availability"]) for record in found] == [
        ("stock", expected)
    ]


def test_the_oldest_export_has_a_column_for_each_location() -> None:
    text = "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,North,South\n"
    text += "shirt,Shirt,Size,S,S-S,6105,PT,0,2\nshirt,Shirt,Size,M,S-M,6105,PT,0,not stocked\n"
    assert stocks(text) == [("S-S", "shirt", "in_stock"), ("S-M", "shirt", "out_of_stock")]


def test_without_sku_it_is_called_as_in_the_product_export() -> None:
    product = {"Handle": "shirt", "Title": "Shirt", "Option1 Value": "S", "Variant Price": "5"}
    reading = Reading(FeedSettings(), Findings(ShopifyCsv(), "csv", frozenset()))
    exported = next(ShopifyCsv().read(iter([Record(1, product)]), reading))
    found, _ = read({"Handle": "shirt", "Option1 Value": "S", "Location": "North", "Available": "1"})
    assert [record.values for record in found] == [
        {"id": dict(exported.values or {})["id"], "availability": "in_stock"}
    ]


def test_of_a_sku_of_two_products_each_changes_its_own() -> None:
    text = HEADER + row("cap", "One", "C-7", "North", "0") + row("set", "One", "C-7", "North", "5")
    found = set(stocks(text))
    assert {
        ("C-7", "cap", "out_of_stock"),
        ("C-7", "set", "in_stock"),
        ("set-One", "set", "in_stock"),
    } <= found
    assert {handle for _, handle, stock in found if stock == "in_stock"} == {"set"}


def test_two_variants_of_one_sku_are_called_as_in_the_product_export() -> None:
    text = HEADER + row("shirt", "S", "X", "North", "0") + row("shirt", "M", "X", "North", "1")
    assert stocks(text) == [("X", "shirt", "out_of_stock"), ("shirt-M", "shirt", "in_stock")]


def test_what_cannot_be_read_costs_only_itself() -> None:
    values = {"Handle": "shirt", "SKU": "S-S", "Location": "North"}
    found, _ = read(
        values | {"Available": "many"}, {"Location": "North", "Available": "1"}, values | {"Available": "1"}
    )
    assert [(record.row, record.problem.field if record.problem else "") for record in found] == [
        (1, "Available"),
        (2, "SKU"),
        (3, ""),
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (HEADER.strip(), True),
        ("Handle,Title,SKU,Location,Available", True),
        ("Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,North", True),
        ("Handle,Title,Variant SKU,Variant Price,Location,Available", False),
        ("sku,price,location,available", False),
        ("sku,location", False),
    ],
)
def test_recognition(names: str, expected: bool) -> None:
    assert ShopifyInventory().recognises(Sample.of("csv", names.split(","))) is expected
