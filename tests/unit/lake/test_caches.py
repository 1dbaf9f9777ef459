"""What Lance keeps in memory has one bound, however many tables a process reads and versions it commits."""

from __future__ import annotations

from pathlib import Path

import lance
import pytest

from mmpipe.lake import caches, open_lake
from mmpipe.settings import LakeSettings, Settings
from tests.unit.lake.rows import PROFILE, products
from tests.unit.lake.test_record_table import run

COMMITS = 24
BOUND = 1 << 20


def test_all_tables_of_a_lake_share_bounded_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "INDEX_BYTES", BOUND // 4)
    monkeypatch.setattr(caches, "METADATA_BYTES", BOUND // 4 * 3)
    lake = open_lake(Settings(lake=LakeSettings(uri=str(tmp_path), max_shrink=1.0)))
    sessions: list[lance.Session] = []
    for name in ("one", "two"):
        collection = lake.collection(name, create=True)
        table = collection.products(PROFILE, create=True)
        for n in range(COMMITS):
            table.upsert(products(["hot"], n))
            collection.runs.put(run(n))
        runs = collection.runs._table._latest()
        assert runs is not None
        sessions += [table.latest().session(), runs.session()]
    assert all(each.is_same_as(lake.session) for each in sessions)
    assert BOUND / 4 < lake.session.size_bytes() <= 1.1 * BOUND
