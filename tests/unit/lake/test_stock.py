from __future__ import annotations

import threading
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from mmpipe.lake import ProductTable
from mmpipe.lake.create import create_table
from mmpipe.lake.schema import Tombstone, build_tombstones, products_schema
from mmpipe.lake.stock import Stock, with_stock
from mmpipe.lake.storage import lance_uri
from mmpipe.schemas.product import Product
from mmpipe.settings import LakeSettings, StorageSettings
from tests.unit.lake.rows import DIM, NOW, PROFILE, deletions, order, products


@pytest.fixture
def table(tmp_path: Path) -> ProductTable:
    uri = str(tmp_path / "p.lance")
    return ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())


def out(n: int, group: str | None = None) -> Stock:
    return Stock(order(n), "out_of_stock", group)


def availability(table: ProductTable, product_id: str = "a") -> str | None:
    (row,) = table.fetch([product_id]).to_pylist()
    if row["document"] is not None:
        assert Product.model_validate_json(row["document"]).availability == row["availability"]
    return None if row["availability"] is None else str(row["availability"])


@pytest.mark.parametrize("group", [None, "dress", "a group  with spaces", "红裙子"])
def test_a_stock_is_one_text_that_sorts_by_its_order(group: str | None) -> None:
    stock = Stock(order(7), "backorder", group)
    assert Stock.decode(stock.encode()) == stock
    assert order(7) < stock.encode() < order(8)
    assert stock.encode() < Stock(order(8), "in_stock").encode()
    with pytest.raises(ValueError, match="availability"):
        Stock.decode(f"{order(7)} plenty ")


def test_what_a_stock_is_to_a_row_is_said(table: ProductTable) -> None:
    table.upsert(products(["a", "b", "c"], 5))
    table.upsert(deletions(["c"], 6))
    told = [("a", out(6)), ("b", Stock(order(6), "in_stock")), ("x", out(6)), ("a", out(4)), ("c", out(5))]
    assert table.restock(told) == ["changed", "same", "absent", "older", "older"]
    assert (availability(table), availability(table, "b")) == ("out_of_stock", "in_stock")
    assert table.restock([("a", out(6))]) == ["held"]
    assert table.restock([("a", Stock(order(7), "preorder")), ("a", out(9)), ("a", out(8))]) == [
        "older", "same", "older"
    ]  # fmt: skip
    assert table.fetch(["x"]).num_rows == 0
    version = table.version
    assert table.restock([("a", out(2)), ("x", out(9))]) == ["older", "absent"]
    assert table.restock([]) == []
    assert table.version == version


def test_of_two_item_groups_the_one_that_is_there_is_told(table: ProductTable) -> None:
    rows = products(["a"], 1)
    position = rows.schema.get_field_index("item_group_id")
    table.upsert(rows.set_column(position, rows.schema.field(position), pa.array(["dress"])))
    assert table.restock([("a", out(3, "dress")), ("a", Stock(order(4), "in_stock", "hat"))]) == [
        "changed", "other"
    ]  # fmt: skip
    assert availability(table) == "out_of_stock"


def test_a_row_that_is_older_than_the_stock_takes_it_over(table: ProductTable) -> None:
    table.upsert(products(["a", "b"], 1))
    table.restock([("a", out(5))])
    written = table.upsert(products(["a", "b", "c"], 3, title="new"))
    assert (written.inserted, written.updated, written.skipped) == (1, 2, 0)
    (row,) = table.fetch(["a"]).to_pylist()
    assert (row["title"], row["source_order"], row["stock"]) == ("new a", order(3), out(5).encode())
    assert availability(table) == "out_of_stock"
    assert table.upsert(products(["a"], 2)).skipped == 1
    assert table.refresh(products(["a"], 3, title="refreshed")).updated == 1
    assert availability(table) == "out_of_stock"
    table.upsert(products(["a"], 6))
    (row,) = table.fetch(["a"]).to_pylist()
    assert (row["availability"], row["stock"]) == ("in_stock", None)


