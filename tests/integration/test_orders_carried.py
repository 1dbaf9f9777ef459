"""Orders that moved alone come along with a change of models, whatever the target holds by then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmpipe.encoders import registry
from mmpipe.indexing import execute_file
from mmpipe.indexing.tables.copy import Due, RowCarrier
from mmpipe.indexing.tables.switch import reindex, switch
from mmpipe.lake import ProductTable
from tests.integration.changing_shop import Shop, filled_shop, other_profile, rows_of, settings_in

Rows = list[dict[str, str]]

ROWS: Rows = [{"id": f"x{n}", "title": f"thing {n}"} for n in range(6)]
OTHERWISE: Rows = [{"id": "x0", "title": "something else"}]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setitem(registry._PROFILES, "other", other_profile)
    made = filled_shop(tmp_path / "bucket", settings_in(tmp_path))
    yield made
    made.indexer.close()


def write_feed(shop: Shop, name: str, rows: Rows) -> Path:
    return shop.write(f"feeds/{name}.jsonl", "\n".join(map(json.dumps, rows)).encode())


def upload(shop: Shop, name: str, rows: Rows) -> None:
    write_feed(shop, name, rows)
    shop.run(shop.order(f"feeds/{name}.jsonl", "feed_uploaded"))


def two_tables(shop: Shop) -> tuple[ProductTable, ProductTable]:
    """What is live, with :data:`ROWS`, and a table of other models that holds the same."""
    upload(shop, "first", ROWS)
    return shop.live(), shop.collection.table(reindex(shop.settings, shop.collection, "other").table)


def after_the_first_look(monkeypatch: pytest.MonkeyPatch, act: Callable[[RowCarrier], None]) -> None:
    look, looks = RowCarrier.look, list[Due]()

    def looking(carrier: RowCarrier, *, live_target: bool = False) -> Due:
        due = look(carrier, live_target=live_target)
        looks.append(due)
        if len(looks) == 1:
            act(carrier)
        return due

    monkeypatch.setattr(RowCarrier, "look", looking)


def held(table: ProductTable) -> dict[str, tuple[str, bool, str | None]]:
    """By id, what has to be the same in both tables."""
    return {i: (row["source_order"], row["deleted"], row["title"]) for i, row in rows_of(table).items()}


def check_switch(shop: Shop, source: ProductTable, target: ProductTable) -> None:
    switch(shop.settings, shop.collection, target.name)
    assert shop.live().name == target.name
    assert held(target) == held(source)


def test_orders_that_moved_before_the_switch(shop: Shop) -> None:
    source, target = two_tables(shop)
    upload(shop, "again", ROWS)
    assert held(target) != held(source)
    check_switch(shop, source, target)


def test_orders_that_move_during_the_switch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = two_tables(shop)
    after_the_first_look(monkeypatch, lambda _: upload(shop, "again", ROWS))
    check_switch(shop, source, target)


def test_a_product_that_changes_and_changes_back_between_two_looks(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target holds what was in between."""
    source, target = two_tables(shop)

    def change_and_change_back(carrier: RowCarrier) -> None:
        upload(shop, "again", ROWS)
        upload(shop, "otherwise", OTHERWISE)
        carrier.carry(carrier.look())
        upload(shop, "back", ROWS)

    after_the_first_look(monkeypatch, change_and_change_back)
    check_switch(shop, source, target)


def test_a_product_that_changed_back_since_the_target_was_filled_last(shop: Shop) -> None:
    source, target = two_tables(shop)
    upload(shop, "otherwise", OTHERWISE)
    reindex(shop.settings, shop.collection, "other")
    upload(shop, "back", ROWS)
    assert held(target) != held(source)
    check_switch(shop, source, target)


def test_a_product_that_a_feed_wrote_into_the_target_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed may still write where readers were when it began. Its row is newer than the source's at the
    first look, and older than the order that the source's moves to then."""
    source, target = two_tables(shop)
    path = write_feed(shop, "otherwise", OTHERWISE)
    indexing = shop.settings.indexing.model_copy(update={"profile": "other"})
    execute_file(shop.settings.model_copy(update={"indexing": indexing}), path, "shop", follow=False)
    assert rows_of(target)["x0"]["title"] == "something else"
    assert shop.live().name == source.name
    after_the_first_look(monkeypatch, lambda _: upload(shop, "again", ROWS))
    check_switch(shop, source, target)
