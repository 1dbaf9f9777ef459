"""Stock that comes apart from its products: what it changes, and which of two words on it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmpipe.errors import CommitConflict, StorageUnavailable
from mmpipe.indexing.lanes import warm
from mmpipe.indexing.replays import replay
from mmpipe.lake import ProductTable
from mmpipe.lake.stock import Stock
from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.shopify import product, stock
from tests.unit.indexing.uploads import STAGES, Stages, counts, export, inventory, last_run, run_batch

TOLD = {"availability", "document", "stock", "updated_at"}


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_an_inventory_file_changes_the_stock_alone(shop: Shop) -> None:
    shop.bucket.put("media/a.png", png((200, 10, 10)))
    photo = shop.bucket.uri("media/a.png")
    shop.ok(export(shop, product("A", "dress", photo=photo), product("B", "hat", "Blue hat")))
    assert shop.encoded() == {"text": 2, "image": 1}
    before, other = shop.row("A"), shop.row("B")
    assert before["availability"] == "in_stock"
    reads = shop.bucket.reads.copy()
    event = inventory(shop, stock("A", "dress", 0))
    shop.ok(event)
    after = shop.row("A")
    assert after["availability"] == "out_of_stock"
    assert without(after, TOLD) == without(before, TOLD)
    assert after["updated_at"] > before["updated_at"]
    assert shop.row("B") == other
    assert shop.encoded() == {}
    assert shop.bucket.reads - reads == {event.object.uri: 1}
    run = last_run(shop, event)
    assert counts(run) == (1, 1, 0, 0, 0)
    assert (run.encoded, run.pictures) == ({}, {})
    live = shop.collection.live()
    assert live is not None
    assert live.version == shop.table.version


def test_what_is_available_at_all_locations_together_counts(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress"), product("B", "hat"), product("C", "sock", left=0)))
    rows = [
        stock("A", "dress", 0),
        stock("A", "dress", 3, "Shop"),
        stock("B", "hat", 0),
        stock("B", "hat", "not stocked", "Shop"),
        stock("C", "sock", "not stocked"),
    ]
    shop.ok(inventory(shop, *rows))
    assert [shop.row(p)["availability"] for p in "ABC"] == ["in_stock", "out_of_stock", "out_of_stock"]


def test_the_same_file_again_changes_no_product(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    event = inventory(shop, stock("A", "dress", 0))
    shop.ok(event)
    version, row = shop.table.version, shop.row("A")
    assert [o.status for o in shop.run(event)] == ["duplicate"]
    assert (shop.table.version, shop.row("A")) == (version, row)
    again = inventory(shop, stock("A", "dress", 0))
    shop.ok(again)
    assert counts(last_run(shop, again)) == (1, 0, 1, 0, 0)
    assert without(shop.row("A"), {"stock", "updated_at"}) == without(row, {"stock", "updated_at"})


def test_stock_that_was_committed_but_not_published_is_published_by_the_next_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(export(shop, product("A", "dress")))

    def down(*_: object, **__: object) -> str:
        raise StorageUnavailable("the store did not answer")

    event = inventory(shop, stock("A", "dress", 0))
    with monkeypatch.context() as patch:
        patch.setattr(warm, "publish", down)
        assert [o.status for o in shop.run(event)] == ["retry"]
    live, version = shop.collection.live(), shop.table.version
    assert live is not None
    assert live.version < version
    shop.ok(event)
    assert counts(last_run(shop, event)) == (1, 0, 1, 0, 0)
    live = shop.collection.live()
    assert live is not None
    assert (live.version, shop.table.version) == (version, version)


def test_stock_that_says_nothing_new_still_counts_against_an_older_export(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    sold_out = export(shop, product("A", "dress", "Scarlet dress", left=0))
    shop.ok(inventory(shop, stock("A", "dress", 2)))
    shop.ok(sold_out)
    row = shop.row("A")
    assert (row["title"], row["availability"]) == ("Scarlet dress", "in_stock")


def test_an_older_export_keeps_the_newer_stock_and_a_newer_one_replaces_it(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    late = export(shop, product("A", "dress", "Scarlet dress"))
    shop.ok(inventory(shop, stock("A", "dress", 0)))
    shop.ok(late)
    row = shop.row("A")
    assert (row["title"], row["availability"]) == ("Scarlet dress", "out_of_stock")
    assert '"availability":"out_of_stock"' in row["document"]
    shop.ok(export(shop, product("A", "dress", "Crimson dress")))
    row = shop.row("A")
    assert (row["title"], row["availability"], row["stock"]) == ("Crimson dress", "in_stock", None)


def test_an_older_inventory_file_loses(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    older, newer = inventory(shop, stock("A", "dress", 0)), inventory(shop, stock("A", "dress", 4))
    shop.ok(newer)
    shop.ok(older)
    assert shop.row("A")["availability"] == "in_stock"
    assert counts(last_run(shop, older)) in ((1, 0, 0, 1, 0), (1, 0, 1, 0, 0))
    before_export = inventory(shop, stock("A", "dress", 0), name="other")
    shop.ok(export(shop, product("A", "dress")))
    shop.ok(before_export)
    assert counts(last_run(shop, before_export)) == (1, 0, 0, 1, 0)
    assert shop.row("A")["availability"] == "in_stock"


def test_stock_of_an_unknown_product_is_a_reject_until_it_is_replayed(shop: Shop) -> None:
    products = export(shop, product("A", "dress"))
    event = inventory(shop, stock("A", "dress", 0))
    shop.ok(event)
    assert shop.table.latest().count_rows() == 0
    (reject,) = shop.collection.rejects.list()
    assert (reject.product_id, reject.field, reject.error) == ("A", "id", "StockWithoutProduct")
    assert reject.reason == (
        "id: there is no product 'A' of 'dress' yet: upload the product export, then replay this row"
    )
    assert counts(last_run(shop, event)) == (1, 0, 0, 0, 1)
    # Too early: it stays as it was.
    assert replay(shop.settings, "demo", reject.reject_id, loaded=shop.loaded).rejected == 1
    assert shop.collection.rejects.list() == [reject]
    shop.ok(products)
    assert shop.row("A")["availability"] == "in_stock"
    assert replay(shop.settings, "demo", reject.reject_id, loaded=shop.loaded).indexed == 1
    assert shop.row("A")["availability"] == "out_of_stock"
    assert shop.collection.rejects.count() == 0


def test_a_reject_of_stock_is_forgotten_when_something_newer_tells_it(shop: Shop) -> None:
    products = export(shop, product("A", "dress"), product("B", "hat"))
    shop.ok(inventory(shop, stock("A", "dress", 0), stock("B", "hat", 0)))
    bad = shop.bucket.put_feed("bad", [{"id": "A", "title": ""}])
    shop.bucket.tick()
    shop.ok(bad, products)
    assert {(r.product_id, r.field) for r in shop.collection.rejects.list()} == {
        ("A", "id"), ("B", "id"), ("A", "title")
    }  # fmt: skip
    shop.ok(inventory(shop, stock("A", "dress", 1), name="later"))
    # Its newer stock mends no row of the product itself.
    assert {(r.product_id, r.field) for r in shop.collection.rejects.list()} == {("B", "id"), ("A", "title")}
    shop.ok(export(shop, product("B", "hat"), name="later"))
    assert {(r.product_id, r.field) for r in shop.collection.rejects.list()} == {("A", "title")}


def test_the_rejects_of_a_replaced_inventory_file_go(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    shop.ok(inventory(shop, stock("A", "dress", 0), stock("TYPO", "dress", 0)))
    assert [r.product_id for r in shop.collection.rejects.list()] == ["TYPO"]
    shop.ok(inventory(shop, stock("A", "dress", 0)))
    assert shop.collection.rejects.count() == 0


def test_stock_of_another_item_group_is_a_reject(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    before = shop.row("A")
    shop.ok(inventory(shop, stock("A", "hat", 0)))
    assert shop.row("A") == before
    (reject,) = shop.collection.rejects.list()
    assert reject.reason.startswith("id: 'A' is not a product of 'hat', but of another group: upload the")


def test_of_the_names_that_a_contested_sku_may_have_the_one_that_is_there_counts(shop: Shop) -> None:
    """Which of two products has the SKU both claim, the inventory does not say."""
    shop.ok(export(shop, product("A", "dress"), product("A", "hat", "Blue hat")))
    ids = {r["title"]: r["id"] for r in shop.table.latest().to_table(columns=["id", "title"]).to_pylist()}
    assert ids["Red dress"] == "A"
    event = inventory(shop, stock("A", "dress", 0), stock("A", "hat", 4))
    shop.ok(event)
    assert shop.row("A")["availability"] == "out_of_stock"
    assert shop.row(ids["Blue hat"])["availability"] == "in_stock"
    run = last_run(shop, event)
    assert (run.indexed, run.unchanged, run.rejected, shop.collection.rejects.count()) == (1, 1, 0, 0)


def test_a_deleted_product_is_not_revived_but_keeps_its_stock_for_what_comes_late(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    shop.ok(export(shop, product("A", "dress", live=False)))
    assert shop.row("A")["deleted"] is True
    back = export(shop, product("A", "dress", "Back again"), name="back")
    shop.ok(inventory(shop, stock("A", "dress", 0)))
    assert shop.row("A")["deleted"] is True
    assert shop.row("A")["document"] is None
    assert shop.collection.rejects.count() == 0
    shop.ok(back)
    row = shop.row("A")
    assert (row["title"], row["availability"]) == ("Back again", "out_of_stock")


def test_a_deletion_keeps_the_stock_that_was_told_since(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    gone = export(shop, product("A", "dress", live=False))
    back = export(shop, product("A", "dress", "Back again"))
    shop.ok(inventory(shop, stock("A", "dress", 0)))
    shop.ok(gone)
    shop.ok(back)
    assert shop.row("A")["availability"] == "out_of_stock"


def test_stock_of_one_product_does_not_pass_to_another_of_the_same_id(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    other = export(shop, product("A", "gown", "Red gown"))
    shop.ok(inventory(shop, stock("A", "dress", 0)))
    shop.ok(other)
    row = shop.row("A")
    assert (row["title"], row["availability"]) == ("Red gown", "in_stock")


@pytest.mark.parametrize("stock_first", [False, True])
def test_products_and_their_stock_in_one_commit(shop: Shop, stock_first: bool) -> None:
    products = export(shop, product("A", "dress"), product("B", "hat", left=0))
    told = inventory(shop, stock("A", "dress", 0), stock("B", "hat", 1))
    shop.ok(*((told, products) if stock_first else (products, told)))
    assert [shop.row(p)["availability"] for p in "AB"] == ["out_of_stock", "in_stock"]
    assert shop.collection.rejects.count() == 0
    assert counts(last_run(shop, told)) == (2, 2, 0, 0, 0)


def test_two_inventory_files_in_one_commit(shop: Shop) -> None:
    shop.ok(export(shop, product("A", "dress")))
    older = inventory(shop, stock("A", "dress", 3), name="one")
    newer = inventory(shop, stock("A", "dress", 0), name="two")
    shop.ok(newer, older)
    assert shop.row("A")["availability"] == "out_of_stock"
    assert counts(last_run(shop, older)) == (1, 0, 0, 1, 0)


def test_stock_can_be_told_in_any_feed(shop: Shop) -> None:
    shop.ok(shop.bucket.put_feed("all", [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]))
    shop.bucket.tick()
    rows: list[dict[str, object]] = [
        {"_op": "stock", "id": "a", "availability": "out of stock"},
        {"_op": "stock", "id": "b", "availability": "perhaps"},
        {"_op": "stock", "id": "b", "availability": "preorder", "item_group_id": "other"},
    ]
    shop.ok(shop.bucket.put_feed("stock", rows))
    assert (shop.row("a")["availability"], shop.row("b")["availability"]) == ("out_of_stock", "in_stock")
    assert {(r.row, r.field) for r in shop.collection.rejects.list()} == {(2, "availability"), (3, "id")}


def test_a_medium_that_is_read_again_leaves_the_stock(shop: Shop) -> None:
    shop.bucket.put("media/a.png", png((200, 10, 10)))
    shop.ok(export(shop, product("A", "dress", photo=shop.bucket.uri("media/a.png"))))
    shop.ok(inventory(shop, stock("A", "dress", 0)))
    before = shop.row("A")
    shop.ok(shop.bucket.put("media/a.png", png((10, 10, 200))))
    after = shop.row("A")
    assert after["image_hash"] != before["image_hash"]
    assert (after["availability"], after["stock"]) == ("out_of_stock", before["stock"])
    assert after["document"] == before["document"]


@STAGES
def test_the_batch_lane_does_the_same(batch: Shop, stages: Stages) -> None:
    many = [product(f"P{n}", f"p-{n}") for n in range(40)]
    early = inventory(batch, stock("A", "dress", 0), name="early")
    assert counts(run_batch(batch, early, stages)) == (1, 0, 0, 0, 1)
    first = export(batch, *many, product("A", "dress"), product("X", "gone"))
    late = export(batch, product("A", "dress", "Scarlet dress"), product("P7", "p-7", live=False))
    told = inventory(batch, *(stock(f"P{n}", f"p-{n}", n % 2) for n in range(40)), stock("A", "hat", 0))
    run_batch(batch, first, stages)
    assert batch.collection.rejects.count() == 0
    batch.encoded()
    record = run_batch(batch, told, stages)
    assert counts(record) == (41, 20, 20, 0, 1)
    assert (record.encoded, batch.encoded()) == ({}, {})
    assert [r.product_id for r in batch.collection.rejects.list()] == ["A"]
    run_batch(batch, inventory(batch, stock("A", "dress", 0), name="later"), stages)
    run_batch(batch, late, stages)
    row = batch.row("A")
    assert (row["title"], row["availability"]) == ("Scarlet dress", "out_of_stock")
    stocked = {f"P{n}": "in_stock" if n % 2 else "out_of_stock" for n in range(40) if n != 7}
    rows = batch.table.fetch(list(stocked), ["id", "availability"]).to_pylist()
    assert {r["id"]: r["availability"] for r in rows} == stocked
    assert batch.row("P7")["deleted"] is True


def test_the_names_of_one_record_stay_in_one_chunk(batch: Shop) -> None:
    """Else one of them would be a reject before the other is found."""
    many = [stock(f"P{n}", f"p-{n}", 1) for n in range(15)]
    sold = [product(f"P{n}", f"p-{n}") for n in range(15)]
    run_batch(batch, export(batch, *sold, product("A", "dress"), product("A", "hat", "Blue hat")))
    indexing = batch.settings.indexing.model_copy(update={"commit_rows": 1})
    batch.settings = batch.settings.model_copy(update={"indexing": indexing})
    record = run_batch(batch, inventory(batch, *many, stock("A", "dress", 0), stock("A", "hat", 0)))
    assert record.read > 17
    assert (record.indexed, record.unchanged, record.rejected) == (2, 15, 0)


def between(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Call ``meanwhile`` once, right before the next commit."""
    real = ProductTable.apply

    def apply(table: ProductTable, *changes: Any, **options: Any) -> Any:
        monkeypatch.setattr(ProductTable, "apply", real)
        meanwhile()
        return real(table, *changes, **options)

    monkeypatch.setattr(ProductTable, "apply", apply)


