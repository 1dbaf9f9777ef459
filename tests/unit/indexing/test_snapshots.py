"""Feeds that are the whole catalogue: what they lack goes, and what must not go with it."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mmpipe.indexing import Indexer, execute_file
from mmpipe.lake import ProductTable, open_lake
from mmpipe.schemas.run import RunRecord
from mmpipe.settings import FeedSettings, IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.broken_off import live_rows
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.spoilt import spoil
from tests.unit.indexing.uploads import run_batch

INVENTORY = (
    "Handle,Title,Option1 Name,Option1 Value,SKU,Location,Available (not editable),On hand (current)\n"
    "tee,Tee,Size,S,A,Depot,0,0\n"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")),
        indexing=IndexingSettings(profile="fake", chunk_rows=2),
        feeds=FeedSettings(replace=("demo",)),
    )


def _index(settings: Settings, tmp_path: Path, number: int, *lines: object) -> RunRecord:
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return _at(settings, feed, number)


def _at(settings: Settings, feed: Path, number: int) -> RunRecord:
    # The order of two files is their time, to the second.
    os.utime(feed, (1_700_000_000 + number, 1_700_000_000 + number))
    return execute_file(settings, feed, "demo")


def _product(product_id: str, **fields: object) -> dict[str, object]:
    return {"id": product_id, "title": f"Product {product_id}", **fields}


def _table(settings: Settings) -> ProductTable:
    collection = open_lake(settings).collection("demo")
    return collection.table(collection.product_tables()[0])


def _live(settings: Settings) -> set[str]:
    collection = open_lake(settings).collection("demo")
    live = collection.live()
    assert live is not None
    rows = collection.table(live.table).at(live.version).to_table(filter="deleted = false")
    return set(rows.column("id").to_pylist())


def test_products_that_are_not_in_the_feed_any_more_are_deleted(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abcde"))
    record = _index(settings, tmp_path, 2, *(_product(p) for p in "acdf"))
    assert _live(settings) == {"a", "c", "d", "f"}
    assert (record.indexed, record.unchanged, record.deleted, record.error) == (1, 3, 2, "")


def test_without_the_setting_they_stay(settings: Settings, tmp_path: Path) -> None:
    partial = settings.model_copy(update={"feeds": FeedSettings()})
    _index(partial, tmp_path, 1, _product("a"), _product("b"))
    _index(partial, tmp_path, 2, _product("a"))
    assert _live(settings) == {"a", "b"}


def test_more_than_the_guard_allows_is_refused_until_accepted(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abcde"))
    record = _index(settings, tmp_path, 2, _product("a"))
    assert _live(settings) == set("abcde")
    assert (record.deleted, "4 of 5" in record.error, "--accept" in record.error) == (0, True, True)
    accepted = settings.model_copy(update={"lake": settings.lake.model_copy(update={"max_shrink": 1.0})})
    assert _index(accepted, tmp_path, 3, _product("a")).deleted == 4
    assert _live(settings) == {"a"}


def test_a_rejected_row_keeps_its_product(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abc"))
    record = _index(settings, tmp_path, 2, _product("a"), _product("b", price="much"))
    assert (record.rejected, record.deleted) == (1, 1)
    assert _live(settings) == {"a", "b"}


def test_a_row_that_names_no_product_stops_the_deletion(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abc"))
    record = _index(settings, tmp_path, 2, _product("a"), _product("b"), "{")
    assert (record.deleted, "names no product" in record.error) == (0, True)
    assert _live(settings) == set("abc")


def test_a_feed_that_breaks_off_replaces_nothing(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abc"))
    record = _index(settings, tmp_path, 2, '[{"id": "a", "title": "A"}, {"id": "b", "title": ')
    assert record.status == "failed"
    assert _live(settings) == set("abc")


@pytest.mark.parametrize("broken", [None, 0.5, 0.9], ids=["JSON", "half a gzip", "most of a gzip"])
def test_a_truncated_file_is_no_whole_catalogue(
    settings: Settings, tmp_path: Path, broken: float | None
) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abc"))
    version = _table(settings).latest().version
    rows = [_product("a", description=os.urandom(20_000).hex()), _product("b")]
    if broken is None:
        feed = tmp_path / "broken.json"
        feed.write_bytes(json.dumps(rows).encode()[:-20])
    else:
        feed = tmp_path / "broken.jsonl.gz"
        whole = gzip.compress("\n".join(map(json.dumps, rows)).encode())
        feed.write_bytes(whole[: int(len(whole) * broken)])
    record = _at(settings, feed, 2)
    assert (record.status, record.deleted) == ("failed", 0)
    assert _live(settings) == set("abc")
    assert _table(settings).latest().version == version


def test_of_a_small_shop_three_may_go_at_once(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abcd"))
    record = _index(settings, tmp_path, 2, _product("a"))
    assert (record.deleted, record.error) == (3, "")
    assert _live(settings) == {"a"}


def test_a_refused_snapshot_still_brings_its_rows(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abcdefgh"))
    record = _index(settings, tmp_path, 2, {"id": "a", "title": "New a"}, _product("new"))
    assert _live(settings) == set("abcdefgh") | {"new"}
    assert (record.status, record.indexed, record.deleted, record.refused) == ("done", 2, 0, "")
    assert "7 of 8" in record.error
    assert "mmpipe index FEED --replace --accept" in record.error
    assert _table(settings).fetch(["a"]).column("title").to_pylist() == ["New a"]
    again = _index(settings, tmp_path, 3, *(_product(p) for p in "abcdefg"))
    assert (again.deleted, again.error) == (2, "")


def test_a_newer_product_stays(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abc"))
    partial = settings.model_copy(update={"feeds": FeedSettings()})
    _index(partial, tmp_path, 9, _product("new"))
    _index(settings, tmp_path, 5, _product("a"), _product("b"))
    assert _live(settings) == {"a", "b", "new"}


def test_an_inventory_file_replaces_nothing(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, _product("A", item_group_id="tee"), _product("B"))
    feed = tmp_path / "stock.csv"
    feed.write_text(INVENTORY)
    record = _at(settings, feed, 2)
    assert (record.feed is not None and record.feed.stock, record.deleted) == (1, 0)
    assert _live(settings) == {"A", "B"}


def test_the_same_whole_feed_twice_changes_nothing_more(settings: Settings, tmp_path: Path) -> None:
    _index(settings, tmp_path, 1, *(_product(p) for p in "abc"))
    _index(settings, tmp_path, 2, _product("a"), _product("b"))
    assert _index(settings, tmp_path, 2, _product("a"), _product("b")).deleted == 0
    assert _live(settings) == {"a", "b"}


def test_the_warm_lane_does_the_same(shop: Shop) -> None:
    assert isinstance(shop.indexer, Indexer)
    first = "\n".join(json.dumps(_product(p)) for p in "abc").encode()
    second = "\n".join(json.dumps(_product(p)) for p in "ab").encode()
    shop.ok(shop.bucket.put("feeds/all.jsonl", first))
    shop.bucket.tick()
    shop.ok(shop.bucket.put("feeds/all.jsonl", second))
    assert [shop.row(p)["deleted"] for p in "abc"] == [False, False, True]


@pytest.mark.parametrize("lane", ["warm", "batch"])
def test_the_product_of_a_row_that_the_models_cannot_take_stays(
    batch: Shop, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.ok(batch.bucket.put_feed("all", [_product(p) for p in "abcd"]))
    batch.bucket.tick()
    spoil(batch, np.nan, monkeypatch)
    event = batch.bucket.put_feed("all", [_product("a"), _product("b", title="poison"), _product("c")])
    if lane == "warm":
        batch.ok(event)
    else:
        run_batch(batch, event)
    assert sorted(live_rows(batch)) == ["a", "b", "c"]
    assert [r.error for r in batch.collection.rejects.list()] == ["InvalidVector"]


@pytest.mark.parametrize("lane", ["warm", "batch"])
def test_a_product_uploaded_while_the_catalogue_is_read_stays(batch: Shop, lane: str) -> None:
    batch.ok(batch.bucket.put_feed("all", [_product(p) for p in "abc"]))
    batch.bucket.tick()
    event = batch.bucket.put_feed("all", [_product("a"), _product("b")])
    batch.bucket.tick()
    new = batch.bucket.put_product("new", title="New")
    if lane == "warm":
        batch.ok(new, event)
    else:
        batch.ok(new)
        run_batch(batch, event)
    assert sorted(live_rows(batch)) == ["a", "b", "new"]
