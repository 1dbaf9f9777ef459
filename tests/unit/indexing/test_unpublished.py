"""A process dies between the commit of an upload and its publication: who meets that next publishes it."""

from __future__ import annotations

import pytest

from mmpipe.indexing import Indexer
from mmpipe.lake import Collection, ProductTable
from mmpipe.lake.changes import Applied, Changes
from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.another import another_indexer
from tests.unit.indexing.broken_off import live_rows
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop


class Killed(BaseException):
    """Ends an indexer where the end of its process would: nobody handles it."""


def die_at_publication(indexer: Indexer, event: CatalogueEvent) -> None:
    def killed(*_: object, **__: object) -> object:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Collection, "publish", killed)
        with pytest.raises(Killed):
            indexer.execute([order_of(event)])


def statuses(indexer: Indexer, *events: CatalogueEvent) -> list[str]:
    """What becomes of orders that come one after the other."""
    return [indexer.execute([order_of(event)])[0].status for event in events]


def test_an_unchanged_upload_publishes_what_was_committed_before_it(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red"))
    shop.bucket.tick()
    event = shop.bucket.put_product("a", title="Blue")
    shop.bucket.tick()
    die_at_publication(shop.indexer, event)
    assert live_rows(shop) == {"a": "Red"}
    again = shop.bucket.put_feed("again", [{"id": "a", "title": "Blue"}])
    with another_indexer(shop) as other:
        assert statuses(other, again) == ["done"]
        assert live_rows(shop) == {"a": "Blue"}
        assert statuses(other, event) == ["done"]
    assert live_rows(shop) == {"a": "Blue"}


def test_who_works_on_the_same_order_at_the_same_time_publishes_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red"))
    shop.bucket.tick()
    event = shop.bucket.put_product("a", title="Blue")
    apply = ProductTable.apply
    with another_indexer(shop) as other, monkeypatch.context() as patch:

        def overtaken(table: ProductTable, changes: Changes, **more: object) -> Applied:
            patch.undo()
            die_at_publication(other, event)
            assert live_rows(shop) == {"a": "Red"}
            return apply(table, changes, **more)  # type: ignore[arg-type]

        patch.setattr(ProductTable, "apply", overtaken)
        shop.ok(event)
    assert live_rows(shop) == {"a": "Blue"}


def test_a_deletion_of_what_is_deleted_already_publishes_that(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red"))
    shop.bucket.tick()
    removed = shop.bucket.remove("products/a.json")
    shop.bucket.tick()
    die_at_publication(shop.indexer, removed)
    assert live_rows(shop) == {"a": "Red"}
    again = shop.bucket.put_feed("again", [{"id": "a", "_op": "delete"}])
    with another_indexer(shop) as other:
        assert statuses(other, again, removed) == ["done", "done"]
    live = shop.collection.live()
    assert live is not None
    assert (live.rows, live_rows(shop)) == (0, {})