def newest(shop: Shop, word: str, group: str = "dress") -> Stock:
    order = "9" * len(shop.row("A")["source_order"])
    return Stock(order, "out_of_stock" if word == "out" else "in_stock", group)


def test_stock_that_is_told_while_its_product_is_written_is_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(export(shop, product("A", "dress")))
    told = newest(shop, "out")
    between(monkeypatch, lambda: shop.table.restock([("A", told)]))
    shop.ok(export(shop, product("A", "dress", "Scarlet dress")))
    row = shop.row("A")
    assert (row["title"], row["availability"], row["stock"]) == (
        "Scarlet dress", "out_of_stock", told.encode()
    )  # fmt: skip


def test_stock_that_is_told_while_a_medium_is_read_again_is_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bucket.put("media/a.png", png((200, 10, 10)))
    shop.ok(export(shop, product("A", "dress", photo=shop.bucket.uri("media/a.png"))))
    before = shop.row("A")
    told = newest(shop, "out")
    between(monkeypatch, lambda: shop.table.restock([("A", told)]))
    shop.ok(shop.bucket.put("media/a.png", png((10, 10, 200))))
    row = shop.row("A")
    assert row["image_hash"] != before["image_hash"]
    assert (row["availability"], row["stock"]) == ("out_of_stock", told.encode())


