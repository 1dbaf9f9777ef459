"""What of one table is due in another, and where its media are found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.indexing.tables.copy import RowCarrier
from mmpipe.lake import ProductTable
from mmpipe.lake.reviewed import Reviewed
from mmpipe.lake.stock import Stock
from mmpipe.media import media_root
from mmpipe.schemas.product import Product
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.shopify import product as product_row
from tests.unit.indexing.shopify import products_csv


def product(**fields: object) -> Product:
    return Product.model_validate({"id": "a", "title": "A", **fields})


@pytest.mark.parametrize(
    ("links", "uris", "ledger", "root"),
    [
        ({"image_link": "media/1.jpg"}, ["s3://b/shop/media/1.jpg"], "s3://b/shop/", "s3://b/shop/"),
        # The ledger names another upload since, a replay for example.
        ({"image_link": "media/1.jpg"}, ["s3://b/shop/media/1.jpg"], "s3://b/else/", "s3://b/shop/"),
        ({"image_link": "./1.jpg"}, ["file:///shop/1.jpg"], None, "file:///shop/"),
        # Where two links end alike, the root that explains both.
        (
            {"image_link": "1.jpg", "additional_image_link": ["a/1.jpg"]},
            ["s3://b/shop/1.jpg", "s3://b/shop/a/1.jpg"],
            None,
            "s3://b/shop/",
        ),
        (
            {"image_link": "https://x.example/1.jpg"},
            ["https://x.example/1.jpg"],
            "s3://b/shop/",
            "s3://b/shop/",
        ),
        ({"image_link": "s3://b/shop/1.jpg"}, ["s3://b/shop/1.jpg"], None, "s3://b/shop/"),
        ({"image_link": "1.jpg"}, [], "s3://b/shop/", "s3://b/shop/"),
        ({"image_link": "1.jpg"}, [], None, None),
        ({}, [], None, None),
    ],
)
def test_relative_links_start_where_they_did(
    links: dict[str, object], uris: list[str], ledger: str | None, root: str | None
) -> None:
    assert media_root(product(**links), uris, ledger) == root


@pytest.fixture
def tables(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[ProductTable, ProductTable, LoadedEncoders]:
    """A table by ``fake``, an empty one by a profile that differs in its images, and its models."""
    fake = registry.load("fake")
    infos = {m: replace(i, revision="2") if m == "image" else i for m, i in fake.profile.encoders.items()}
    loaded = LoadedEncoders(replace(fake.profile, name="other", encoders=infos), fake.encoders)
    monkeypatch.setitem(registry._PROFILES, "other", lambda _threads: loaded)
    shop.ok(
        shop.bucket.put_product("a", title="Red dress"),
        shop.bucket.put_product("b", title="Blue dress"),
    )
    return shop.table, shop.collection.products(loaded.profile, create=True), loaded


def test_what_is_due(shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]) -> None:
    source, target, loaded = tables
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    due = carrier.look()
    assert (due.newer, due.refreshed) == (["a", "b"], [])
    carried = carrier.carry(due)
    assert (carried.written, dict(carried.copied), dict(carried.encoded)) == (2, {"text": 2}, {})
    assert not carrier.look()
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Red dress", price="3 USD"), shop.bucket.put_product("c"))
    assert carrier.look().newer == ["a"]  # c has no title: a reject
    # Nobody carried it: the next look of this carrier sees no change, another one's does.
    assert not carrier.look()
    carrier.close()
    again = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    assert again.look().newer == ["a"]
    again.close()


def test_what_the_target_holds_newer_is_left(
    shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]
) -> None:
    source, target, loaded = tables
    rows = source.latest().to_table()
    newer = rows.set_column(1, "source_order", [["z" * 65] * 2]).slice(0, 1)
    target.upsert(newer)
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    due = carrier.look()
    assert len(due) == 1
    carrier.carry(due)
    assert sorted(target.latest().to_table(columns=["source_order"]).column(0).to_pylist())[1] == "z" * 65
    carrier.close()


def test_rows_that_were_filled_from_the_same_feed_are_not_encoded_again(
    shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]
) -> None:
    source, target, loaded = tables
    rows = source.latest().to_table()
    position = rows.schema.get_field_index("updated_at")
    an_hour = [moment + timedelta(hours=1) for moment in rows.column("updated_at").to_pylist()]
    target.upsert(rows.set_column(position, "updated_at", [an_hour]))
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    assert not carrier.look()
    carrier.close()


def test_a_medium_that_came_inside_a_feed_and_a_row_that_no_longer_parses_are_rejects(
    shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]
) -> None:
    source, target, loaded = tables
    row = source.fetch(["a"])
    order = "1" + row.column("source_order")[0].as_py()[1:]
    inline = row.set_column(1, "source_order", [[order]])
    position = inline.schema.get_field_index("image_hash")
    inline = inline.set_column(position, "image_hash", [["f" * 64]])
    source.upsert(inline)
    broken = source.fetch(["b"]).set_column(1, "source_order", [[order]])
    position = broken.schema.get_field_index("document")
    source.upsert(broken.set_column(position, "document", [['{"id": "b", "title": 7}']]))
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    carried = carrier.carry(carrier.look())
    assert (carried.written, carried.rejected) == (1, 2)
    rejects = {r.product_id: r for r in shop.collection.rejects.list()}
    assert rejects["a"].scope == "media"
    assert "inside the feed" in rejects["a"].reason
    assert (rejects["b"].scope, rejects["b"].field) == ("row", "title")
    assert target.latest().to_table(columns=["id"]).column(0).to_pylist() == ["a"]
    carrier.close()


def _told(shop: Shop, product_id: str, word: str) -> None:
    shop.bucket.tick()
    rows: list[dict[str, object]] = [{"_op": "stock", "id": product_id, "availability": word}]
    shop.ok(shop.bucket.put_feed(f"stock-{shop.bucket.now:%H%M%S}", rows))


def _stocks(table: ProductTable) -> dict[str, tuple[str | None, bool]]:
    rows = table.latest().to_table(columns=["id", "availability", "stock"]).to_pylist()
    return {row["id"]: (row["availability"], row["stock"] is not None) for row in rows}


def test_stock_goes_over_with_its_product_and_also_what_comes_meanwhile(
    shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]
) -> None:
    source, target, loaded = tables
    late = shop.bucket.put_product("a", title="Late dress")
    _told(shop, "a", "out_of_stock")
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    carrier.carry(carrier.look())
    assert _stocks(target) == {"a": ("out_of_stock", True), "b": ("in_stock", False)}
    assert target.fetch(["a"], ["stock"]) == source.fetch(["a"], ["stock"])
    _told(shop, "a", "preorder")
    _told(shop, "b", "out_of_stock")
    due = carrier.look()
    assert (due.newer, due.refreshed) == ([], ["a", "b"])
    carried = carrier.carry(due)
    assert (carried.written, dict(carried.encoded)) == (2, {})
    assert _stocks(target) == {"a": ("preorder", True), "b": ("out_of_stock", True)}
    assert not carrier.look()
    shop.ok(late)  # older than both words on its stock
    carrier.carry(carrier.look())
    row = target.fetch(["a"]).to_pylist()[0]
    assert (row["title"], row["availability"]) == ("Late dress", "preorder")
    carrier.close()


def test_newer_stock_of_the_target_stays_when_a_medium_goes_over(
    shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]
) -> None:
    source, target, loaded = tables
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    carrier.carry(carrier.look())
    carrier.close()
    order = source.fetch(["a"], ["source_order"]).column(0)[0].as_py()
    assert target.restock([("a", Stock("9" * len(order), "out_of_stock"))]) == ["changed"]
    row = source.fetch(["a"])
    for name, value in (("image_hash", "f" * 64), ("updated_at", datetime.now(UTC))):
        field = row.schema.field(name)
        row = row.set_column(row.schema.get_field_index(name), field, pa.array([value], field.type))
    assert source.refresh(row).updated == 1
    again = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    due = again.look(live_target=True)
    assert due.refreshed == ["a"]
    assert again.carry(due).written == 1
    assert _stocks(target)["a"] == ("out_of_stock", True)
    again.close()


def test_deletions_go_over_as_what_they_are_meant_for(
    shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]
) -> None:
    source, target, loaded = tables
    shop.bucket.tick()
    late = shop.bucket.put("feeds/sale.csv", products_csv(product_row("S", "dress", "On sale")))
    shop.bucket.tick()
    shop.ok(shop.bucket.put("feeds/drafts.csv", products_csv(product_row("S", "copy", live=False))))
    _told(shop, "S", "out_of_stock")
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    carrier.carry(carrier.look())
    columns = ["deleted", "item_group_id", "stock"]
    assert target.fetch(["S"], columns) == source.fetch(["S"], columns)
    _told(shop, "S", "preorder")
    carrier.carry(carrier.look())
    assert target.fetch(["S"], columns) == source.fetch(["S"], columns)
    shop.ok(late)
    assert shop.row("S")["deleted"] is False
    due = carrier.look()
    assert due.newer == ["S"]
    carrier.carry(due)
    row = target.fetch(["S"]).to_pylist()[0]
    assert (row["title"], row["availability"]) == ("On sale", "preorder")
    carrier.close()


def test_ratings_of_reviews_go_over(
    shop: Shop, tables: tuple[ProductTable, ProductTable, LoadedEncoders]
) -> None:
    source, target, loaded = tables
    given = shop.bucket.put_product("a", title="Red dress", rating=4.0, rating_count=7)
    shop.bucket.tick()
    shop.ok(given)
    source.rerate({"a": Reviewed(2, 3, 1.5)})
    carrier = RowCarrier(shop.collection, source, target, loaded, shop.settings)
    carrier.carry(carrier.look())
    columns = ["rating", "rating_count", "reviewed"]
    assert target.fetch(["a"], columns) == source.fetch(["a"], columns)
    source.rerate({"a": Reviewed(3, 4, 2.5)})
    carrier.carry(carrier.look())
    assert target.fetch(["a"], columns) == source.fetch(["a"], columns)
    target.rerate({"a": Reviewed(4, 0, None)})
    (row,) = target.fetch(["a"], columns).to_pylist()
    assert (row["rating"], row["rating_count"]) == (4.0, 7)
    assert not RowCarrier(shop.collection, source, source, loaded, shop.settings).look()
