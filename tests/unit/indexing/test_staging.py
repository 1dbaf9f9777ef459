"""Uploads while a large feed is under way: each is live at once, nothing of the feed is, and at the end the
newest source of every product stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.settings import Settings
from tests.unit.indexing.broken_off import break_off, live_rows, noted, run_feed
from tests.unit.indexing.bucket import png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.uploads import one_stage, run_batch, two_stages

IDS = [f"p{n}" for n in range(8)]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    indexing = settings.indexing.model_copy(update={"chunk_rows": 2, "commit_rows": 2})
    return settings.model_copy(update={"indexing": indexing})


def feed(shop: Shop, word: str, *more: dict[str, object], name: str = "all") -> CatalogueEvent:
    rows: list[dict[str, object]] = [{"id": i, "title": f"{word} {i}"} for i in IDS]
    event = shop.bucket.put_feed(name, [*rows, *more])
    shop.bucket.tick()
    return event


def at(number: int, *does: Callable[[], object]) -> Callable[[int], None]:
    waiting = list(does)  # a feed is read again where others changed its products

    def after(reached: int) -> None:
        while reached == number and waiting:
            waiting.pop(0)()

    return after


def published_since(shop: Shop, generation: int) -> list[dict[str, str]]:
    """Titles by id of every version that has been live since, oldest first."""
    found = []
    for entry in reversed(shop.collection.history()):
        if entry.generation > generation:
            rows = shop.collection.table(entry.table).at(entry.version).to_table(filter="deleted = false")
            found.append({row["id"]: row["title"] for row in rows.to_pylist()})
    return found


def test_an_upload_publishes_nothing_of_a_feed_that_is_under_way(batch: Shop) -> None:
    event = feed(batch, "New")
    states: list[dict[str, str]] = []

    def upload(number: int) -> None:
        batch.ok(batch.bucket.put_product(f"x{number}", title=f"Other {number}"))
        states.append(live_rows(batch))

    run_feed(batch, event, after=upload)
    assert [sorted(state) for state in states[:3]] == [["x1"], ["x1", "x2"], ["x1", "x2", "x3"]]
    assert all(not any(i in state for i in IDS) for state in states)
    assert live_rows(batch) == states[-1] | {i: f"New {i}" for i in IDS}


def test_a_feed_that_died_is_not_live_with_the_next_upload(batch: Shop) -> None:
    event = feed(batch, "New")
    break_off(batch, event, 3)
    batch.ok(batch.bucket.put_product("x", title="Other"))
    assert live_rows(batch) == {"x": "Other"}
    assert batch.table.count_live() == 1
    assert run_feed(batch, event).indexed == 8
    assert live_rows(batch) == {"x": "Other"} | {i: f"New {i}" for i in IDS}


def test_uploads_of_the_feeds_own_products_win_where_they_are_newer(batch: Shop) -> None:
    batch.ok(feed(batch, "Old"))
    late = batch.bucket.put_product("p6", title="Late")  # older than the feed, told after it
    batch.bucket.tick()
    event = feed(batch, "New", name="nightly")
    generation = batch.collection.history()[0].generation

    def meanwhile() -> None:
        batch.ok(late)
        for i in ("p0", "p7"):  # one that the feed has passed already, one it has yet to come to
            batch.ok(batch.bucket.put_product(i, title=f"Newest {i}"))
        batch.ok(batch.bucket.remove("products/p1.json"))

    record = run_feed(batch, event, after=at(2, meanwhile))
    assert (record.status, record.refused) == ("done", "")
    expected = {i: f"New {i}" for i in IDS} | {"p0": "Newest p0", "p7": "Newest p7"}
    del expected["p1"]
    assert live_rows(batch) == expected
    *before, last = published_since(batch, generation)
    assert len(before) == 4
    assert not any(title.startswith("New p") for state in before for title in state.values())
    assert last == expected
    assert (record.read, record.indexed, record.skipped) == (8, 5, 3)


def test_a_feed_under_way_holds_against_what_came_late(batch: Shop) -> None:
    """Rows that were as the table had them when they were read, and are not when they are written."""
    batch.ok(feed(batch, "Old"))
    late = [batch.bucket.put_product(i, title=f"Late {i}", brand="Alba") for i in ("p0", "p3")]
    gone = batch.bucket.remove("products/p5.json")
    batch.bucket.tick()
    twice: dict[str, object] = {"id": "p3", "title": "Old p3"}
    event = feed(batch, "Old", twice, {"id": "p0", "title": ""}, name="nightly")
    batch.encoded()
    record = run_feed(batch, event, after=at(1, lambda: batch.ok(*late), lambda: batch.ok(gone)))
    assert live_rows(batch) == {i: f"Old {i}" for i in IDS}
    assert [batch.row(i)["brand"] for i in ("p0", "p3")] == [None, None]
    assert (record.read, record.rejected) == (10, 1)
    assert (record.indexed, record.unchanged, record.skipped) == (3, 5, 1)
    assert record.pictures["none"] == 9, "of each row that was a product"


def test_a_feed_that_is_worked_on_twice_at_once_is_written_once(batch: Shop) -> None:
    """As after a redelivery while the first attempt is still at it."""
    batch.ok(batch.bucket.put_product("x", title="Other"))
    batch.bucket.tick()
    event = feed(batch, "New")
    ends: list[RunRecord] = []
    first = run_feed(batch, event, after=at(3, lambda: ends.append(run_feed(batch, event))))
    (second,) = ends
    assert (second.status, second.read, second.indexed) == ("done", 8, 8)
    assert (first.status, first.read, first.rejected, first.refused) == ("done", 8, 0, "")
    assert live_rows(batch) == {"x": "Other"} | {i: f"New {i}" for i in IDS}
    assert batch.table.latest().count_rows() == 9
    assert batch.collection.rejects.count() == 0
    assert noted(batch) == []
    batch.bucket.tick()
    batch.ok(batch.bucket.put_product("p0", title="Newest"))
    assert live_rows(batch)["p0"] == "Newest"


def test_a_feed_that_breaks_off_leaves_nothing(batch: Shop) -> None:
    batch.ok(feed(batch, "Old"))
    version = batch.table.latest().version
    whole = ",".join(f'{{"id": "{i}", "title": "New {i}"}}' for i in IDS)
    event = batch.bucket.put("feeds/broken.json", f'[{whole}, {{"id": "p9", "title": '.encode())
    batch.bucket.tick()
    record = run_feed(batch, event)
    assert (record.status, record.refused) == ("failed", "")
    assert record.error
    assert batch.table.latest().version == version
    assert noted(batch) == []
    batch.ok(batch.bucket.put_product("x", title="Other"))
    assert live_rows(batch) == {"x": "Other"} | {i: f"Old {i}" for i in IDS}
    assert batch.table.count_live() == 9


def test_both_kinds_of_workers_leave_the_same(batch: Shop) -> None:
    batch.bucket.put("media/a.png", png((200, 0, 0)))
    event = feed(batch, "New", {"id": "bad", "title": ""}, {"id": "p1", "title": "Again", "_op": "delete"})
    record = run_batch(batch, event, two_stages)
    rows = live_rows(batch)
    assert (record.read, record.indexed, record.rejected, record.skipped) == (10, 7, 1, 1)
    assert rows == {i: f"New {i}" for i in IDS if i != "p1"}
    batch.bucket.tick()
    again = run_batch(batch, feed(batch, "New", name="again"), one_stage)
    assert (again.indexed, again.unchanged) == (1, 7)
