"""Ratings of reviews on product rows: which stands, what they are taken over by, and who meets whom."""

from __future__ import annotations

import threading
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from mmpipe.lake import ProductTable
from mmpipe.lake.create import create_table
from mmpipe.lake.reviewed import Reviewed
from mmpipe.lake.schema import products_schema
from mmpipe.lake.storage import lance_uri
from mmpipe.schemas.product import Product
from mmpipe.settings import LakeSettings, StorageSettings
from tests.unit.lake.rows import DIM, PROFILE, deletions, products


@pytest.fixture
def table(tmp_path: Path) -> ProductTable:
    uri = str(tmp_path / "p.lance")
    return ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())


def rating(table: ProductTable, product_id: str = "a") -> tuple[float | None, int | None]:
    (row,) = table.fetch([product_id]).to_pylist()
    if row["document"] is not None:
        product = Product.model_validate_json(row["document"])
        assert (product.rating, product.rating_count) == (row["rating"], row["rating_count"])
    return row["rating"], row["rating_count"]


@pytest.mark.parametrize("given", [(None, None), (4.25, 7), (0.0, None)])
def test_it_is_one_text_that_sorts_by_its_version(given: tuple[float | None, int | None]) -> None:
    reviewed = Reviewed(9, 3, 3.67, given)
    assert Reviewed.decode(reviewed.encode()) == reviewed
    assert reviewed.encode() < Reviewed(10, 0, None).encode()


def test_what_it_is_to_a_row(table: ProductTable) -> None:
    table.upsert(products(["a", "b", "c"], 5))
    table.upsert(deletions(["c"], 6))
    told = {
        "a": Reviewed(3, 2, 4.5),
        "b": Reviewed(3, 0, None),
        "c": Reviewed(3, 1, 1.0),
        "x": Reviewed(3, 1, 1.0),
    }
    applied = table.rerate(told)
    assert applied.rerated == {"a": "changed", "b": "same", "c": "kept", "x": "absent"}
    assert (applied.committed, applied.visible) == (True, True)
    assert (rating(table), rating(table, "b"), rating(table, "c")) == ((4.5, 2), (None, None), (None, None))
    again = table.rerate({"a": Reviewed(9, 2, 4.5), "c": Reviewed(2, 5, 5.0)})
    assert (again.rerated, again.committed) == ({"a": "same", "c": "held"}, False)
    table.upsert(products(["c"], 7))
    assert rating(table, "c") == (1.0, 1), "the product that came again has what was kept"
    assert table.rerate({"a": Reviewed(4, 0, None)}).rerated == {"a": "changed"}
    assert rating(table) == (None, None)


def test_it_outlives_staged_rows(table: ProductTable) -> None:
    from mmpipe.lake.changes import Changes

    table.upsert(products(["a", "b"], 5))
    table.rerate({"a": Reviewed(3, 2, 4.5)})
    table.apply(Changes(staged=table.stage(products(["a", "b", "d"], 8))))
    assert rating(table) == (4.5, 2)
    assert table.fetch(["b", "d"], ["reviewed"])["reviewed"].to_pylist() == [None, None]


def test_a_table_of_an_earlier_release_gets_the_column(tmp_path: Path) -> None:
    uri = str(tmp_path / "old.lance")
    schema = products_schema(DIM, PROFILE)
    kept = pa.schema([f for f in schema if f.name != "reviewed"], metadata=schema.metadata)
    create_table(uri, kept, StorageSettings())
    lance.dataset(lance_uri(uri)).insert(products(["a"], 1).drop_columns(["reviewed"]))
    table = ProductTable.open(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
    assert table.fetch(["a"], ["reviewed"])["reviewed"].to_pylist() == [None]
    assert table.rerate({"a": Reviewed(1, 1, 2.0)}).rerated == {"a": "changed"}
    assert rating(table) == (2.0, 1)


def test_of_two_writers_the_one_that_saw_more_stands(table: ProductTable, tmp_path: Path) -> None:
    table.upsert(products([f"p{i}" for i in range(8)], 5))

    def write(versions: range) -> None:
        mine = ProductTable.open(
            str(tmp_path / "p.lance"), "products_p", PROFILE, LakeSettings(), StorageSettings()
        )
        for version in versions:
            mine.rerate({f"p{i}": Reviewed(version, version, version % 5) for i in range(8)})

    threads = [threading.Thread(target=write, args=(range(start, 13, 2),)) for start in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {rating(table, f"p{i}") for i in range(8)} == {(12 % 5, 12)}
