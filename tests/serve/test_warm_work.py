"""Warm work in one process: batches side by side, each caller its own outcomes, an end that loses nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmpipe.errors import NotReady
from mmpipe.indexing import Indexer
from mmpipe.lake import open_lake
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.serve.ingest.warm_work import CALLS_AT_ONCE, WarmWork
from mmpipe.serve.standalone import WorkOnDemand
from mmpipe.settings import Settings
from tests.serve.conftest import catalogue, order_for, settings_for, write_feed


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture
def orders(tmp_path: Path, settings: Settings) -> list[WorkOrder]:
    """More than may run at once, one product each."""
    return [
        order_for(write_feed(tmp_path, f"part-{n}.jsonl", [row]), settings)
        for n, row in enumerate(catalogue()[: CALLS_AT_ONCE + 3])
    ]


def test_so_many_batches_run_at_once_and_no_more(
    settings: Settings, orders: list[WorkOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(CALLS_AT_ONCE + 1, timeout=60)
    batches: list[list[str]] = []
    lock = threading.Lock()

    def execute(_: Indexer, given: Sequence[WorkOrder]) -> list[WorkOutcome]:
        with lock:
            batches.append([order.run_id for order in given])
            first = len(batches) <= CALLS_AT_ONCE
        if first:
            together.wait()
        return [WorkOutcome(run_id=order.run_id, status="done", reason=order.run_id[:4]) for order in given]

    monkeypatch.setattr(Indexer, "execute", execute)

    async def scenario() -> list[list[WorkOutcome]]:
        work = WarmWork(settings, open_lake(settings))
        calls = []
        for number, order in enumerate(orders, 1):
            calls.append(asyncio.create_task(work.execute([order])))
            await asyncio.sleep(0)
            while len(batches) < min(number, CALLS_AT_ONCE):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert len(batches) == CALLS_AT_ONCE, "the others wait"
        await asyncio.to_thread(together.wait)
        found = await asyncio.gather(*calls)
        await work.close()
        return found

    found = asyncio.run(scenario())
    ids = [order.run_id for order in orders]
    assert [[outcome.run_id for outcome in outcomes] for outcomes in found] == [[run] for run in ids]
    assert batches == [*([run] for run in ids[:CALLS_AT_ONCE]), ids[CALLS_AT_ONCE:]]


def test_uploads_side_by_side_are_all_indexed_once(settings: Settings, orders: list[WorkOrder]) -> None:
    lake = open_lake(settings)

    async def scenario() -> list[list[WorkOutcome]]:
        work = WarmWork(settings, lake)
        calls = []
        for order in [*orders, orders[0]]:
            calls.append(asyncio.create_task(work.execute([order])))
            await asyncio.sleep(0.01)
        found = await asyncio.gather(*calls)
        await work.close()
        return found

    statuses = [outcome.status for outcomes in asyncio.run(scenario()) for outcome in outcomes]
    assert statuses.count("done") >= len(orders)
    assert set(statuses) <= {"done", "duplicate"}, "its twin may have begun before it was done"
    shop = lake.collection("shop")
    assert {record.run_id for record in shop.runs.list() if record.status == "done"} == {
        order.run_id for order in orders
    }
    live = shop.live()
    assert live is not None
    assert live.rows == len(orders)


def test_what_was_taken_is_finished_before_it_closes(settings: Settings, orders: list[WorkOrder]) -> None:
    async def scenario() -> list[WorkOutcome]:
        work = WarmWork(settings, open_lake(settings))
        work.check_alive()
        taken = asyncio.create_task(work.execute(orders[:1]))
        await asyncio.sleep(0)
        await work.close()
        with pytest.raises(NotReady, match="shut down"):
            work.check_alive()
        with pytest.raises(NotReady, match="shut down"):
            await work.execute(orders[1:])
        return await taken

    assert [outcome.status for outcome in asyncio.run(scenario())] == ["done"]


def test_on_demand_nothing_is_loaded_before_the_first_order(
    settings: Settings, orders: list[WorkOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Settings] = []
    original = WarmWork.__init__

    def recorded(self: WarmWork, *arguments: object, **options: bool) -> None:
        made.append(settings)
        original(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(WarmWork, "__init__", recorded)

    async def scenario() -> list[list[WorkOutcome]]:
        work = WorkOnDemand(settings, open_lake(settings))
        work.check_alive()
        await work.close()
        assert not made
        found = await asyncio.gather(*(work.execute([order]) for order in orders[:2]))
        await work.close()
        return found

    found = asyncio.run(scenario())
    assert [outcome.status for outcomes in found for outcome in outcomes] == ["done", "done"]
    assert len(made) == 1
