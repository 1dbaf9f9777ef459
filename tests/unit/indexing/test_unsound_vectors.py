"""A vector that no reader could use costs its own row, and nothing else."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mmpipe.errors import PublishRejected
from mmpipe.indexing import replay
from mmpipe.schemas.run import Reject, RunRecord
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.settings import Settings
from tests.unit.indexing.broken_off import live_rows
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.spoilt import POISON, spoil
from tests.unit.indexing.uploads import STAGES, Stages, one_stage, run_batch, two_stages

FAULTY = pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 2.0], ids=["NaN", "inf", "zero", "long"])
RED = (200, 0, 0)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    indexing = settings.indexing.model_copy(update={"chunk_rows": 4})
    return settings.model_copy(update={"indexing": indexing})


def rows(word: str) -> list[dict[str, object]]:
    return [{"id": f"p{n}", "title": f"{word} {n}"} for n in range(6)]


def upload(shop: Shop, event: CatalogueEvent, stages: Stages | None) -> RunRecord:
    if stages is not None:
        return run_batch(shop, event, stages)
    shop.ok(event)
    record = shop.collection.runs.get(order_of(event).run_id)
    assert record is not None
    return record


LANES = pytest.mark.parametrize("stages", [None, one_stage, two_stages], ids=["warm", "one", "two"])


def only_reject(shop: Shop) -> Reject:
    (reject,) = shop.collection.rejects.list()
    return reject


@FAULTY
@LANES
def test_the_row_is_refused_and_everything_else_is_live(
    batch: Shop, value: float, stages: Stages | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.ok(batch.bucket.put_feed("old", rows("Old")))
    old = batch.row("p3")
    batch.bucket.tick()
    spoil(batch, value, monkeypatch)
    feed = rows("New")
    feed[3]["title"] = "New poison"
    record = upload(batch, batch.bucket.put_feed("new", feed), stages)
    assert (record.status, record.indexed, record.rejected, record.refused) == ("done", 5, 1, "")
    reject = only_reject(batch)
    assert (reject.scope, reject.product_id, reject.field) == ("row", "p3", "text")
    assert (reject.error, reject.row) == ("InvalidVector", 4)
    assert "the model is at fault" in reject.reason
    assert live_rows(batch) == {f"p{n}": f"New {n}" for n in range(6)} | {"p3": "Old 3"}
    assert batch.row("p3") == old
    batch.bucket.tick()
    batch.ok(batch.bucket.put_product("later", title="Later"))
    assert live_rows(batch)["later"] == "Later"


@LANES
def test_one_modality_at_fault_refuses_the_row(
    batch: Shop, stages: Stages | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(batch, np.nan, monkeypatch)
    batch.bucket.put("media/red.png", png(RED))
    batch.bucket.put("media/poison.png", png(POISON))
    feed = rows("New")
    feed[0]["image_link"] = "media/red.png"
    feed[1]["image_link"] = "media/poison.png"
    feed[2]["additional_image_link"] = ["media/red.png", "media/poison.png"]
    upload(batch, batch.bucket.put_feed("new", feed), stages)
    found = {(r.product_id, r.field, r.error) for r in batch.collection.rejects.list()}
    assert found == {("p1", "image", "InvalidVector"), ("p2", "image", "InvalidVector")}
    assert sorted(live_rows(batch)) == ["p0", "p3", "p4", "p5"]


def test_a_changed_photo_that_a_model_cannot_take_leaves_the_product_as_it_was(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.bucket.put("media/a.png", png(RED))
    shop.ok(shop.bucket.put_product("a", title="A", image_link="media/a.png"))
    old = shop.row("a")
    shop.bucket.tick()
    with monkeypatch.context() as patch:
        spoil(shop, np.nan, patch)
        shop.ok(shop.bucket.put("media/a.png", png(POISON)))
        assert shop.row("a")["image_vector"] == old["image_vector"]
        assert (only_reject(shop).product_id, only_reject(shop).error) == ("a", "InvalidVector")
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png(POISON)))
    assert shop.row("a")["image_vector"] != old["image_vector"]


@STAGES
def test_a_replay_with_a_mended_model_brings_the_row_in(
    batch: Shop, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        spoil(batch, np.nan, patch)
        feed = [*rows("New"), {"id": "p", "title": "poison"}]
        upload(batch, batch.bucket.put_feed("new", feed), stages)
        reject = only_reject(batch)
        still = replay(batch.settings, "demo", reject.reject_id, loaded=batch.loaded)
        assert (still.rejected, still.indexed, still.refused) == (1, 0, "")
        assert (only_reject(batch).reject_id, only_reject(batch).row) == (reject.reject_id, 7)
        assert "p" not in live_rows(batch)
    record = replay(batch.settings, "demo", reject.reject_id, loaded=batch.loaded)
    assert (record.status, record.indexed, record.refused) == ("done", 1, "")
    assert live_rows(batch)["p"] == "poison"
    assert batch.row("p")["source_order"] == reject.source_order
    assert batch.collection.rejects.count() == 0


def test_the_feed_again_with_a_mended_model_brings_the_row_in(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = [*rows("New"), {"id": "p", "title": "poison"}]
    with monkeypatch.context() as patch:
        spoil(shop, np.nan, patch)
        shop.ok(shop.bucket.put_feed("new", feed))
    shop.bucket.tick()
    shop.encoded()
    shop.ok(shop.bucket.put_feed("new", feed))
    assert shop.encoded() == {"text": 1}
    assert live_rows(shop)["p"] == "poison"
    assert shop.collection.rejects.count() == 0


@FAULTY
@LANES
def test_a_vector_that_came_past_the_pipeline_stays_unpublished_until_a_reset(
    batch: Shop, value: float, stages: Stages | None
) -> None:
    batch.ok(batch.bucket.put_feed("old", rows("Old")))
    before = batch.collection.live()
    row = batch.table.fetch(["p0"])
    place = row.schema.get_field_index("text_vector")
    vector = (np.asarray(row.column(place)[0].as_py(), np.float32) * value).tolist()
    kind = row.schema.field(place)
    row = row.set_column(place, kind, pa.array([vector], kind.type))
    row = row.set_column(0, row.schema.field(0), pa.array(["spoilt"]))
    batch.table.upsert(row)
    batch.bucket.tick()
    event = batch.bucket.put_feed("more", [{"id": "a", "title": "A"}])
    record = upload(batch, event, stages)
    assert (record.status, "'spoilt'" in record.refused) == ("done", True)
    assert batch.collection.live() == before
    with pytest.raises(PublishRejected):
        batch.collection.publish(batch.table, reason="once more")
    batch.collection.reset()
    batch.bucket.tick()
    record = upload(batch, event, stages)
    assert (record.status, record.indexed, record.refused) == ("done", 1, "")
    assert live_rows(batch) == {f"p{n}": f"Old {n}" for n in range(6)} | {"a": "A"}
