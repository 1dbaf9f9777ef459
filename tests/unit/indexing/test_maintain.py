"""The scheduled upkeep of a lake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mmpipe import collection_job
from mmpipe.indexing import maintain
from mmpipe.lake.maintenance import MAX_SMALL_FRAGMENTS
from tests.unit.indexing.conftest import Shop


def fill(shop: Shop, uploads: int) -> None:
    """More small commits than compaction lets be; the fixture's indexer does no maintenance of its own."""
    for n in range(uploads):
        shop.ok(shop.bucket.put_product(f"p{n}", title=f"Product {n}"))


def run(shop: Shop, *collections: str) -> list[dict[str, Any]]:
    return list(maintain.run(shop.settings, collections))


def test_what_is_due_is_done_and_readers_have_it(shop: Shop) -> None:
    fill(shop, MAX_SMALL_FRAGMENTS + 1)
    before = shop.collection.live()
    (line,) = run(shop)
    assert (line["collection"], line["compacted"], line["published"]) == (shop.collection.name, True, True)
    after = shop.collection.live()
    assert before is not None
    assert after is not None
    assert (after.version, after.rows) == (line["version"], before.rows)
    assert after.version > before.version
    assert after.reason.startswith("maintenance: files compacted")
    (again,) = run(shop)
    assert not again["compacted"]
    assert shop.collection.live() == after


def test_readers_that_were_rolled_back_stay_there(shop: Shop) -> None:
    fill(shop, MAX_SMALL_FRAGMENTS + 1)
    rolled_back = shop.collection.rollback()
    (line,) = run(shop)
    assert (line["compacted"], line["published"]) == (True, False)
    assert "not what readers follow" in line["note"]
    assert shop.collection.live() == rolled_back


def test_one_failure_stops_nothing_else_and_ends_the_job_badly(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red dress"))
    monkeypatch.setenv("MMPIPE_LAKE__URI", shop.settings.lake.uri)
    monkeypatch.setattr(collection_job, "configure_logging", lambda: None)
    assert maintain.main(["--collection", "absent", "--collection", shop.collection.name]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "UnknownCollection" in lines[0]["error"]
    assert lines[1]["table"] == shop.table.name
    assert maintain.main([]) == 0