def test_a_deleted_product_keeps_its_stock_for_a_late_upload(table: ProductTable) -> None:
    table.upsert(products(["a", "b"], 1))
    table.restock([("a", out(9))])
    table.upsert(deletions(["a", "b"], 3))
    assert table.restock([("b", out(9))]) == ["same"]
    assert table.count_live() == 0
    table.upsert(products(["a", "b"], 4))
    assert (availability(table), availability(table, "b")) == ("out_of_stock", "out_of_stock")
    table.upsert(deletions(["a", "b"], 12))
    table.upsert(products(["a", "b"], 13))
    assert (availability(table), availability(table, "b")) == ("in_stock", "in_stock")


def test_the_stock_of_a_deleted_product_is_meant_for_its_own_group(table: ProductTable) -> None:
    table.upsert(build_tombstones([Tombstone("a", order(3), "run", NOW, "dress")], DIM))
    assert table.restock([("a", out(4, "hat"))]) == ["absent"]
    assert table.restock([("a", out(4, "dress"))]) == ["same"]
    table.upsert(products(["a"], 2))  # another group's, which the deletion is not meant for
    assert availability(table) == "in_stock"


def test_documents_are_as_products_write_themselves() -> None:
    product = Product(id="a", title="A", availability="preorder", brand="B", attributes={"heel": "5 cm"})
    rows = products(["a"], 1)
    position = rows.schema.get_field_index("document")
    field = rows.schema.field(position)
    rows = rows.set_column(position, field, pa.array([product.model_dump_json(exclude_defaults=True)]))
    for word in ("out_of_stock", "in_stock", "preorder"):
        stock = Stock(order(2), word)  # type: ignore[arg-type]
        (document,) = with_stock(rows, {"a": stock}).column("document").to_pylist()
        wanted = product.model_copy(update={"availability": word})
        assert document == wanted.model_dump_json(exclude_defaults=True)


def test_a_table_of_an_earlier_release_can_be_told_stock(tmp_path: Path) -> None:
    uri = str(tmp_path / "p.lance")
    schema = products_schema(DIM, PROFILE)
    kept = pa.schema([f for f in schema if f.name != "stock"], metadata=schema.metadata)
    create_table(uri, kept, StorageSettings())
    lance.dataset(lance_uri(uri)).insert(products(["a", "b"], 1).drop_columns(["stock"]))
    table, other = (
        ProductTable.open(uri, "products_p", PROFILE, LakeSettings(), StorageSettings()) for _ in range(2)
    )
    assert table.fetch(["a"], ["id", "stock"]).to_pylist() == [{"id": "a", "stock": None}]
    assert table.restock([("x", out(2))]) == ["absent"]
    assert "stock" not in table.latest().schema.names, "nothing was to be written"
    assert table.restock([("a", out(3))]) == ["changed"]
    assert other.upsert(products(["a", "b"], 2)).updated == 2, "a handle that was opened before"
    assert (availability(other), availability(other, "b")) == ("out_of_stock", "in_stock")


def test_writers_of_products_and_stock_at_once_come_to_the_newest_of_both(tmp_path: Path) -> None:
    uri = str(tmp_path / "p.lance")
    ids = [f"p{n}" for n in range(30)]
    table = ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
    table.upsert(products(ids, 1))
    ready = threading.Barrier(3)

    def write(kind: int) -> None:
        mine = ProductTable.open(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
        ready.wait()
        for n in range(2, 8):
            if kind == 0:
                mine.upsert(products(ids, n, title=f"v{n}"))
            else:
                mine.restock(
                    [(i, Stock(order(10 + n), "out_of_stock" if n % 2 else "preorder")) for i in ids]
                )

    threads = [threading.Thread(target=write, args=(kind,)) for kind in (0, 1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = table.fetch(ids).to_pylist()
    assert {row["title"].split()[0] for row in rows} == {"v7"}
    assert {row["availability"] for row in rows} == {"out_of_stock"}
    assert {row["stock"] for row in rows} == {out(17).encode()}
