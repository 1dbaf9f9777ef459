from __future__ import annotations

import pytest

from mmpipe.errors import CommitConflict, StorageUnavailable
from mmpipe.lake.live import HISTORY_LENGTH, LiveFile, LivePointer, LiveVersion
from mmpipe.objects import MemoryStore
from tests.unit.lake.rows import NOW

URI = "memory://lake/shop/live.json"


def entry(
    generation: int, version: int, restores: int | None = None, table: str = "products_a"
) -> LiveVersion:
    return LiveVersion(
        generation=generation,
        table=table,
        version=version,
        profile_fingerprint="f",
        published_at=NOW,
        rows=1,
        restores=restores,
    )


def test_of_two_writers_one_wins() -> None:
    pointer = LivePointer(MemoryStore(), URI)
    assert pointer.read() is None
    pointer.replace(LiveFile(live=entry(1, 5)), None)
    with pytest.raises(CommitConflict):
        pointer.replace(LiveFile(live=entry(1, 6)), None)
    seen = pointer.read()
    assert seen is not None
    written = pointer.replace(seen.followed_by(entry(2, 7)), seen)
    with pytest.raises(CommitConflict):
        pointer.replace(seen.followed_by(entry(2, 8)), seen)
    now = pointer.read()
    assert now is not None
    assert (now.live.version, now.live.etag) == (7, written.etag)
    assert [e.version for e in now.history] == [5]


def test_a_damaged_file_is_named() -> None:
    store = MemoryStore()
    store.write(URI, b'{"live": 3}')
    with pytest.raises(StorageUnavailable, match=r"live\.json"):
        LivePointer(store, URI).read()


@pytest.mark.parametrize("table", ["../../elsewhere", "rejects", "products_x/../y"])
def test_a_file_that_names_no_products_table_is_damaged(table: str) -> None:
    store = MemoryStore()
    content = LiveFile(live=entry(1, 1)).model_dump_json()
    store.write(URI, content.replace(entry(1, 1).table, table).encode())
    with pytest.raises(StorageUnavailable, match=r"live\.json"):
        LivePointer(store, URI).read()


def test_the_table_before_the_present_one_is_remembered() -> None:
    content = LiveFile(live=entry(1, 1))
    assert content.former_table is None
    content = content.followed_by(entry(2, 1, table="products_b"))
    for generation in range(3, HISTORY_LENGTH + 10):
        content = content.followed_by(entry(generation, generation, table="products_b"))
    assert content.former_table == "products_a"
    assert content.followed_by(entry(99, 2)).former_table == "products_b"
    assert LiveFile.model_validate_json(content.model_dump_json(exclude_none=True)) == content


def test_history_is_bounded() -> None:
    content = LiveFile(live=entry(1, 1))
    for n in range(2, HISTORY_LENGTH + 10):
        content = content.followed_by(entry(n, n))
    assert len(content.history) == HISTORY_LENGTH
    assert content.history[-1].generation == content.live.generation - 1


def test_rollbacks_go_further_back_each_time_and_never_to_what_was_undone() -> None:
    content = LiveFile(live=entry(1, 11)).followed_by(entry(2, 12)).followed_by(entry(3, 13))

    def back(before: LiveFile) -> LiveFile:
        target = before.before()
        assert target is not None
        new = entry(before.live.generation + 1, target.version, restores=target.origin)
        return before.followed_by(new)

    content = back(content)
    assert content.live.version == 12
    content = back(content)
    assert content.live.version == 11
    assert content.before() is None
    content = content.followed_by(entry(content.live.generation + 1, 16))
    assert back(content).live.version == 11  # not 13, which had been rolled back
