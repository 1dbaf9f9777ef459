"""What a run keeps of how its feed was read, and how many pictures it found."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Generator, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmpipe.errors import StorageUnavailable
from mmpipe.indexing import execute_file
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes import files
from mmpipe.indexing.lanes.chunks import FeedJob
from mmpipe.lake import open_lake
from mmpipe.settings import FeedSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.shopify import product, products_csv, stock, stock_csv
from tests.unit.indexing.uploads import STAGES, Stages, counts, last_run, one_stage, run_batch

RED = png((200, 10, 10))


def jsonl(rows: Iterable[dict[str, object]]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def broken_gzip(count: int) -> bytes:
    """Half of a compressed feed, longer than what is looked at before the first row."""
    noise = random.Random(count)
    rows = [{"id": f"p{n}", "title": noise.randbytes(200).hex()} for n in range(count)]
    whole = gzip.compress(jsonl(rows), mtime=0)
    return whole[: len(whole) // 2]


def test_the_warm_lane_keeps_the_report(shop: Shop) -> None:
    rows = products_csv(product("A", "dress"), product("B", "hat", live=False), product("C", ""))
    event = shop.bucket.put("feeds/all.csv", rows)
    shop.ok(event)
    report = last_run(shop, event).feed
    assert report is not None
    assert (report.format, report.container, report.rows) == ("shopify", "csv", 3)
    assert (report.products, report.withdrawn, report.rejected) == (1, 1, 1)
    assert report.columns["Variant SKU"] == "id"
    told = shop.bucket.put("feeds/stock.csv", stock_csv(stock("A", "dress", 0)))
    shop.ok(told)
    stocked = last_run(shop, told).feed
    assert stocked is not None
    assert (stocked.format, stocked.stock, stocked.products) == ("shopify-inventory", 1, 0)
    photo = shop.bucket.put("media/a.png", RED)
    shop.ok(photo)
    assert last_run(shop, photo).feed is None


def test_two_feeds_of_one_commit_keep_their_own_reports(shop: Shop) -> None:
    one = shop.bucket.put_feed("one", [{"id": "a", "title": "A"}])
    two = shop.bucket.put("feeds/two.csv", products_csv(product("B", "b"), product("C", "c")))
    shop.ok(one, two)
    reports = [last_run(shop, event).feed for event in (one, two)]
    assert [r is not None and (r.container, r.products) for r in reports] == [("jsonl", 1), ("csv", 2)]


@STAGES
def test_the_batch_lane_keeps_the_report_of_all_chunks(batch: Shop, stages: Stages) -> None:
    rows = [{"id": f"p{n}", "title": f"Product {n}"} for n in range(40)]
    record = run_batch(
        batch, batch.bucket.put("feeds/all.jsonl", jsonl([*rows, {"id": "bad", "title": ""}])), stages
    )
    assert record.status == "done"
    assert record.feed is not None
    assert (record.feed.rows, record.feed.products, record.feed.rejected) == (41, 40, 1)
    assert list(record.feed.reasons.values()) == [1]


@STAGES
def test_a_feed_that_breaks_off_keeps_the_report_of_what_was_read(batch: Shop, stages: Stages) -> None:
    event = batch.bucket.put("feeds/all.jsonl.gz", broken_gzip(2_000))
    record = run_batch(batch, event, stages)
    assert (record.status, bool(record.error)) == ("failed", True)
    assert record.feed is not None
    assert 0 < record.feed.products < 2_000
    assert batch.collection.live() is None
    assert [r.error for r in batch.collection.rejects.list()] == ["InvalidFeed"]


def test_what_is_no_feed_has_no_report(batch: Shop) -> None:
    record = run_batch(batch, batch.bucket.put("feeds/all.csv", b"\x00\x01\x02"))
    assert (record.status, record.feed) == ("failed", None)


def test_a_process_pool_keeps_the_report_of_a_feed_that_breaks_off(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "POOL_MIN_BYTES", 1)
    indexing = settings.indexing.model_copy(update={"workers": 2, "chunk_rows": 64})
    settings = settings.model_copy(update={"indexing": indexing})
    feed = tmp_path / "feed.jsonl.gz"
    feed.write_bytes(broken_gzip(2_000))
    record = execute_file(settings, feed, "demo")
    assert (record.status, record.lane) == ("failed", "batch")
    assert record.feed is not None
    assert 0 < record.feed.products < 2_000


def test_a_process_pool_tells_stock(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.csv"
    whole.write_bytes(products_csv(product("A", "dress"), product("B", "hat")))
    record = execute_file(settings, whole, "demo")
    assert record.feed is not None
    assert (record.feed.format, record.feed.products) == ("shopify", 2)
    monkeypatch.setattr(files, "POOL_MIN_BYTES", 1)
    settings = settings.model_copy(update={"indexing": settings.indexing.model_copy(update={"workers": 2})})
    told = tmp_path / "stock.csv"
    told.write_bytes(stock_csv(stock("A", "dress", 0), stock("TYPO", "dress", 0)))
    record = execute_file(settings, told, "demo")
    assert (record.status, record.lane, record.encoded) == ("done", "batch", {})
    assert counts(record) == (2, 1, 0, 0, 1)
    assert record.feed is not None
    assert (record.feed.format, record.feed.stock) == ("shopify-inventory", 2)
    collection = open_lake(settings).collection("demo")
    rows = collection.table(collection.product_tables()[0]).fetch(["A", "B"]).to_pylist()
    assert {row["id"]: row["availability"] for row in rows} == {"A": "out_of_stock", "B": "in_stock"}


def test_the_warm_lane_writes_nothing_of_a_feed_that_breaks_off(shop: Shop) -> None:
    event = shop.bucket.put("feeds/all.jsonl.gz", broken_gzip(2_000))
    assert [o.status for o in shop.run(event)] == ["failed"]
    run = last_run(shop, event)
    assert (run.status, run.feed, run.read) == ("failed", None, 0)
    assert shop.table.latest().count_rows() == 0


def test_an_unchanged_feed_is_reported_again(shop: Shop) -> None:
    shop.bucket.put("media/a.png", RED)
    rows: list[dict[str, object]] = [{"id": "a", "title": "A", "image_link": "media/a.png"}]
    first = shop.bucket.put_feed("all", rows)
    shop.ok(first)
    before = last_run(shop, first)
    shop.bucket.tick()
    again = shop.bucket.put_feed("all", rows)
    shop.ok(again)
    after = last_run(shop, again)
    assert (after.unchanged, after.feed, after.pictures) == (1, before.feed, before.pictures)
    assert after.run_id != before.run_id


DATA_URI = "data:image/png;base64," + base64.b64encode(RED).decode()


@pytest.mark.parametrize(
    ("links", "found", "missing", "none"),
    [
        ({"image_link": "media/a.png"}, 1, 0, 0),
        ({}, 0, 0, 1),
        ({"image_link": "media/nowhere.png"}, 0, 1, 0),
        ({"image_link": "media/text.png"}, 0, 1, 0),
        ({"image_link": DATA_URI}, 1, 0, 0),
        ({"image_link": "https://elsewhere.example/a.png"}, 0, 1, 0),
        ({"image_link": "file:///etc/passwd"}, 0, 1, 0),
        ({"additional_image_link": ["media/a.png", "media/b.png"]}, 2, 0, 0),
        (
            {"image_link": "media/a.png", "additional_image_link": ["media/b.png", "media/nowhere.png"]},
            2,
            1,
            0,
        ),
        # Four of a product are looked at.
        ({"additional_image_link": [f"media/{n}.png" for n in range(6)]}, 4, 0, 0),
        ({"image_link": "ftp://x/a", "additional_image_link": [f"media/{n}.png" for n in range(6)]}, 4, 1, 0),
    ],
)
def test_pictures_are_counted(
    shop: Shop, links: dict[str, object], found: int, missing: int, none: int
) -> None:
    shop.bucket.put("media/a.png", RED)
    shop.bucket.put("media/b.png", png((10, 10, 200)))
    shop.bucket.put("media/text.png", b"no picture")
    for number in range(6):
        shop.bucket.put(f"media/{number}.png", png((number, 10, 200)))
    event = shop.bucket.put_feed("all", [{"id": "a", "title": "A", **links}])
    shop.ok(event)
    pictures = last_run(shop, event).pictures
    assert {name: pictures.get(name, 0) for name in ("found", "missing", "none")} == {
        "found": found, "missing": missing, "none": none
    }  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), [(RED, (2, 0, 1)), (b"no picture", (1, 1, 1))])
def test_pictures_inside_a_feed_are_counted(
    settings: Settings, tmp_path: Path, data: bytes, expected: tuple[int, int, int]
) -> None:
    columns = {
        "id": ["a", "b", "c"],
        "title": ["A", "B", "C"],
        "image": pa.array([data, RED, None], pa.binary()),
    }
    pq.write_table(pa.table(columns), tmp_path / "feed.parquet")
    pictures = execute_file(settings, tmp_path / "feed.parquet", "demo").pictures
    assert tuple(pictures.get(name, 0) for name in ("found", "missing", "none")) == expected


def test_pictures_of_one_run_add_up_and_a_media_upload_counts_none(shop: Shop) -> None:
    shop.bucket.put("media/a.png", RED)
    rows: list[dict[str, object]] = [
        {"id": f"p{n}", "title": "A", "image_link": f"media/{'a' if n % 2 else 'nowhere'}.png"}
        for n in range(40)
    ]
    event = shop.bucket.put_feed("all", [*rows, {"id": "none", "title": "A"}, {"id": "bad", "title": ""}])
    shop.ok(event)
    assert last_run(shop, event).pictures == {"found": 20, "missing": 20, "none": 1}
    shop.bucket.tick()
    photo = shop.bucket.put("media/nowhere.png", RED)
    shop.ok(photo)
    assert last_run(shop, photo).pictures == {}


def test_a_repeated_run_of_a_whole_catalogue_keeps_what_the_first_attempt_wrote(
    batch: Shop, tmp_path: Path
) -> None:
    indexing = batch.settings.indexing.model_copy(update={"chunk_rows": 2, "commit_rows": 2})
    settings = Settings(
        lake=LakeSettings(uri=batch.settings.lake.uri, max_shrink=1.0),
        indexing=indexing,
        feeds=FeedSettings(replace=("demo",)),
    )
    event = batch.bucket.put("feeds/all.jsonl", jsonl({"id": i, "title": "A"} for i in "abcdef"))

    def breaks(job: FeedJob) -> Generator[bytes, None, None]:
        for number, packed in enumerate(one_stage(job, batch)):
            if number == 2:
                raise StorageUnavailable("the store did not answer")
            yield packed

    with pytest.raises(StorageUnavailable):
        lanes.execute(order_of(event), settings, breaks, loaded=batch.loaded)
    assert batch.table.count_live() == 0, "nobody sees a part of it"
    record = lanes.execute(order_of(event), settings, lambda job: one_stage(job, batch), loaded=batch.loaded)
    assert (record.read, record.indexed, record.deleted) == (6, 6, 0)
    assert batch.table.count_live() == 6
