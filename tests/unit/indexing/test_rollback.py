"""Uploads after a rollback: written, but not live until somebody promotes."""

from __future__ import annotations

from tests.unit.indexing.conftest import Shop


def test_an_upload_after_a_rollback_waits_for_promote(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("b", title="Wrong price"))
    assert shop.collection.rollback().rows == 1
    shop.bucket.tick()
    outcome = shop.run(shop.bucket.put_product("c", title="Blue dress"))[0]
    assert outcome.status == "done"
    assert "rolled back" in outcome.reason
    live = shop.collection.live()
    assert live is not None
    assert live.rows == 1
    assert shop.collection.promote(live.table).rows == 3
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("d", title="Green dress"))
    live = shop.collection.live()
    assert live is not None
    assert live.rows == 4
