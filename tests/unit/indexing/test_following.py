"""Uploads go where readers look, and never move readers to other models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import LiveMoved, StorageUnavailable
from mmpipe.indexing.tables.following import Pipelines, live_profile, models_for
from mmpipe.indexing.writing.publish import publish
from mmpipe.lake import Collection, ProductTable
from mmpipe.lake.live import LiveFile
from mmpipe.settings import Settings
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Six more profiles, as light as ``fake``."""

    def loader(name: str) -> Callable[[int | None], LoadedEncoders]:
        fake = registry.load("fake")
        return lambda _threads: LoadedEncoders(replace(fake.profile, name=name), fake.encoders)

    names = [f"other-{n}" for n in range(6)]
    for name in names:
        monkeypatch.setitem(registry._PROFILES, name, loader(name))
    return names


def beside(shop: Shop, name: str) -> ProductTable:
    """The table of another profile, with the rows of the live one."""
    table = shop.collection.products(registry.load(name).profile, create=True)
    table.upsert(shop.table.latest().to_table())
    return table


def test_the_executors_models_count_and_not_the_senders(shop: Shop, others: list[str]) -> None:
    first, later = (order_of(shop.bucket.put_product(i, title="Red dress"), others[0]) for i in "ab")
    assert [outcome.status for outcome in shop.indexer.execute([first, later])] == ["done", "done"]
    run = shop.collection.runs.get(first.run_id)
    assert run is not None
    assert (run.profile, run.table) == ("fake", shop.table.name)


def test_the_indexer_follows_to_and_fro(shop: Shop, others: list[str]) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    old = shop.table
    for name in others:  # more than are kept loaded
        table = beside(shop, name)
        shop.collection.publish(table, reason="switched")
        shop.bucket.tick()
        shop.ok(shop.bucket.put_product(name, title="Blue dress"))
        assert [row["title"] for row in table.fetch([name]).to_pylist()] == ["Blue dress"]
        live = shop.collection.live()
        assert live is not None
        assert live.table == table.name
    assert old.count_live() == 1
    shop.collection.promote(old.name)
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("last", title="Green dress"))
    assert old.count_live() == 2


def test_publishing_beside_the_live_table_is_told_or_raised(shop: Shop, others: list[str]) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    table = beside(shop, others[0])
    assert f"mmpipe live switch {table.name}" in publish(shop.collection, table, "upload")
    with pytest.raises(LiveMoved, match=shop.table.name):
        publish(shop.collection, table, "upload", follow=True)


def test_a_publication_decided_on_before_a_switch_does_not_undo_it(
    shop: Shop, others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    table, seen = beside(shop, others[0]), shop.collection.live()
    shop.collection.publish(table, reason="switched")
    with pytest.raises(LiveMoved, match=table.name):
        shop.collection.publish(shop.table, reason="upload", following=seen)
    live = shop.collection.live()
    assert live is not None
    assert live.table == table.name

    # The same where readers are moved between an upload's look and its publication.
    shop.collection.promote(shop.table.name)
    whole = Collection.publish

    def moved_first(self: Collection, mine: ProductTable, **options: Any) -> Any:
        if mine.name == shop.table.name and options.get("following") is not None:
            monkeypatch.setattr(Collection, "publish", whole)
            self.promote(table.name)
        return whole(self, mine, **options)

    newer = shop.table.latest().to_table()
    place = newer.schema.get_field_index("source_order")
    shop.table.upsert(newer.set_column(place, newer.schema.field(place), [["9" * 90]]))
    monkeypatch.setattr(Collection, "publish", moved_first)
    assert "live switch" in publish(shop.collection, shop.table, "upload")


def test_a_rollback_between_look_and_publication_stays(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("b", title="Blue dress"))
    seen = shop.collection.live()
    shop.collection.rollback()
    with pytest.raises(LiveMoved):
        shop.collection.publish(shop.table, reason="upload", following=seen)
    live = shop.collection.live()
    assert live is not None
    assert live.rows == 1


def test_a_live_table_that_is_gone_is_no_fault_of_the_upload(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    pointer = shop.collection._pointer
    former = pointer.read()
    assert former is not None
    pointer.replace(LiveFile(live=former.live.model_copy(update={"table": "products_gone_00000000"})), former)
    with pytest.raises(StorageUnavailable, match="promote another"):
        live_profile(shop.collection)
    shop.bucket.tick()
    (outcome,) = shop.run(shop.bucket.put_product("b", title="Blue dress"))
    assert outcome.status == "retry"


def test_models_at_hand_are_used_only_where_they_are_the_ones(settings: Settings, others: list[str]) -> None:
    fake, other = registry.load("fake"), registry.load(others[0])
    assert models_for(settings, "fake", None, fake) is fake
    assert models_for(settings, "fake", fake.profile, fake) is fake
    assert models_for(settings, "fake", other.profile, fake).profile == other.profile
    pipelines = Pipelines(settings, fake, lambda _uri: None)  # type: ignore[arg-type, return-value]
    assert pipelines.of(None) is pipelines.of(fake.profile) is pipelines.own
    assert pipelines.of(other.profile) is pipelines.of(other.profile) is not pipelines.own
    pipelines.close()
