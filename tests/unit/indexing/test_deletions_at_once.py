"""How much of a catalogue one upload may delete, and what becomes of one that would delete more."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mmpipe.errors import PublishRejected
from mmpipe.lake import lake as lakes
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.settings import Settings
from tests.unit.indexing.broken_off import live_rows, noted, run_feed
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop

LANES = pytest.mark.parametrize("lane", ["warm", "batch"])


def run(shop: Shop, event: CatalogueEvent, lane: str, settings: Settings | None = None) -> RunRecord:
    if lane == "batch":
        return run_feed(shop, event, settings=settings)
    shop.run(event)
    record = shop.collection.runs.get(order_of(event).run_id)
    assert record is not None
    return record


def stocked(shop: Shop, count: int) -> list[str]:
    ids = [f"p{n}" for n in range(count)]
    shop.ok(shop.bucket.put_feed("all", [{"id": i, "title": i} for i in ids]))
    shop.bucket.tick()
    return ids


def deleting(shop: Shop, ids: list[str], *more: dict[str, object], name: str = "gone") -> CatalogueEvent:
    event = shop.bucket.put_feed(name, [*({"id": i, "_op": "delete"} for i in ids), *more])
    shop.bucket.tick()
    return event


def accepting(settings: Settings) -> Settings:
    return settings.model_copy(update={"lake": settings.lake.model_copy(update={"max_shrink": 1.0})})


@LANES
def test_a_feed_that_deletes_too_much_is_refused_whole(batch: Shop, lane: str) -> None:
    ids = stocked(batch, 10)
    live, version = batch.collection.live(), batch.table.latest().version
    event = deleting(batch, ids[:6], {"id": "new", "title": "New"}, {"id": "p9", "title": "Changed"})
    record = run(batch, event, lane)
    assert (record.status, record.deleted, record.refused) == ("failed", 0, "")
    assert "6 of 10 products" in record.error
    assert "mmpipe index FEED --accept" in record.error
    assert batch.collection.live() == live
    assert batch.table.latest().version == version
    assert noted(batch) == []
    (reject,) = batch.collection.rejects.list()
    assert (reject.error, reject.row, reject.source_uri) == ("TooManyDeleted", 0, event.object.uri)
    batch.ok(batch.bucket.put_product("later", title="Later"))
    assert live_rows(batch) == {i: i for i in ids} | {"later": "Later"}


@LANES
@pytest.mark.parametrize(("products", "deleted"), [(10, 5), (3, 3), (5, 3)])
def test_as_many_as_may_go_go(batch: Shop, lane: str, products: int, deleted: int) -> None:
    ids = stocked(batch, products)
    record = run(batch, deleting(batch, ids[:deleted]), lane)
    assert (record.status, record.deleted, record.error, record.refused) == ("done", deleted, "", "")
    assert sorted(live_rows(batch)) == ids[deleted:]


def test_deletions_of_what_is_not_there_are_not_counted(batch: Shop) -> None:
    ids = stocked(batch, 10)
    batch.ok(deleting(batch, ids[:5]))
    record = run(batch, deleting(batch, [*ids[:5], *(f"never{n}" for n in range(20)), "p5"]), "warm")
    assert (record.status, record.deleted) == ("done", 1)
    assert sorted(live_rows(batch)) == ids[6:]


def test_it_goes_through_where_it_is_meant(batch: Shop) -> None:
    ids = stocked(batch, 10)
    event = deleting(batch, ids[:9])
    assert run(batch, event, "batch").status == "failed"
    record = run(batch, event, "batch", accepting(batch.settings))
    assert (record.status, record.deleted, record.error, record.refused) == ("done", 9, "", "")
    assert live_rows(batch) == {"p9": "p9"}
    batch.ok(batch.bucket.put_product("later", title="Later"))
    assert sorted(live_rows(batch)) == ["later", "p9"]


def test_of_many_orders_only_the_one_that_deletes_too_much_fails(shop: Shop) -> None:
    ids = stocked(shop, 10)
    before = shop.bucket.put_product("before", title="Before")
    bad = deleting(shop, ids[:9])
    removed = shop.bucket.remove("products/p9.json")
    others = [shop.bucket.put_product(f"x{n}", title=f"X {n}") for n in range(4)]
    outcomes = shop.run(before, bad, removed, *others)
    assert [o.status for o in outcomes] == ["done", "failed", "done", "done", "done", "done", "done"]
    assert "mmpipe index FEED --accept" in outcomes[1].reason
    assert sorted(live_rows(shop)) == ["before", *ids[:9], "x0", "x1", "x2", "x3"]
    record = shop.collection.runs.get(order_of(bad).run_id)
    assert record is not None
    assert (record.status, record.deleted) == ("failed", 0)


def test_products_that_are_removed_one_by_one_all_go(shop: Shop) -> None:
    ids = stocked(shop, 25)
    removals = [shop.bucket.remove(f"products/{i}.json") for i in ids[:20]]
    shop.ok(*removals)
    assert sorted(live_rows(shop)) == sorted(ids[20:])
    runs = [shop.collection.runs.get(order_of(event).run_id) for event in removals]
    assert [(r.status, r.deleted, r.refused) for r in runs if r is not None] == [("done", 1, "")] * 20


@LANES
def test_a_refused_publication_is_in_the_ledger_until_a_reset(
    batch: Shop, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = stocked(batch, 3)
    live = batch.collection.live()
    event = batch.bucket.put_feed("more", [{"id": "a", "title": "A"}])
    batch.bucket.tick()
    with monkeypatch.context() as patch:

        def fails(*_: object, **__: object) -> object:
            raise PublishRejected("product 'a' is found 0 times by its id")

        patch.setattr(lakes, "check_version", fails)
        record = run(batch, event, lane)
    assert (record.status, "found 0 times by its id" in record.refused) == ("done", True)
    assert batch.collection.live() == live
    assert batch.table.count_live() == 4
    batch.collection.reset()
    taken = batch.collection.runs.get(record.run_id)
    assert taken is not None
    assert (taken.status, "live reset" in taken.refused) == ("failed", True)
    assert batch.table.count_live() == 3
    again = run(batch, event, lane)
    assert (again.status, again.indexed, again.refused) == ("done", 1, "")
    assert sorted(live_rows(batch)) == ["a", *ids]


def test_what_a_reset_took_back_is_looked_at_when_it_comes_again(
    batch: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fragments that were written after a reset are new, whatever those before were known to be."""
    stocked(batch, 3)
    with monkeypatch.context() as patch:

        def fails(*_: object, **__: object) -> object:
            raise PublishRejected("no")

        patch.setattr(lakes, "check_version", fails)
        run(batch, batch.bucket.put_feed("more", [{"id": "a", "title": "A"}]), "batch")
    batch.collection.reset()
    rows = batch.table.fetch(["p0"])
    place = rows.schema.get_field_index("vector")
    column = [[3 * value for value in rows.column(place)[0].as_py()]]
    rows = rows.set_column(place, rows.schema.field(place), pa.array(column, rows.schema.field(place).type))
    batch.table.upsert(rows.set_column(0, rows.schema.field(0), pa.array(["long"])))
    with pytest.raises(PublishRejected, match="length 3"):
        batch.collection.publish(batch.table, reason="test")
