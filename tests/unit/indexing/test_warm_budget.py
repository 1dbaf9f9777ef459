"""A feed that holds more than its size told does not hold up the warm lane."""

from __future__ import annotations

import gzip
import io
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmpipe.indexing import Indexer
from mmpipe.indexing.sources import readers
from mmpipe.lake import open_lake
from mmpipe.settings import IndexingSettings
from tests.unit.indexing.bucket import order_of
from tests.unit.indexing.conftest import Shop

ROWS = IndexingSettings().warm_max_rows


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("nothing.jsonl.gz", gzip.compress(b"{}\n" * 100_000), f"more than {ROWS:,} rows"),
        ("nothing", gzip.compress(b"{}\n" * 100_000), f"more than {ROWS:,} rows"),
        (
            "blank.jsonl.gz",
            gzip.compress(b'{"id":"a"}\n' + b"\n" * 1_200_000, 1),
            "bytes after decompression",
        ),
    ],
    ids=["rows", "another name", "blank lines"],
)
def test_more_than_its_size_told_is_for_the_batch_lane(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, why: str
) -> None:
    monkeypatch.setattr(readers, "_GROWTH", 2)
    # How long a busy machine takes over the rows is not asked here.
    monkeypatch.setattr(readers, "time", SimpleNamespace(thread_time=lambda: 0.0))
    large = shop.bucket.put(f"feeds/{name}", data)
    small = shop.bucket.put_product("a", title="Red dress")
    outcomes = shop.run(large, small)
    assert [o.status for o in outcomes] == ["large", "done"]
    assert why in outcomes[0].reason
    assert shop.table.count_live() == 1
    # Nothing says that it was tried: the batch lane begins it.
    assert shop.collection.runs.get(order_of(large).run_id) is None
    assert shop.collection.rejects.list() == []
    assert shop.run(large)[0].status == "large"


def test_parquet_that_repeats_one_value_is_for_the_batch_lane(shop: Shop) -> None:
    file = io.BytesIO()
    texts = pa.array(["x" * 10_000] * 5_000).dictionary_encode()
    pq.write_table(pa.table({"id": [f"p{n}" for n in range(5_000)], "title": texts}), file)
    assert file.tell() < IndexingSettings().warm_max_bytes
    (outcome,) = shop.run(shop.bucket.put("feeds/all.parquet", file.getvalue()))
    assert (outcome.status, "bytes after" in outcome.reason) == ("large", True)


def test_slow_to_read_is_for_the_batch_lane(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 1_000_000, 2))
    clock = SimpleNamespace(thread_time=lambda: next(seconds))
    monkeypatch.setattr(readers, "time", clock)
    feed = shop.bucket.put_feed("one", [{"id": f"p{n}", "title": "Red hat"} for n in range(200)])
    (outcome,) = shop.run(feed)
    assert (outcome.status, "3 seconds" in outcome.reason) == ("large", True)
    # Many lines that are no rows take time as well.
    blank = shop.bucket.put("feeds/blank.jsonl", b'{"id": "a"}' + b"\n" * 300_000)
    assert "3 seconds" in shop.run(blank)[0].reason


def test_without_a_batch_lane_it_is_refused_and_recorded(shop: Shop) -> None:
    alone = Indexer(
        shop.settings,
        open_lake(shop.settings),
        shop.loaded,
        lambda _uri: shop.bucket,
        maintain=False,
        batch_lane=False,
    )
    large = shop.bucket.put("feeds/nothing.jsonl.gz", gzip.compress(b"{}\n" * 100_000))
    outcome, again = (alone.execute([order_of(large)])[0] for _ in range(2))
    assert outcome.status == again.status == "failed"
    assert "no batch lane here: split the file" in outcome.reason
    record = shop.collection.runs.get(order_of(large).run_id)
    assert record is not None
    assert (record.status, record.read) == ("failed", 0)
    assert {(reject.scope, reject.source_uri) for reject in shop.collection.rejects.list()} == {
        ("row", shop.bucket.uri("feeds/nothing.jsonl.gz"))
    }
    alone.close()


def test_as_many_rows_as_allowed_are_indexed(shop: Shop) -> None:
    few = shop.settings.model_copy(
        update={"indexing": shop.settings.indexing.model_copy(update={"warm_max_rows": 3})}
    )
    indexer = Indexer(few, open_lake(few), shop.loaded, lambda _uri: shop.bucket, maintain=False)
    rows: list[dict[str, object]] = [{"id": f"p{n}", "title": "Red hat"} for n in range(4)]
    three = order_of(shop.bucket.put_feed("three", rows[:3]))
    four = order_of(shop.bucket.put_feed("four", rows))
    assert [outcome.status for outcome in indexer.execute([three, four])] == ["done", "large"]
    indexer.close()
