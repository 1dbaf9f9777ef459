"""A product's clip: encoded with its frames, and copied with them."""

from __future__ import annotations

import io
import pickle

import av
import numpy as np
import pytest

from mmpipe.encoders import registry
from mmpipe.indexing.pipeline.held import WHOLE_COLUMNS, HeldRows
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.pipeline.result import ChunkResult
from mmpipe.indexing.sources.readers import product_rows
from mmpipe.lake.frames import FRAME_COLUMNS
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)


def mp4(*colours: tuple[int, int, int]) -> bytes:
    """A second of each colour."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for colour in colours:
            for _ in range(10):
                image = np.full((32, 32, 3), colour, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.fixture
def filmed(shop: Shop) -> Shop:
    shop.ok(shop.bucket.put("media/a.mp4", mp4(RED, BLUE)))
    shop.ok(shop.bucket.put_product("a", title="Dress", price="10 USD", video_link="media/a.mp4"))
    assert shop.encoded() == {"text": 1, "video": 1}
    return shop


def test_a_clip_is_stored_with_its_frames(filmed: Shop) -> None:
    row = filmed.row("a")
    assert len(row["video_frames"]) == len(row["video_seconds"]) * filmed.loaded.profile.dim
    assert row["video_seconds"] == sorted(row["video_seconds"])
    assert row["video_seconds"][0] < 1 <= row["video_seconds"][-1] < 2
    frames = np.asarray(row["video_frames"], np.float32).reshape(len(row["video_seconds"]), -1)
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1, atol=1e-2)
    images = filmed.loaded.encoders["image"]
    for colour, frame in ((RED, frames[0]), (BLUE, frames[-1])):
        assert float(images.embed_query(np.full((32, 32, 3), colour, np.uint8)) @ frame) > 0.9


def test_a_price_change_copies_vector_and_frames(filmed: Shop) -> None:
    before = filmed.row("a")
    filmed.bucket.tick()
    filmed.ok(filmed.bucket.put_product("a", title="Dress", price="8 USD", video_link="media/a.mp4"))
    after = filmed.row("a")
    assert filmed.encoded() == {}
    assert after["price"] == 8.0
    for name in ("video_vector", *FRAME_COLUMNS):
        assert after[name] == before[name]


def test_another_medium_read_again_keeps_the_clip(filmed: Shop) -> None:
    filmed.ok(filmed.bucket.put("media/a.png", png(GREEN)))
    filmed.bucket.tick()
    link = {"video_link": "media/a.mp4", "image_link": "media/a.png"}
    filmed.ok(filmed.bucket.put_product("a", title="Dress", price="10 USD", **link))
    before = filmed.row("a")
    filmed.encoded()
    filmed.bucket.tick()
    filmed.ok(filmed.bucket.put("media/a.png", png(RED)))
    assert filmed.encoded() == {"image": 1}
    assert filmed.row("a")["video_frames"] == before["video_frames"]


def test_a_replaced_clip_replaces_its_frames(filmed: Shop) -> None:
    before = filmed.row("a")
    filmed.bucket.tick()
    filmed.ok(filmed.bucket.put("media/a.mp4", mp4(GREEN)))
    after = filmed.row("a")
    assert filmed.encoded() == {"video": 1}
    assert len(after["video_seconds"]) < len(before["video_seconds"])
    assert after["video_frames"] != before["video_frames"]


def test_a_product_without_its_clip_has_no_frames(filmed: Shop) -> None:
    filmed.bucket.tick()
    filmed.ok(filmed.bucket.put_product("a", title="Dress", price="10 USD"))
    row = filmed.row("a")
    assert [row[name] for name in ("video_vector", *FRAME_COLUMNS)] == [None] * 3


def test_frames_travel_with_a_prepared_batch_to_another_process(filmed: Shop) -> None:
    known = HeldRows(filmed.table.fetch(["a"], columns=list(WHOLE_COLUMNS)), filmed.table.dim)
    assert known.clip(0) is not None
    pipeline = Pipeline(filmed.settings, registry.load("fake"), lambda _uri: filmed.bucket)
    filmed.bucket.tick()
    event = filmed.bucket.put_product("a", title="Blue dress", price="7 USD", video_link="media/a.mp4")
    rows = product_rows(order_of(event), filmed.settings, lambda _uri: filmed.bucket)
    result = ChunkResult()
    live, found = pipeline.preparation.compare(rows, lambda _ids: known, result)
    for batch in pipeline.preparation.prepare(live, found):
        pipeline.encoding.finish(pickle.loads(pickle.dumps(batch)), result)
    pipeline.close()
    written = result.changes.rows[0].to_pylist()[0]
    assert written["video_frames"] == filmed.row("a")["video_frames"]


def test_a_clip_that_cannot_be_read_costs_its_product_the_clip_and_no_other_anything(shop: Shop) -> None:
    good = mp4(RED)
    shop.ok(shop.bucket.put("media/good.mp4", good), shop.bucket.put("media/bad.mp4", good[: len(good) // 3]))
    rows: list[dict[str, object]] = [
        {"id": name, "title": "Dress", "price": "10 USD", "video_link": f"media/{name}.mp4"}
        for name in ("bad", "good")
    ]
    shop.ok(shop.bucket.put_feed("feeds/all.jsonl", rows))
    (reject,) = shop.collection.rejects.list()
    assert (reject.scope, reject.product_id, reject.field) == ("media", "bad", "video_link")
    assert "upload the whole file" in reject.reason
    assert [shop.row("bad")[name] for name in ("video_vector", *FRAME_COLUMNS)] == [None] * 3
    assert shop.row("bad")["vector"] is not None
    assert shop.row("good")["video_vector"] is not None
