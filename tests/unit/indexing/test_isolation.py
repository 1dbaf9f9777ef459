"""One bad row never sinks a file, one bad file never sinks a batch, the same event twice changes nothing."""

from __future__ import annotations

import json

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing import replay
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop


def test_bad_row_is_a_reject_and_the_others_are_indexed(shop: Shop) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "title": "Red dress"},
        {"id": "b", "title": ""},
        {"id": "c", "title": "Blue hat", "price": "cheap"},
        {"id": "d", "title": "Green sock"},
    ]
    shop.ok(shop.bucket.put_feed("one", rows))
    assert sorted(shop.table.fetch(["a", "b", "c", "d"]).column("id").to_pylist()) == ["a", "d"]
    rejects = {r.product_id: r for r in shop.collection.rejects.list()}
    assert set(rejects) == {"b", "c"}
    assert rejects["b"].field == "title"
    assert rejects["c"].field == "price"
    assert all(r.scope == "row" and r.reason and r.raw for r in rejects.values())
    record = shop.collection.runs.list(limit=1)[0]
    assert (record.read, record.indexed, record.rejected, record.status) == (4, 2, 2, "done")


def test_bad_medium_is_a_reject_and_the_product_is_indexed(shop: Shop) -> None:
    shop.bucket.put("media/bad.png", b"this is no picture")
    shop.ok(shop.bucket.put_product("a", title="Red dress", image_link="media/bad.png"))
    row = shop.row("a")
    assert row["image_vector"] is None
    assert row["vector"] is not None
    reject = shop.collection.rejects.list()[0]
    assert (reject.scope, reject.product_id, reject.field) == ("media", "a", "image_link")
    assert shop.collection.runs.list(limit=1)[0].rejected == 0


def test_bad_file_beside_good_ones(shop: Shop) -> None:
    good = shop.bucket.put_product("a", title="Red dress")
    bad = shop.bucket.put("feeds/broken.parquet", b"PAR1 and then nothing")
    also_good = shop.bucket.put_feed("two", [{"id": "b", "title": "Blue hat"}])
    outcomes = shop.run(good, bad, also_good)
    assert [o.status for o in outcomes] == ["done", "failed", "done"]
    assert outcomes[1].reason
    assert shop.table.count_live() == 2
    record = shop.collection.runs.get(order_of(bad).run_id)
    assert record is not None
    assert record.status == "failed"
    assert record.error
    assert [r.source_uri for r in shop.collection.rejects.list()] == [shop.bucket.uri("feeds/broken.parquet")]


def test_orders_that_fail_together_are_tried_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpipe.indexing.pipeline.pipeline import Pipeline

    process = Pipeline.process

    def poisoned(self: Pipeline, rows: list, lookup: object) -> object:  # type: ignore[type-arg]
        if any(row.product is not None and row.product.id == "poison" for row in rows):
            raise ZeroDivisionError("an encoder's own fault")
        return process(self, rows, lookup)  # type: ignore[arg-type]

    monkeypatch.setattr(Pipeline, "process", poisoned)
    events = [shop.bucket.put_product(name, title=name) for name in ("a", "poison", "b")]
    outcomes = shop.run(*events)
    assert [o.status for o in outcomes] == ["done", "retry", "done"]
    assert "ZeroDivisionError" in outcomes[1].reason
    assert shop.table.count_live() == 2


