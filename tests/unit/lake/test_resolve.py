"""Changes of one id among the changes of one commit, and what was made against something else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from mmpipe.lake import ProductTable
from mmpipe.lake.changes import Changes, Seen, basis_of, seen_table
from mmpipe.lake.schema import build_edits
from mmpipe.settings import LakeSettings, StorageSettings
from tests.unit.lake.rows import PROFILE, order
from tests.unit.lake.sources import Photo, Told, Upload, looked, tombstones, whole

RED = Upload("a", 1, "red shoe")
BLUE = Upload("a", 2, "blue hat")


@pytest.fixture
def table(tmp_path: Path) -> ProductTable:
    uri = str(tmp_path / "p.lance")
    table = ProductTable.create(uri, "products_p", PROFILE, LakeSettings(), StorageSettings())
    table.apply(Changes(rows=[whole([RED.row()])]))
    return table


def again(n: int, upload: Upload = RED) -> pa.Table:
    """The upload once more, by a source of order ``n`` that found the table to have it."""
    return seen_table([Seen("a", order(n), None, upload.content)])


def row(table: ProductTable) -> tuple[str, int, bool]:
    (found,) = table.fetch(["a"], ["title", "source_order", "deleted"]).to_pylist()
    return found["title"], int(found["source_order"]), found["deleted"]


def test_an_older_upload_never_overwrites_an_order_that_moved_on(table: ProductTable) -> None:
    applied = table.apply(Changes(seen=[again(3)]))
    assert (applied.committed, applied.visible, applied.seen) == (True, False, 1)
    for late in (Changes(rows=[whole([BLUE.row()])]), Changes(rows=[tombstones([Upload("a", 2, None)])])):
        assert table.apply(late).lost == {("a", order(2))}
    assert row(table) == ("red shoe", 3, False)


def test_of_one_commit_the_newest_stands_and_the_others_are_lost(table: ProductTable) -> None:
    applied = table.apply(Changes(rows=[whole([BLUE.row()])], seen=[again(3), again(2), again(4)]))
    assert row(table) == ("red shoe", 4, False)
    assert applied.lost == {("a", order(2)), ("a", order(3))}
    assert (applied.seen, applied.updated, applied.visible) == (1, 0, False)
    newer = Changes(rows=[whole([Upload("a", 6, "blue hat").row()])], seen=[again(5)])
    assert table.apply(newer).lost == {("a", order(5))}
    assert row(table) == ("blue hat", 6, False)


def test_a_deletion_between_two_uploads_of_the_same_leaves_the_newer(table: ProductTable) -> None:
    gone = tombstones([Upload("a", 2, None)])
    applied = table.apply(Changes(rows=[gone], seen=[again(3)]))
    assert not applied.stale
    assert applied.deleted == 0
    assert applied.lost == {("a", order(2))}
    assert row(table) == ("red shoe", 3, False)


@pytest.mark.parametrize(
    "meanwhile",
    [Upload("a", 2, "blue hat"), Upload("a", 2, "red shoe", price=2), Upload("a", 2, None)],
    ids=["another product", "another price", "a deletion"],
)
def test_what_was_seen_is_stale_where_the_table_holds_something_else(
    table: ProductTable, meanwhile: Upload
) -> None:
    table.apply(looked(table, [meanwhile]))
    version = table.version
    other = whole([Upload("b", 3, "green sock").row()])
    applied = table.apply(Changes(rows=[other], seen=[again(3)]))
    assert (applied.stale, applied.committed) == (frozenset({"a"}), False)
    assert table.latest().version == version
    assert table.fetch(["b"]).num_rows == 0, "the rest of a stale commit is not written"


def test_what_lost_is_not_stale(table: ProductTable) -> None:
    table.apply(looked(table, [Upload("a", 9, "blue hat")]))
    applied = table.apply(Changes(seen=[again(3)]))
    assert not applied.stale
    assert applied.lost == {("a", order(3))}


def test_an_edit_is_stale_where_other_vectors_are_held(table: ProductTable) -> None:
    edit = build_edits([Upload("a", 3, "red shoe", price=3).row()])
    table.apply(looked(table, [Photo("a", "a photo")]))
    assert table.apply(Changes(edits=[edit])).stale == {"a"}
    table.apply(looked(table, [Upload("a", 2, "red shoe", price=2)]))
    edit = build_edits([Upload("a", 3, "red shoe", price=3).row("a photo")])
    assert table.apply(Changes(edits=[edit])).updated == 1
    (found,) = table.fetch(["a"], ["price", "image_hash", "image_vector"]).to_pylist()
    assert (found["price"], found["image_hash"]) == (3.0, "a photo")
    assert found["image_vector"] is not None


def test_what_was_seen_is_stale_where_stock_was_told_that_it_supersedes(table: ProductTable) -> None:
    table.apply(Changes(stocks=[("a", Told("a", 2, "out_of_stock").stock)]))
    assert table.apply(Changes(seen=[again(3)])).stale == {"a"}
    table.apply(Changes(stocks=[("a", Told("a", 5, "preorder").stock)]))
    assert table.apply(Changes(seen=[again(4)])).seen == 1
    (found,) = table.fetch(["a"], ["availability", "source_order"]).to_pylist()
    assert found == {"availability": "preorder", "source_order": order(4)}


def test_stock_of_the_commit_in_which_its_product_was_seen(table: ProductTable) -> None:
    older, newer = Told("a", 2, "out_of_stock").stock, Told("a", 4, "preorder").stock
    applied = table.apply(Changes(seen=[again(3)], stocks=[("a", older)]))
    assert applied.restocked == ("older",)
    applied = table.apply(
        Changes(seen=[again(5)], stocks=[("a", newer), ("a", Told("a", 6, "backorder").stock)])
    )
    assert applied.restocked == ("older", "changed")
    assert applied.visible
    (found,) = table.fetch(["a"], ["availability", "source_order", "stock"]).to_pylist()
    assert (found["availability"], found["source_order"]) == ("backorder", order(5))


def test_a_refresh_keeps_the_order_that_moved_on_meanwhile(table: ProductTable) -> None:
    fresh = looked(table, [Photo("a", "a photo")])
    table.apply(Changes(seen=[again(3)]))
    assert table.apply(fresh).updated == 1
    both = looked(table, [Photo("a", "another photo")])
    both.seen.append(again(4))
    assert table.apply(both).updated == 1
    (found,) = table.fetch(["a"], ["source_order", "image_hash"]).to_pylist()
    assert found == {"source_order": order(4), "image_hash": "another photo"}


def test_a_product_that_is_refreshed_twice_in_one_commit_is_there_once(table: ProductTable) -> None:
    fresh = looked(table, [Photo("a", "a photo"), Photo("a", "a later photo")])
    assert table.apply(fresh).updated == 1
    assert table.latest().count_rows() == 1
    assert table.fetch(["a"], ["image_hash"]).to_pylist() == [{"image_hash": "a later photo"}]


def test_a_refresh_does_not_bring_stock_back_that_an_upload_has_superseded(table: ProductTable) -> None:
    table.apply(Changes(stocks=[("a", Told("a", 2, "out_of_stock").stock)]))
    fresh = looked(table, [Photo("a", "a photo")])
    # The same content once more, now newer than the stock: in stock again.
    table.apply(looked(table, [Upload("a", 3, "red shoe")]))
    assert table.apply(fresh).lost == {("a", order(1))}
    (found,) = table.fetch(["a"], ["availability", "stock", "source_order"]).to_pylist()
    assert found == {"availability": "in_stock", "stock": None, "source_order": order(3)}


def test_a_row_of_an_earlier_release_is_what_its_order_says() -> None:
    assert basis_of(None, order(3)) == order(3)
    assert basis_of("digest", order(3)) == "digest"
