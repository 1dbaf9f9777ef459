"""Uploaded events: into the same log as those over HTTP, each once, nobody named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing import maintain
from mmpipe.lake.interactions import InteractionLog, rows_of
from mmpipe.schemas.interaction import judge
from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop

VIEW = {"type": "view", "user_id": "u-secret", "session_id": "s-secret", "product_id": "a"}


def upload(shop: Shop, *lines: Any, name: str = "day") -> CatalogueEvent:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return shop.bucket.put(f"events/{name}.jsonl", text.encode())


def over_http(shop: Shop, *events: dict[str, Any]) -> None:
    judged = judge(enumerate(events), datetime.now(UTC), keep=timedelta(days=365))
    shop.collection.interactions.append(rows_of([judged], "demo", shop.indexer._lake.pseudonyms))


def test_the_same_file_twice_counts_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    event = upload(shop, {**VIEW, "event_id": "e1"}, VIEW, "", VIEW)
    shop.ok(event)
    assert shop.collection.interactions.count() == 3
    assert [outcome.status for outcome in shop.run(event)] == ["duplicate"]
    # Where the ledger does not know of it yet, its lines are the same events all the same.
    monkeypatch.setattr(type(shop.collection.runs), "get_many", lambda *_: {})
    shop.ok(event)
    assert len(shop.collection.interactions.segments()) == 2
    assert shop.collection.interactions.count() == 3


def test_the_same_event_by_both_doors_counts_once(shop: Shop) -> None:
    over_http(shop, {**VIEW, "event_id": "e1"}, {**VIEW, "event_id": "e2"})
    shop.ok(upload(shop, {**VIEW, "event_id": "e1"}, {**VIEW, "event_id": "e3"}))
    table = shop.collection.interactions.to_table(["event_id", "user"])
    assert table["event_id"].to_pylist() == ["e1", "e2", "e3"]
    assert len(set(table["user"].to_pylist())) == 1


def test_unknown_products_are_kept_and_counted(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"), shop.bucket.put_product("b", title="Hat"))
    shop.bucket.tick()
    shop.ok(shop.bucket.remove("products/b.json"))
    (outcome,) = shop.run(
        upload(
            shop,
            VIEW,
            {**VIEW, "product_id": "b"},
            {**VIEW, "product_id": "c"},
            {"type": "search", "user_id": "u"},
        )
    )
    assert (outcome.status, outcome.reason.split(" events")[0]) == ("done", "2 of 4")
    assert shop.collection.interactions.count() == 4


def test_bad_lines_are_rejects_in_which_nobody_is_named(shop: Shop, tmp_path: Path) -> None:
    event = upload(
        shop,
        {**VIEW, "type": "stare", "mail": "u-secret@example.com"},
        '{"type": "view", "user_id": "u-secret", ',
        {**VIEW, "time": "2100-01-01"},
        ["u-secret"],
        VIEW,
    )
    shop.ok(event)
    rejects = sorted(shop.collection.rejects.list(), key=lambda reject: reject.row or 0)
    assert [(reject.row, reject.field) for reject in rejects] == [
        (1, "type"),
        (2, "event"),
        (3, "time"),
        (4, "event"),
    ]
    assert json.loads(rejects[0].raw) == {
        "type": "stare",
        "user_id": "(left out)",
        "session_id": "(left out)",
        "product_id": "a",
        "mail": "(left out)",
    }
    assert rejects[1].raw == rejects[3].raw == ""
    record = shop.collection.runs.get(order_of(event).run_id)
    assert record is not None
    assert (record.read, record.indexed, record.rejected) == (5, 1, 4)
    for path in (tmp_path / "lake").rglob("*"):
        assert not path.is_file() or b"-secret" not in path.read_bytes(), path


def test_a_file_without_a_good_line_stores_nothing(shop: Shop) -> None:
    shop.ok(upload(shop, {"type": "view"}))
    assert shop.collection.interactions.segments() == []


def test_a_store_that_fails_gets_the_file_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    event = upload(shop, VIEW)

    def fails(*_: object, **__: object) -> None:
        raise StorageUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(InteractionLog, "append", fails)
        assert [outcome.status for outcome in shop.run(event)] == ["retry"]
    shop.ok(event)
    assert shop.collection.interactions.count() == 1


def test_maintenance_as_a_job_settles_and_expires(shop: Shop) -> None:
    over_http(shop, VIEW)
    user = shop.indexer._lake.pseudonyms.user("demo", "u-secret")
    log = shop.collection.interactions
    log.erase([user], now=datetime.now(UTC) - timedelta(hours=3))
    log.append(log.to_table(), now=datetime.now(UTC) - timedelta(days=500))
    assert [line for line in maintain.run(shop.settings) if "error" in line] == []
    assert {segment.day for segment in log.segments()} == {f"{datetime.now(UTC):%Y-%m-%d}"}
    assert [erasure.state for erasure in log.erasures()] == ["settled"]
