"""What a feed's older contents left behind goes when the feed is uploaded anew."""

from __future__ import annotations

from pathlib import Path

from mmpipe.encoders import registry
from mmpipe.indexing import execute_file, replay
from mmpipe.lake import open_lake
from mmpipe.schemas.run import RunRecord
from mmpipe.settings import Settings
from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop


def faults(shop: Shop) -> list[tuple[str, int, str]]:
    return sorted((r.scope, r.row, r.field) for r in shop.collection.rejects.list())


def test_rows_without_an_id_are_forgotten_when_the_feed_is_mended(shop: Shop) -> None:
    shop.ok(shop.bucket.put_feed("all", [{"title": "no id"}, {"id": "a", "title": "A", "price": "x"}]))
    shop.ok(shop.bucket.put_feed("other", [{"title": "no id here either"}]))
    assert faults(shop) == [("row", 1, "id"), ("row", 1, "id"), ("row", 2, "price")]
    shop.bucket.tick()
    # Row 2 is gone from the feed, row 3 is newly broken.
    rows = [{"id": "b", "title": "now with id"}, {"id": "c", "title": "C"}, {"title": "no id"}]
    shop.ok(shop.bucket.put_feed("all", rows))
    assert faults(shop) == [("row", 1, "id"), ("row", 3, "id")]
    (left,) = [r for r in shop.collection.rejects.list() if r.row == 1]
    assert left.source_uri.endswith("other.jsonl")


def test_the_older_of_two_contents_forgets_nothing(shop: Shop) -> None:
    older = shop.bucket.put_feed("all", [{"id": "a", "title": "A"}])
    shop.bucket.tick()
    newer = shop.bucket.put_feed("all", [{"title": "no id"}])
    shop.ok(newer)
    shop.ok(older)
    assert faults(shop) == [("row", 1, "id")]


def test_a_file_that_could_not_be_read_is_forgotten_when_it_can(shop: Shop) -> None:
    broken = shop.bucket.put("feeds/all.csv", b"")
    assert [o.status for o in shop.run(broken)] == ["failed"]
    assert faults(shop) == [("row", 0, "")]
    shop.bucket.tick()
    shop.ok(shop.bucket.put("feeds/all.csv", b"id,title\na,A\n"))
    assert faults(shop) == []


def test_faults_of_media_outlive_the_feed(shop: Shop) -> None:
    shop.ok(shop.bucket.put_feed("all", [{"id": "a", "title": "A", "image_link": "media/a.png"}]))
    assert [scope for scope, _, _ in faults(shop)] == ["media"]
    shop.bucket.tick()
    shop.ok(shop.bucket.put_feed("all", [{"id": "b", "title": "B"}]))
    assert [scope for scope, _, _ in faults(shop)] == ["media"]
    shop.bucket.tick()
    shop.ok(shop.bucket.put("media/a.png", png((200, 0, 0))))
    assert faults(shop) == []


def test_a_file_indexed_again_forgets_its_mended_rows_and_its_interrupted_run(
    settings: Settings, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.csv"
    loaded = registry.load("fake")
    feed.write_text("id,title\n,no id\na,A\n")
    first = execute_file(settings, feed, "demo", loaded=loaded)
    home = open_lake(settings).collection("demo")
    assert home.rejects.count() == 1
    killed = first.model_copy(update={"run_id": "f" * 32, "status": "running", "finished_at": None})
    elsewhere = killed.model_copy(update={"run_id": "e" * 32, "source_uri": "file:///another.csv"})
    home.runs.put(RunRecord.model_validate(killed.model_dump()), elsewhere)
    feed.write_text("id,title\nb,B\na,A\n")
    assert execute_file(settings, feed, "demo", loaded=loaded).status == "done"
    assert home.rejects.count() == 0
    ended = home.runs.get("f" * 32)
    assert ended is not None
    assert (ended.status, "interrupted" in ended.error) == ("failed", True)
    other = home.runs.get("e" * 32)
    assert other is not None
    assert other.status == "running"


def test_a_replayed_row_that_is_still_wrong_stays_the_reject_it_was(shop: Shop) -> None:
    shop.ok(shop.bucket.put_feed("all", [{"title": "no id"}]))
    (reject,) = shop.collection.rejects.list()
    for raw, field in (("not JSON", "row"), ('{"id": "a", "title": "A", "price": "x"}', "price")):
        replay(shop.settings, "demo", reject.reject_id, raw=raw, loaded=shop.loaded)
        (after,) = shop.collection.rejects.list()
        assert (after.reject_id, after.field, after.row) == (reject.reject_id, field, reject.row)
    replay(shop.settings, "demo", reject.reject_id, raw='{"id": "a", "title": "A"}', loaded=shop.loaded)
    assert shop.collection.rejects.count() == 0
    assert shop.row("a")["title"] == "A"


def test_a_damaged_live_file_sends_the_upload_back_instead_of_blaming_it(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="A"))
    path = Path(shop.settings.lake.uri) / "demo" / "live.json"
    good = path.read_bytes()
    path.write_text('{"live":')
    shop.bucket.tick()
    upload = shop.bucket.put_product("b", title="B")
    (outcome,) = shop.run(upload)
    assert outcome.status == "retry"
    assert "live.json" in outcome.reason
    assert shop.collection.rejects.count() == 0
    path.write_bytes(good)
    shop.ok(upload)
    live = shop.collection.live()
    assert live is not None
    assert live.rows == 2
