"""What was wrong with the media of an upload is of no account where a newer one was quicker."""

from __future__ import annotations

import pytest

from mmpipe.lake import ProductTable
from mmpipe.lake.changes import Applied, Changes
from tests.unit.indexing.another import another_indexer
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop


@pytest.mark.parametrize("committed", [False, True], ids=["before its commit", "after its commit"])
def test_a_missing_photo_of_an_overtaken_upload_is_no_reject(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red"))
    shop.bucket.tick()
    older = shop.bucket.put_feed("older", [{"id": "a", "title": "Old", "image_link": "media/none.png"}])
    shop.bucket.tick()
    newer = shop.bucket.put_feed("newer", [{"id": "a", "title": "New"}])
    apply = ProductTable.apply
    with another_indexer(shop) as other, monkeypatch.context() as patch:

        def overtaken(table: ProductTable, changes: Changes, **more: object) -> Applied:
            patch.undo()
            applied = apply(table, changes, **more) if committed else None  # type: ignore[arg-type]
            assert [o.status for o in other.execute([order_of(newer)])] == ["done"]
            return applied or apply(table, changes, **more)  # type: ignore[arg-type]

        patch.setattr(ProductTable, "apply", overtaken)
        shop.ok(older)
    assert shop.row("a")["title"] == "New"
    assert shop.collection.rejects.list() == []
