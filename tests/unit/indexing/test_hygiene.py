"""A lake stays as small as what it holds, however many small uploads come, and nobody has to do anything for
it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mmpipe.encoders import registry
from mmpipe.indexing import Indexer
from mmpipe.lake import open_lake
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import Bucket
from tests.unit.indexing.conftest import Shop

HOLD = 0.5
UPDATES = 70
HOT = 9


class Size(NamedTuple):
    files: int
    bytes: int


def size_of(folder: Path) -> Size:
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size if path.is_file() else -1)
        except FileNotFoundError:
            continue  # removed meanwhile
    files = [size for size in sizes if size >= 0]
    return Size(len(files), sum(files))


@pytest.fixture
def kept_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose indexer keeps its tables up."""
    monkeypatch.setattr("mmpipe.indexing.tables.keeper._MORE_SECONDS", 0.1)
    settings = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake"), hold_versions_seconds=HOLD),
        indexing=IndexingSettings(profile="fake", chunk_rows=256),
    )
    bucket, lake, loaded = Bucket(), open_lake(settings), registry.load("fake")
    indexer = Indexer(settings, lake, loaded, lambda _uri: bucket)
    yield Shop(bucket, indexer, settings, lake.collection("demo", create=True), loaded)
    indexer.close()


def test_many_updates_of_few_products_leave_little(kept_shop: Shop, tmp_path: Path) -> None:
    shop, lake = kept_shop, tmp_path / "lake"
    rows = [{"id": f"p{n}", "title": f"product number {n}", "price": "1 USD"} for n in range(300)]
    shop.ok(shop.bucket.put_feed("all", rows))
    shop.indexer.drain()
    before = size_of(lake)
    for n in range(UPDATES):
        shop.bucket.tick()
        shop.ok(shop.bucket.put_product(f"p{n % HOT}", title="hot", price=f"{n + 2} USD"))
    shop.indexer.drain()
    deadline = time.monotonic() + 60
    while (now := size_of(lake)).files > 3 * before.files or now.bytes > 3 * before.bytes:
        assert time.monotonic() < deadline, (before, now)
        time.sleep(0.1)
    # Nothing was lost on the way: what is live, and what can be gone back to.
    history = shop.collection.history()
    assert len(history) >= 10
    for entry in history:
        assert shop.table.at(entry.version).count_rows(filter="deleted = false") == 300
    assert [shop.row(f"p{n}")["price"] for n in range(HOT)] == [
        max(range(n, UPDATES, HOT)) + 2 for n in range(HOT)
    ]