def test_a_medium_that_is_replaced_while_stock_is_told_is_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bucket.put("media/a.png", png((200, 10, 10)))
    shop.ok(export(shop, product("A", "dress", photo=shop.bucket.uri("media/a.png"))))
    before = shop.row("A")
    photo = shop.bucket.put("media/a.png", png((10, 10, 200)))
    real = ProductTable._apply_once

    def meanwhile(table: ProductTable, *args: object, **kwargs: object) -> object:
        monkeypatch.setattr(ProductTable, "_apply_once", real)
        lock = shop.indexer._committing(shop.collection).turn
        lock.release()
        shop.ok(photo)
        lock.acquire()
        return real(table, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ProductTable, "_apply_once", meanwhile)
    shop.ok(inventory(shop, stock("A", "dress", 0)))
    row = shop.row("A")
    assert row["image_hash"] != before["image_hash"]
    assert row["availability"] == "out_of_stock"


def _never_rests(*_: object, **__: object) -> None:
    raise CommitConflict("somebody else was first")


def test_a_table_that_never_rests_is_tried_again_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ok(export(shop, product("A", "dress")))
    monkeypatch.setattr(ProductTable, "_apply_once", _never_rests)
    monkeypatch.setattr("mmpipe.lake.products._BACKOFF_SECONDS", 0.0)
    with pytest.raises(CommitConflict):
        shop.table.restock([("A", newest(shop, "out"))])
    event = inventory(shop, stock("A", "dress", 0))
    assert [o.status for o in shop.run(event)] == ["retry"]
    monkeypatch.undo()
    shop.ok(event)
    assert shop.row("A")["availability"] == "out_of_stock"
