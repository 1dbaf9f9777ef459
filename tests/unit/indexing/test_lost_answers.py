"""Answers of a store that got lost, and what other processes do to a table that a handle knows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mmpipe.errors import CommitConflict, NotFound, PublishRejected
from mmpipe.lake import Collection
from mmpipe.lake.changes import Changes, with_column
from mmpipe.lake.checks import count
from mmpipe.lake.fragments import Commit
from tests.unit.indexing.another import another_collection
from tests.unit.indexing.broken_off import live_rows
from tests.unit.indexing.conftest import Shop


def test_an_upload_whose_commit_was_told_as_a_conflict_is_live(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red"))
    shop.bucket.tick()
    run = Commit.run
    with monkeypatch.context() as patch:

        def told_badly(commit: Commit, read_version: int) -> object:
            patch.undo()
            run(commit, read_version)
            raise CommitConflict("the answer was lost, and the repeated write met its own file")

        patch.setattr(Commit, "run", told_badly)
        shop.ok(shop.bucket.put_product("a", title="Blue"))
    assert live_rows(shop) == {"a": "Blue"}


def test_an_upload_that_a_reset_took_back_before_its_publication_is_asked_for_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red"))
    shop.bucket.tick()
    elsewhere = another_collection(shop)
    event = shop.bucket.put_product("b", title="Blue")
    publish = Collection.publish
    with monkeypatch.context() as patch:

        def late(collection: Collection, *args: object, **more: object) -> object:
            patch.undo()
            assert elsewhere.reset().changed
            return publish(collection, *args, **more)  # type: ignore[arg-type]

        patch.setattr(Collection, "publish", late)
        assert [o.status for o in shop.run(event)] == ["retry"]
    assert live_rows(shop) == {"a": "Red"}
    shop.ok(event)
    assert live_rows(shop) == {"a": "Red", "b": "Blue"}


def test_tombstones_are_counted_right_after_another_process_took_a_table_back(shop: Shop) -> None:
    """A fragment may have as many deletions as before, and others."""
    for name in "abcd":
        shop.ok(shop.bucket.put_product(name, title=name))
        shop.bucket.tick()
    mine, elsewhere = shop.table, another_collection(shop)
    theirs = elsewhere.table(mine.name)
    shop.ok(shop.bucket.remove("products/a.json"))
    shop.bucket.tick()
    mine.latest().optimize.compact_files()
    compacted = elsewhere.publish(theirs, reason="compacted").version
    assert count(mine, mine.latest()).tombstones == 1
    # Here the tombstone goes, there a product does: one deletion in the same fragment either way.
    shop.ok(shop.bucket.put_product("a", title="A"))
    assert count(mine, mine.latest()).tombstones == 0
    theirs.at(compacted).restore()
    theirs.apply(Changes(rows=[with_column(theirs.fetch(["b"]), "source_order", ["9" * 97])]))
    newest = mine.latest()
    deleted = newest.to_table(columns=["deleted"]).column("deleted").to_pylist()
    counts = count(mine, newest)
    assert (counts.rows, counts.tombstones) == (deleted.count(False), deleted.count(True)) == (3, 1)


def test_a_handle_whose_version_was_cleaned_up_reads_on(shop: Shop) -> None:
    shop.ok(shop.bucket.put_product("a", title="Red"))
    shop.bucket.tick()
    idle = another_collection(shop).table(shop.table.name)
    known = idle.latest().version
    for n in range(3):
        shop.ok(shop.bucket.put_product(str(n), title="x"))
        shop.bucket.tick()
    newest = shop.table.latest()
    for tag in newest.tags.list():
        newest.tags.delete(tag)
    newest.cleanup_old_versions(older_than=timedelta(0))
    with pytest.raises(NotFound):
        another_collection(shop).table(shop.table.name).at(known)
    assert idle.latest().version == newest.version
    assert idle.fetch(["a"]).num_rows == 1


def test_vectors_that_another_process_wrote_after_its_reset_are_looked_at(shop: Shop) -> None:
    """What was known to be sound here is not in the table any more."""
    shop.ok(shop.bucket.put_product("a", title="Red"))
    mine, elsewhere = shop.table, another_collection(shop)
    theirs = elsewhere.table(mine.name)
    sound = with_column(mine.fetch(["a"]), "id", ["b"])
    mine.apply(Changes(rows=[sound], sound=True))
    assert elsewhere.reset().changed
    theirs.apply(Changes(rows=[with_column(sound, "vector", [[float("nan")] * mine.dim])]))
    with pytest.raises(PublishRejected, match="'b' has length nan"):
        shop.collection.publish(mine, reason="test")
