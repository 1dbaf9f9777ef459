"""A feed that was broken off goes on where it was, where that is right, else from its start."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.writing import journal
from mmpipe.schemas.work import run_id_of
from mmpipe.settings import Settings
from tests.unit.indexing.broken_off import break_off, live_rows, noted, run_feed
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop

TEN = {f"p{n}": f"Product {n}" for n in range(10)}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    indexing = settings.indexing.model_copy(update={"chunk_rows": 2, "commit_rows": 4})
    return settings.model_copy(update={"indexing": indexing})


def feed(shop: Shop, name: str = "all", **changed: object):  # type: ignore[no-untyped-def]
    rows: list[dict[str, object]] = [{"id": i, "title": t} for i, t in TEN.items()]
    return shop.bucket.put_feed(name, [row | changed for row in rows])


def test_the_first_feed_of_a_shop_goes_on_where_it_was(batch: Shop) -> None:
    event = feed(batch)
    assert break_off(batch, event, 3) == {"text": 6}
    assert len(noted(batch)) == 1, "four rows are noted, two were lost"
    assert batch.table.latest().count_rows() == 0
    left = batch.collection.runs.get(order_of(event).run_id)
    assert left is not None
    assert (left.status, left.read, left.total) == ("running", 4, None)
    record = run_feed(batch, event)
    assert batch.encoded() == {"text": 6}, "those of the journal are not encoded again"
    assert (record.status, record.read, record.indexed, record.encoded) == ("done", 10, 10, {"text": 10})
    assert record.total == 10
    assert live_rows(batch) == TEN
    assert batch.table.latest().count_rows() == 10
    assert noted(batch) == []


def test_a_later_feed_goes_on_where_it_was(batch: Shop) -> None:
    batch.ok(batch.bucket.put_product("other", title="Other"))
    batch.bucket.tick()
    event = feed(batch)
    break_off(batch, event, 3)
    assert live_rows(batch) == {"other": "Other"}
    assert run_feed(batch, event).indexed == 10
    assert batch.encoded() == {"text": 6}
    assert live_rows(batch) == TEN | {"other": "Other"}


def test_it_may_be_broken_off_again_and_again(batch: Shop) -> None:
    event = feed(batch)
    encoded = sum(break_off(batch, event, 2)["text"] for _ in range(2))
    record = run_feed(batch, event)
    encoded += batch.encoded()["text"]
    assert (encoded, record.read, record.indexed) == (10, 10, 10)
    assert live_rows(batch) == TEN


@pytest.mark.parametrize("deleting", [False, True])
def test_a_feed_that_died_between_commit_and_publication_is_published(
    batch: Shop, deleting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.ok(batch.bucket.put_product("old", title="Old"))
    live = batch.collection.live()
    batch.bucket.tick()
    rows: list[dict[str, object]] = [{"id": i, "title": t} for i, t in TEN.items()]
    event_rows = [*rows, {"id": "old", "_op": "delete"}] if deleting else rows
    event = batch.bucket.put_feed("all", event_rows)
    with monkeypatch.context() as patch:

        def down(*_: object, **__: object) -> object:
            raise StorageUnavailable("the lake did not answer")

        patch.setattr(type(batch.collection), "publish", down)
        with pytest.raises(StorageUnavailable):
            run_feed(batch, event)
    assert batch.collection.live() == live
    batch.encoded()
    record = run_feed(batch, event)
    assert batch.encoded() == {}
    assert (record.status, record.refused) == ("done", "")
    assert (record.read, record.indexed, record.deleted) == (len(event_rows), 0, 0)
    assert live_rows(batch) == (TEN if deleting else TEN | {"old": "Old"})
    assert batch.table.latest().count_rows() == 11
    assert noted(batch) == []


def test_another_run_of_the_same_file_goes_on_as_well(batch: Shop) -> None:
    """As by hand, where each call is a run of its own: another id, another time, the same file."""
    event = feed(batch)
    break_off(batch, event, 2)
    ref = event.object.model_copy(update={"event_time": datetime(2026, 3, 1, tzinfo=UTC), "sequencer": ""})
    again = event.model_copy(update={"object": ref})
    order = order_of(event).model_copy(update={"object": ref, "run_id": run_id_of(again, "fake")})
    record = run_feed(batch, again, order=order)
    assert batch.encoded() == {"text": 6}
    assert (record.run_id, record.read, record.indexed) == (order.run_id, 10, 10)
    assert live_rows(batch) == TEN
    runs = batch.collection.runs.list()
    assert {run.run_id: run.status for run in runs} == {
        order_of(event).run_id: "failed",
        order.run_id: "done",
    }


def test_what_was_wrong_with_noted_rows_is_known_afterwards(batch: Shop) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "title": "A", "image_link": "media/none.png"},
        {"id": "b", "title": ""},
        {"id": "c", "title": "C"},
        {"id": "d", "title": "D"},
        {"id": "e", "title": "E"},
        {"id": "f", "title": "F"},
        {"id": "g", "title": "G"},
    ]
    event = batch.bucket.put_feed("all", rows)
    break_off(batch, event, 3)
    assert len(noted(batch)) == 1
    assert batch.collection.rejects.count() == 0
    record = run_feed(batch, event)
    assert (record.read, record.indexed, record.rejected) == (7, 6, 1)
    assert record.pictures == {"found": 0, "missing": 1, "none": 5}
    found = {(r.scope, r.product_id, r.field, r.run_id) for r in batch.collection.rejects.list()}
    assert found == {("media", "a", "image_link", record.run_id), ("row", "b", "title", record.run_id)}


def test_media_of_noted_rows_that_changed_meanwhile_are_read_again(batch: Shop) -> None:
    batch.bucket.put("media/a.png", png((200, 0, 0)))
    event = feed(batch, image_link="media/a.png")
    break_off(batch, event, 3)
    batch.bucket.tick()
    photo = batch.bucket.put("media/a.png", png((0, 0, 200)))
    batch.ok(photo)
    run_feed(batch, event)
    images = {tuple(batch.row(i)["image_vector"]) for i in TEN}
    assert len(images) == 1
    batch.bucket.tick()
    batch.ok(batch.bucket.put_product("new", title="New", image_link="media/a.png"))
    assert images == {tuple(batch.row("new")["image_vector"])}


def test_the_same_bytes_uploaded_later_are_read_from_their_start(batch: Shop) -> None:
    """A product that was changed between the two uploads becomes what the later one says."""
    batch.bucket.versioned = False
    break_off(batch, feed(batch), 3)
    batch.bucket.tick()
    batch.ok(batch.bucket.put_product("p0", title="In between"))
    batch.bucket.tick()
    batch.encoded()
    later = feed(batch)
    assert run_feed(batch, later).indexed == 10
    assert batch.encoded() == {"text": 10}
    assert live_rows(batch) == TEN


def test_a_file_that_was_replaced_meanwhile_is_read_from_its_start(batch: Shop) -> None:
    batch.bucket.versioned = False
    event = feed(batch)
    break_off(batch, event, 3)
    batch.bucket.tick()
    rows: list[dict[str, object]] = [{"id": i, "title": f"New {i}"} for i in reversed(TEN)]
    batch.bucket.put_feed("all", rows)
    run_feed(batch, event)
    assert live_rows(batch) == {i: f"New {i}" for i in TEN}


def test_other_settings_of_reading_start_anew(batch: Shop) -> None:
    event = feed(batch)
    break_off(batch, event, 3)
    media = batch.settings.media.model_copy(update={"max_image_bytes": 1_000})
    record = run_feed(batch, event, settings=batch.settings.model_copy(update={"media": media}))
    assert batch.encoded() == {"text": 10}
    assert (record.indexed, live_rows(batch)) == (10, TEN)


def test_other_models_of_the_same_name_start_anew(batch: Shop) -> None:
    event = feed(batch)
    break_off(batch, event, 3)
    profile = batch.loaded.profile
    other = replace(profile, fusion=replace(profile.fusion, weights={"text": 1.0, "image": 2.0}))
    loaded = replace(batch.loaded, profile=other)
    record = run_feed(batch, event, loaded=loaded)
    assert batch.encoded() == {"text": 12}, "one chunk was made before the models were known"
    assert (record.status, record.read, record.indexed) == ("done", 10, 10)
    assert record.table != batch.table.name
    assert live_rows(batch) == TEN
    assert batch.table.latest().count_rows() == 0


def test_rows_whose_files_are_gone_are_made_again(batch: Shop) -> None:
    event = feed(batch)
    break_off(batch, event, 3)
    for path in (Path(batch.settings.lake.uri) / "demo" / f"{batch.table.name}.lance" / "data").iterdir():
        path.unlink()
    assert run_feed(batch, event).indexed == 10
    assert batch.encoded() == {"text": 10}
    assert live_rows(batch) == TEN


def test_an_old_journal_is_of_no_use_and_swept_away(batch: Shop) -> None:
    event = feed(batch)
    break_off(batch, event, 3)
    assert journal.sweep(batch.collection) == 0
    then = (datetime.now(UTC) - journal.KEEP - timedelta(minutes=1)).timestamp()
    for path in noted(batch):
        os.utime(path, (then, then))
    run_feed(batch, event)
    assert batch.encoded() == {"text": 10}
    batch.bucket.tick()
    break_off(batch, feed(batch, "other", brand="Alba"), 3)
    os.utime(noted(batch)[0], (then, then))
    assert journal.sweep(batch.collection) == 1
    assert noted(batch) == []


def test_a_feed_that_is_gone_leaves_no_journal(batch: Shop) -> None:
    event = feed(batch)
    break_off(batch, event, 3)
    batch.bucket.remove("feeds/all.jsonl")
    batch.bucket.versioned = False
    record = run_feed(batch, event)
    assert (record.status, record.error) == ("done", "the object is gone")
    assert batch.table.latest().count_rows() == 0
    assert noted(batch) == []
