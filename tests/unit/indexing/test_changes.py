"""What an upload makes the encoders do, and what it must not."""

from __future__ import annotations

import numpy as np

from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)


def _red_dress(shop: Shop, **fields: object) -> None:
    shop.ok(shop.bucket.put("media/a.png", png(RED)))
    shop.ok(
        shop.bucket.put_product("a", title="Red dress", price="10 USD", image_link="media/a.png", **fields)
    )


def test_new_product_is_encoded_once_per_modality(shop: Shop) -> None:
    _red_dress(shop)
    assert shop.encoded() == {"text": 1, "image": 1}
    row = shop.row("a")
    assert row["media_uris"] == [shop.bucket.uri("media/a.png")]
    assert row["price"] == 10.0
    fused = np.asarray(row["vector"])
    assert abs(np.linalg.norm(fused) - 1) < 1e-5
    assert shop.collection.live() is not None


def test_price_change_calls_no_encoder(shop: Shop) -> None:
    _red_dress(shop)
    shop.encoded()
    before = shop.row("a")
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Red dress", price="8 USD", image_link="media/a.png"))
    after = shop.row("a")
    assert shop.encoded() == {}
    assert after["price"] == 8.0
    assert after["vector"] == before["vector"]
    assert after["image_vector"] == before["image_vector"]
    assert after["source_order"] > before["source_order"]


def test_title_change_encodes_the_text_alone(shop: Shop) -> None:
    _red_dress(shop)
    shop.encoded()
    before = shop.row("a")
    shop.bucket.tick()
    shop.ok(shop.bucket.put_product("a", title="Scarlet dress", price="10 USD", image_link="media/a.png"))
    assert shop.encoded() == {"text": 1}
    assert shop.row("a")["image_vector"] == before["image_vector"]
    assert shop.row("a")["vector"] != before["vector"]


def test_replaced_photo_is_one_image_encode(shop: Shop) -> None:
    _red_dress(shop)
    shop.ok(shop.bucket.put_product("b", title="Blue hat"))
    shop.encoded()
    before = shop.row("a")
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png(BLUE)))
    assert shop.encoded() == {"image": 1}
    after = shop.row("a")
    assert after["image_hash"] != before["image_hash"]
    assert after["image_vector"] != before["image_vector"]
    assert after["source_order"] == before["source_order"]
    assert after["text_vector"] == before["text_vector"]


def test_same_photo_uploaded_again_changes_nothing(shop: Shop) -> None:
    _red_dress(shop)
    shop.encoded()
    version = shop.table.version
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png(RED)))
    assert shop.encoded() == {}
    assert shop.table.version == version


def test_same_document_again_advances_the_order_and_counts_unchanged(shop: Shop) -> None:
    _red_dress(shop)
    shop.encoded()
    before = shop.row("a")
    shop.bucket.tick()
    event = shop.bucket.put_product("a", title="Red dress", price="10 USD", image_link="media/a.png")
    shop.ok(event)
    assert shop.encoded() == {}
    assert shop.row("a")["source_order"] > before["source_order"]
    record = shop.collection.runs.list(limit=1)[0]
    assert (record.read, record.unchanged, record.indexed) == (1, 1, 0)


def test_photos_are_pooled_and_at_most_four_count(shop: Shop) -> None:
    for number in range(6):
        shop.bucket.put(f"media/{number}.png", png((number * 40, 0, 0)))
    links = [f"media/{number}.png" for number in range(1, 6)]
    shop.ok(shop.bucket.put_product("a", title="Shoe", image_link="media/0.png", additional_image_link=links))
    assert shop.encoded() == {"text": 1, "image": 4}
    row = shop.row("a")
    assert abs(np.linalg.norm(row["image_vector"]) - 1) < 1e-5
    single = [
        np.asarray(
            shop.loaded.encoders["image"].embed_documents([np.full((8, 8, 3), (n * 40, 0, 0), np.uint8)])[0]
        )
        for n in range(4)
    ]
    mean = np.mean(single, axis=0)
    assert np.allclose(row["image_vector"], mean / np.linalg.norm(mean), atol=1e-5)


def test_removed_photo_leaves_the_product_without_its_vector(shop: Shop) -> None:
    _red_dress(shop)
    shop.bucket.tick()
    shop.ok(shop.bucket.remove("media/a.png"))
    row = shop.row("a")
    assert row["image_vector"] is None
    assert row["image_hash"] is None
    assert row["vector"] is not None
    rejects = shop.collection.rejects.list(product_id="a")
    assert [(r.scope, r.field, r.error) for r in rejects] == [("media", "image_link", "MediaNotFound")]
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png(GREEN)))
    assert shop.row("a")["image_vector"] is not None
    assert shop.collection.rejects.list(product_id="a") == []


def test_photo_that_arrives_after_its_product(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress", image_link="media/a.png"))
    assert shop.row("a")["image_vector"] is None
    shop.ok(shop.bucket.put("media/a.png", png(RED)))
    assert shop.row("a")["image_vector"] is not None
    assert shop.collection.rejects.list() == []


def test_photo_replaced_while_its_product_is_written_is_seen(shop: Shop) -> None:
    """The media event was handled after the row's photo was read and before the row was committed."""
    shop.bucket.put("media/a.png", png(RED))
    event = shop.bucket.put_product("a", title="Red dress", image_link="media/a.png")
    original = type(shop.table).apply
    table_type = type(shop.table)

    def apply(self: object, *changes: object, **options: object) -> object:
        table_type.apply = original  # type: ignore[method-assign,assignment]
        shop.bucket.tick()
        media = shop.bucket.put("media/a.png", png(BLUE))
        stat = shop.bucket.stat(media.object.uri)
        from mmpipe.indexing.lanes.tasks import read_task
        from tests.unit.indexing.bucket import order_of

        runs = shop.collection.runs
        task = read_task(order_of(media), shop.settings, lambda _uri: shop.bucket, runs)
        assert task.media is not None
        assert task.media.etag == stat.etag
        shop.collection.media.record([task.media])  # its own look for products finds none yet
        return original(self, *changes, **options)  # type: ignore[arg-type]

    table_type.apply = apply  # type: ignore[method-assign,assignment]
    try:
        shop.ok(event)
    finally:
        table_type.apply = original  # type: ignore[method-assign]
    expected = shop.loaded.encoders["image"].embed_documents([np.full((8, 8, 3), BLUE, np.uint8)])[0]
    assert np.allclose(shop.row("a")["image_vector"], expected, atol=1e-6)
