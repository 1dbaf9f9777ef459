"""When a product came, through every lane that writes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.indexing.tables.copy import RowCarrier
from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.uploads import STAGES, Stages, run_batch

RED, BLUE = (220, 30, 30), (30, 30, 220)


def added(shop: Shop, product_id: str) -> datetime:
    moment = shop.row(product_id)["added_at"]
    assert isinstance(moment, datetime)
    return moment


def test_every_later_upload_keeps_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = datetime.now(UTC)
    shop.ok(shop.bucket.put("media/a.png", png(RED)))
    shop.ok(shop.bucket.put_product("a", title="Red dress", image_link="media/a.png", price="1 USD"))
    shop.ok(shop.bucket.put_product("b", title="Hat"))
    came, other = added(shop, "a"), added(shop, "b")
    assert before <= came <= datetime.now(UTC)
    assert came == shop.row("a")["updated_at"]

    for fields in (
        {"title": "Red dress", "image_link": "media/a.png", "price": "2 USD"},  # an edit
        {"title": "Scarlet dress", "image_link": "media/a.png"},  # whole, its picture copied
        {"title": "Scarlet dress", "image_link": "media/a.png"},  # seen
        {"title": "Dress"},  # whole, nothing copied
    ):
        shop.bucket.tick()
        shop.ok(shop.bucket.put_product("a", **fields))
        assert added(shop, "a") == came, fields
    assert shop.row("a")["updated_at"] > came
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Dress", image_link="media/a.png"))
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png(BLUE)))  # the picture alone, read again
    assert added(shop, "a") == came
    assert added(shop, "b") == other

    read: list[tuple[str, ...]] = []
    fetch = shop.table.fetch
    monkeypatch.setattr(
        type(shop.table), "fetch", lambda _self, ids, columns=None, **more: (
            read.append(tuple(columns or ())) or fetch(ids, columns, **more)
        )
    )  # fmt: skip
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("b", title="Hat"))
    assert len(read) == 1
    assert "added_at" not in read[0], "what is as it was is not asked about it"


def test_a_product_that_was_gone_is_new(shop: Shop) -> None:
    event = shop.bucket.put_product("a", title="Dress")
    shop.ok(event)
    came = added(shop, "a")
    shop.bucket.tick()
    shop.ok(shop.bucket.remove("products/a.json"))
    assert shop.row("a")["added_at"] is None
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Dress"))
    assert added(shop, "a") > came


@STAGES
def test_the_batch_lane_keeps_it(batch: Shop, stages: Stages) -> None:
    batch.ok(batch.bucket.put_product("a", title="Dress"))
    came = added(batch, "a")
    batch.bucket.tick()
    feed = [{"id": "a", "title": "Dress"}, {"id": "b", "title": "Hat"}, {"id": "c", "title": "Shoe"}]
    assert run_batch(batch, batch.bucket.put_feed("one", feed), stages).indexed == 2
    assert added(batch, "a") == came < added(batch, "b")
    first = {product_id: added(batch, product_id) for product_id in "abc"}
    batch.bucket.tick()
    retitled = [{**row, "title": f"{row['title']} in red"} for row in feed] + [{"id": "d", "title": "Bag"}]
    assert run_batch(batch, batch.bucket.put_feed("two", retitled), stages).indexed == 4
    assert {product_id: added(batch, product_id) for product_id in "abc"} == first
    assert added(batch, "d") > max(first.values())


def test_the_table_of_other_models_keeps_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = registry.load("fake")
    infos = {m: replace(i, revision="2") if m == "image" else i for m, i in fake.profile.encoders.items()}
    loaded = LoadedEncoders(replace(fake.profile, name="other", encoders=infos), fake.encoders)
    monkeypatch.setitem(registry._PROFILES, "other", lambda _threads: loaded)
    shop.ok(shop.bucket.put_product("a", title="Dress"), shop.bucket.put_product("b", title="Hat"))
    first = {product_id: added(shop, product_id) for product_id in "ab"}
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    target = shop.collection.products(loaded.profile, create=True)
    for title in ("Red dress", "Blue dress"):
        shop.bucket.tick()
        shop.ok(shop.bucket.put_product("a", title=title))
        carrier = RowCarrier(shop.collection, shop.table, target, loaded, shop.settings)
        carrier.carry(carrier.look())
        carrier.close()
        rows = target.fetch(["a", "b"], ["id", "added_at"]).to_pylist()
        assert {row["id"]: row["added_at"] for row in rows} == first
