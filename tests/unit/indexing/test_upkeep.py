"""Maintenance reaches readers, also where orders alone have moved since their version."""

from __future__ import annotations

import pytest

from mmpipe.indexing.tables.upkeep import keep_up
from tests.unit.indexing.conftest import Shop


def test_readers_get_what_maintenance_did_after_an_unchanged_upload(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpipe.lake.maintenance.MAX_SMALL_FRAGMENTS", 2)
    for n in range(4):
        shop.ok(shop.bucket.put_product(f"p{n}", title=f"thing {n}"))
        shop.bucket.tick()
    shop.ok(shop.bucket.put_feed("again", [{"id": "p0", "title": "thing 0"}]))
    live = shop.collection.live()
    assert live is not None
    assert shop.table.latest().version > live.version
    upkeep = keep_up(shop.collection, shop.table, thorough=True)
    assert (upkeep.report.compacted, upkeep.published, upkeep.note) == (True, True, "")
