"""Deletions are remembered for as long as an older upload may still be in a queue, and no longer."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lance
import pytest

from mmpipe.errors import CommitConflict
from mmpipe.lake import Collection, ProductTable, open_lake
from mmpipe.settings import LakeSettings, Settings, StorageSettings
from tests.unit.lake.rows import PROFILE, deletions, products

DAY = timedelta(days=1)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    settings = Settings(lake=LakeSettings(uri=str(tmp_path), keep_tombstones_days=20, max_shrink=0.0))
    return open_lake(settings).collection("shop", create=True)


@pytest.fixture
def table(collection: Collection) -> ProductTable:
    return collection.products(PROFILE, create=True)


def held(table: ProductTable) -> dict[str, bool]:
    rows = table.latest().to_table(columns=["id", "deleted"]).to_pylist()
    return {row["id"]: row["deleted"] for row in rows}


def test_old_tombstones_are_collected_and_nobody_notices(collection: Collection, table: ProductTable) -> None:
    now = datetime.now(UTC)
    table.upsert(products(["a", "b", "c", "kept"], 1))
    table.upsert(deletions(["a", "b"], 2, now - 21 * DAY))
    table.upsert(deletions(["c"], 2, now - 19 * DAY))
    before = collection.publish(table, reason="deletions", allow_shrink=True)
    assert (before.rows, before.tombstones) == (1, 3)
    report = table.maintain(thorough=True)
    assert (report.tombstones_removed, report.changed) == (2, True)
    assert "2 old tombstones removed" in report.summary()
    assert held(table) == {"c": True, "kept": False}
    assert report.version == table.latest().version
    # No product fewer, so the strictest guard lets it pass; the counts are right.
    after = collection.publish(table, reason=report.summary())
    assert (after.rows, after.tombstones) == (1, 1)
    again = table.maintain(thorough=True)
    assert (again.tombstones_removed, again.changed) == (0, False)
    table.upsert(products(["a"], 3))
    assert collection.publish(table, reason="a new product of that id").rows == 2


def test_a_round_in_which_nothing_is_due_looks_for_none(table: ProductTable) -> None:
    table.upsert(deletions(["a"], 2, datetime.now(UTC) - 21 * DAY))
    assert not table.maintain().changed
    assert held(table) == {"a": True}


def test_a_product_that_comes_back_meanwhile_stays(
    table: ProductTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.upsert(deletions(["back", "gone"], 2, datetime.now(UTC) - 21 * DAY))
    other = ProductTable.open(table.uri, table.name, PROFILE, LakeSettings(), StorageSettings())
    delete, uploads = lance.LanceDataset.delete, iter(["back"])

    def slowly(dataset: lance.LanceDataset, where: str) -> object:
        for product_id in uploads:
            other.upsert(products([product_id], 3))
        return delete(dataset, where)

    monkeypatch.setattr(lance.LanceDataset, "delete", slowly)
    table.maintain(thorough=True)
    assert held(table) == {"back": False}


def test_writers_that_meet_the_collection_lose_nothing(table: ProductTable) -> None:
    old = datetime.now(UTC) - 21 * DAY
    table.upsert(deletions([f"p{n}" for n in range(60)], 2, old))
    other = ProductTable.open(table.uri, table.name, PROFILE, LakeSettings(), StorageSettings())
    writer = threading.Thread(target=lambda: [other.upsert(products([f"p{n}"], 3)) for n in range(12)])
    writer.start()
    for _ in range(4):
        table.maintain(thorough=True)
    writer.join()
    table.maintain(thorough=True)
    assert held(table) == {f"p{n}": False for n in range(12)}


def test_a_collection_that_others_are_faster_than_is_left_for_the_next_time(
    table: ProductTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.upsert(deletions(["a"], 2, datetime.now(UTC) - 21 * DAY))

    def losing(_dataset: lance.LanceDataset, _where: str) -> object:
        raise CommitConflict("somebody else was first")

    with monkeypatch.context() as patch:
        patch.setattr(lance.LanceDataset, "delete", losing)
        assert table.maintain(thorough=True).tombstones_removed == 0
    assert table.maintain(thorough=True).tombstones_removed == 1
