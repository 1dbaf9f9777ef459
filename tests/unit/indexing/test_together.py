"""Several calls of one indexer at a time: they share commits, and do no run twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.sources.rows import put_source
from mmpipe.indexing.writing.together import Turns
from mmpipe.lake import Collection, ProductTable
from mmpipe.lake.changes import Applied, Changes, with_values
from mmpipe.schemas.work import CatalogueEvent, WorkOutcome
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop

WAIT = 100


class Gate:
    """Holds the first commit until so many calls have their rows ready."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
        self.commits: list[list[str]] = []
        ready = threading.Barrier(calls)
        process, apply = Pipeline.process, ProductTable.apply
        waited = threading.local()

        def processed(pipeline: Pipeline, *args: object) -> object:
            result = process(pipeline, *args)  # type: ignore[arg-type]
            if not getattr(waited, "once", False):
                waited.once = True
                ready.wait(WAIT)
            return result

        def applied(table: ProductTable, changes: Changes, **more: object) -> Applied:
            self.commits.append(sorted(i for rows in changes.rows for i in rows.column("id").to_pylist()))
            return apply(table, changes, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(Pipeline, "process", processed)
        monkeypatch.setattr(ProductTable, "apply", applied)


def at_once(shop: Shop, *events: CatalogueEvent) -> list[WorkOutcome]:
    """Each event by a call of its own."""
    with ThreadPoolExecutor(len(events)) as pool:
        calls = [pool.submit(shop.indexer.execute, [order_of(event)]) for event in events]
        return [call.result(WAIT)[0] for call in calls]


def held_turn(shop: Shop, act: Callable[[], list[WorkOutcome]], waiting: int) -> list[WorkOutcome]:
    """What ``act`` returns, whose calls all wait for the collection's turn before the first gets it."""
    turns = shop.indexer._committing(shop.collection)._turns
    turns.lock.acquire()

    def release() -> None:
        for _ in range(WAIT * 100):
            if len(turns._waiting) == waiting:
                break
            threading.Event().wait(0.01)
        turns.lock.release()

    releasing = threading.Thread(target=release)
    releasing.start()
    found = act()
    releasing.join()
    return found


def test_calls_that_wait_share_one_commit_and_one_publication(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(shop.bucket.put_product("first", title="Red dress"))
    before = shop.collection.live()
    assert before is not None
    events = [shop.bucket.put_product(name, title=name) for name in ("a", "b", "c")]
    gate = Gate(monkeypatch, len(events))
    outcomes = held_turn(shop, lambda: at_once(shop, *events), len(events))
    assert [o.status for o in outcomes] == ["done"] * 3
    assert gate.commits == [["a", "b", "c"]]
    live = shop.collection.live()
    assert live is not None
    assert (live.generation, live.rows) == (before.generation + 1, 4)
    records = {run.run_id: run for run in shop.collection.runs.list()}
    assert [records[order_of(e).run_id].indexed for e in events] == [1, 1, 1]


def test_of_two_sources_in_one_commit_the_newer_stands(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("first", title="Red dress"))
    older = shop.bucket.put_feed("older", [{"id": "a", "title": "Older"}])
    shop.bucket.tick()
    newer = shop.bucket.put_feed("newer", [{"id": "a", "title": "Newer"}])
    outcomes = held_turn(shop, lambda: at_once(shop, newer, older), 2)
    assert [o.status for o in outcomes] == ["done", "done"]
    assert shop.row("a")["title"] == "Newer"
    counts = {run.source_uri: (run.indexed, run.skipped) for run in shop.collection.runs.list(limit=2)}
    assert counts == {newer.object.uri: (1, 0), older.object.uri: (0, 1)}


def test_one_share_at_fault_does_not_take_the_others_along(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(shop.bucket.put_product("first", title="Red dress"))
    events = [shop.bucket.put_product(name, title=name) for name in ("a", "poison", "b")]
    apply = ProductTable.apply

    def poisoned(table: ProductTable, changes: Changes, **more: object) -> Applied:
        if any("poison" in rows.column("id").to_pylist() for rows in changes.rows):
            raise ZeroDivisionError("a writer's own fault")
        return apply(table, changes, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ProductTable, "apply", poisoned)
    outcomes = held_turn(shop, lambda: at_once(shop, *events), len(events))
    assert [o.status for o in outcomes] == ["done", "retry", "done"]
    assert "ZeroDivisionError" in outcomes[1].reason
    assert shop.table.count_live() == 3


def test_a_store_that_fails_once_fails_all_who_shared_the_commit(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(shop.bucket.put_product("first", title="Red dress"))
    events = [shop.bucket.put_product(name, title=name) for name in ("a", "b")]
    tried: list[Changes] = []

    def unavailable(table: ProductTable, changes: Changes, **more: object) -> Applied:
        tried.append(changes)
        raise StorageUnavailable("the store is away")

    with monkeypatch.context() as patch:
        patch.setattr(ProductTable, "apply", unavailable)
        outcomes = held_turn(shop, lambda: at_once(shop, *events), len(events))
    assert [(o.status, o.reason) for o in outcomes] == [("retry", "the store is away")] * 2
    assert len(tried) == 1
    shop.ok(*events)
    assert shop.table.count_live() == 3


def test_products_that_others_changed_are_compared_anew(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress", price="1.00 USD"))
    shop.ok(shop.bucket.put_product("b", title="Blue hat", price="1.00 USD"))
    events = [
        shop.bucket.put_product("a", title="Red dress", price="2.00 USD"),
        shop.bucket.put_product("b", title="Blue hat", price="2.00 USD"),
    ]

    def act() -> list[WorkOutcome]:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(at_once, shop, *events)
            turns = shop.indexer._committing(shop.collection)._turns
            while len(turns._waiting) < 2:
                threading.Event().wait(0.01)
            # Another process: of another text, so that what was compared is not true any more.
            other = ProductTable.open(
                shop.table.uri,
                shop.table.name,
                shop.loaded.profile,
                shop.settings.lake,
                shop.settings.storage,
            )
            rows = other.fetch(["a"])
            order = put_source(order_of(events[0]), events[0].object.event_time - timedelta(seconds=1))
            rows = with_values(rows, {"text_hash": ["other"], "source_order": [order.order(0)]})
            other.upsert(rows)
            turns.lock.release()
            return running.result(WAIT)

    shop.indexer._committing(shop.collection).turn.acquire()
    outcomes = act()
    assert [o.status for o in outcomes] == ["done", "done"]
    assert (shop.row("a")["price"], shop.row("b")["price"]) == (2.0, 2.0)
    assert shop.row("a")["text_hash"] != "other"


def test_the_same_run_in_two_calls_at_once_is_done_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    event = shop.bucket.put_product("a", title="Red dress")
    put, begun, go_on = Collection.publish, threading.Event(), threading.Event()

    def slow(collection: Collection, *args: object, **more: object) -> object:
        begun.set()
        assert go_on.wait(WAIT)
        return put(collection, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Collection, "publish", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shop.indexer.execute, [order_of(event)])
        assert begun.wait(WAIT)
        second = pool.submit(shop.indexer.execute, [order_of(event)])
        threading.Event().wait(0.2)
        assert not second.done()
        go_on.set()
        assert [first.result(WAIT)[0].status, second.result(WAIT)[0].status] == ["done", "duplicate"]
    assert shop.encoded() == {"text": 1}


def test_turns_give_each_call_what_has_waited_and_its_error_to_all_of_them() -> None:
    calls: list[list[int]] = []

    def call(items: list[int]) -> None:
        calls.append(sorted(items))
        if 2 in items:
            raise ValueError("two")

    turns: Turns[int] = Turns(call)  # type: ignore[arg-type]
    turns.take(0)
    turns.lock.acquire()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(turns.take, n) for n in (1, 2, 3)]
        while len(turns._waiting) < len(waiting):
            threading.Event().wait(0.01)
        turns.lock.release()
        errors = [str(each.exception(WAIT)) for each in waiting]
    assert calls == [[0], [1, 2, 3]]
    assert errors == ["two"] * 3
    turns.take(4)
    assert calls[-1] == [4]