def test_storage_failure_is_a_retry_and_leaves_nothing_half_done(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = shop.bucket.put_product("a", title="Red dress")
    with monkeypatch.context() as patch:

        def down(*_: object, **__: object) -> object:
            raise StorageUnavailable("the bucket did not answer")

        patch.setattr(shop.bucket, "read", down)
        assert [o.status for o in shop.run(event)] == ["retry"]
    assert shop.collection.runs.list() == []
    shop.ok(event)
    assert shop.row("a")["title"] == "Red dress"


def test_publication_lost_to_a_failure_is_made_up_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    event = shop.bucket.put_product("a", title="Red dress")
    with monkeypatch.context() as patch:

        def down(*_: object, **__: object) -> object:
            raise StorageUnavailable("the lake did not answer")

        patch.setattr(type(shop.collection), "publish", down)
        assert [o.status for o in shop.run(event)] == ["retry"]
    assert shop.collection.live() is None
    shop.ok(event)
    live = shop.collection.live()
    assert live is not None
    assert live.rows == 1


def test_same_event_twice_is_a_duplicate(shop: Shop) -> None:
    event = shop.bucket.put_product("a", title="Red dress")
    assert [o.status for o in shop.run(event, event)] == ["done", "duplicate"]
    version = shop.table.version
    assert [o.status for o in shop.run(event)] == ["duplicate"]
    assert shop.table.version == version


def test_document_must_name_its_keys_id(shop: Shop) -> None:
    shop.ok(shop.bucket.put("products/a.json", json.dumps({"id": "b", "title": "Red dress"}).encode()))
    assert shop.table.count_live() == 0
    assert [r.field for r in shop.collection.rejects.list()] == ["id"]
    shop.bucket.tick()
    shop.ok(shop.bucket.put("products/a.json", json.dumps({"title": "Red dress"}).encode()))
    assert shop.row("a")["title"] == "Red dress"
    assert shop.collection.rejects.list() == []


def test_removal_is_ordered_and_a_stale_one_deletes_nothing(shop: Shop) -> None:
    put = shop.bucket.put_product("a", title="Red dress")
    shop.bucket.tick()
    removed = shop.bucket.remove("products/a.json")
    shop.ok(removed)
    shop.ok(put)  # late
    assert shop.row("a")["deleted"] is True
    shop.bucket.tick()
    again = shop.bucket.put_product("a", title="Red dress, again")
    shop.ok(again)
    shop.bucket.tick()
    late = shop.bucket.remove("products/a.json")
    shop.bucket.put_product("a", title="Red dress, again")
    shop.ok(late)
    assert shop.row("a")["deleted"] is False


def test_feed_can_delete(shop: Shop) -> None:
    shop.ok(shop.bucket.put_feed("one", [{"id": "a", "title": "Red dress"}, {"id": "b", "title": "Hat"}]))
    shop.bucket.tick()
    shop.ok(shop.bucket.put_feed("two", [{"id": "a", "_op": "delete"}]))
    assert shop.row("a")["deleted"] is True
    assert shop.table.count_live() == 1
    assert shop.collection.runs.list(limit=1)[0].deleted == 1


def test_interactions_are_stored_once(shop: Shop) -> None:
    lines = [
        {"type": "view", "user_id": "u1", "product_id": "a"},
        {"type": "dance", "user_id": "u1"},
        {"type": "view", "user_id": "u2", "product_id": "a", "time": "yesterday"},
        {"type": "purchase", "user_id": "u2", "product_id": "a"},
    ]
    event = shop.bucket.put("events/day.jsonl", "\n".join(json.dumps(line) for line in lines).encode())
    shop.ok(event)
    assert shop.collection.interactions.count() == 2
    assert {r.field for r in shop.collection.rejects.list()} == {"type", "time"}
    record = shop.collection.runs.get(order_of(event).run_id)
    assert record is not None
    assert (record.read, record.indexed, record.rejected) == (4, 2, 2)
    shop.run(event)
    assert shop.collection.interactions.count() == 2


def test_replay_of_a_mended_row(shop: Shop) -> None:
    shop.ok(shop.bucket.put_feed("one", [{"id": "a", "title": ""}]))
    reject = shop.collection.rejects.list()[0]
    failed = replay(shop.settings, "demo", reject.reject_id, loaded=shop.loaded)
    assert failed.rejected == 1
    assert [r.reject_id for r in shop.collection.rejects.list()] == [reject.reject_id]
    mended = json.dumps({"id": "a", "title": "Red dress"})
    record = replay(shop.settings, "demo", reject.reject_id, raw=mended, loaded=shop.loaded)
    assert (record.status, record.indexed) == ("done", 1)
    assert shop.row("a")["source_order"] == reject.source_order
    assert shop.collection.rejects.list() == []


def test_replay_never_overrides_a_newer_upload(shop: Shop) -> None:
    shop.ok(shop.bucket.put_feed("one", [{"id": "a", "title": ""}]))
    reject = shop.collection.rejects.list()[0]
    shop.bucket.tick()
    other = shop.bucket.put_product("a", title="Newer dress")
    shop.ok(other)
    shop.collection.rejects.put([reject])
    mended = json.dumps({"id": "a", "title": "Older dress"})
    record = replay(shop.settings, "demo", reject.reject_id, raw=mended, loaded=shop.loaded)
    assert (record.indexed, record.skipped) == (0, 1)
    assert shop.row("a")["title"] == "Newer dress"


def test_many_media_events_in_one_call(shop: Shop) -> None:
    rows: list[dict[str, object]] = [
        {"id": f"p{i}", "title": f"Product {i}", "image_link": f"media/{i}.png"} for i in range(5)
    ]
    media = [shop.bucket.put(f"media/{i}.png", png((i * 50, 10, 10))) for i in range(5)]
    feed = shop.bucket.put_feed("one", rows)
    shop.ok(*media[:3], feed, *media[3:])
    found = shop.table.fetch([f"p{i}" for i in range(5)])
    assert found.column("image_vector").null_count == 0
    assert shop.encoded() == {"text": 5, "image": 5}


def test_a_broken_medium_told_by_its_row_and_by_its_own_upload_is_one_reject(shop: Shop) -> None:
    photo = shop.bucket.put("media/a.png", b"no picture")
    feed = shop.bucket.put_feed("f.jsonl", [{"id": "a", "title": "Red dress", "image_link": "media/a.png"}])
    shop.ok(feed)
    shop.ok(photo)
    (reject,) = shop.collection.rejects.list()
    assert (reject.scope, reject.product_id, reject.field, reject.row) == ("media", "a", "image_link", 1)
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png((200, 0, 0))[:48]))
    (reject,) = shop.collection.rejects.list()
    assert "broken" in reject.reason
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png((200, 0, 0))))
    assert shop.collection.rejects.list() == []
