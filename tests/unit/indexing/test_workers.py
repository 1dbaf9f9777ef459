"""Chunks between processes: what travels, and that CPU and GPU stages together do what one worker does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mmpipe.indexing import execute_file
from mmpipe.indexing.lanes.chunks import FeedJob, is_result, read_packed, unpack_result, unpack_rows
from mmpipe.indexing.lanes.worker import ChunkEncoder, ChunkIndexer, ChunkPreparer
from mmpipe.indexing.pipeline.hashes import media_hash, text_hash
from mmpipe.indexing.sources.rows import root_of
from mmpipe.lake import open_lake
from mmpipe.objects import to_uri
from mmpipe.schemas.work import CatalogueEvent, ObjectRef
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import Bucket, order_of, png


def _job(tmp_path: Path, rows: int = 40) -> FeedJob:
    lines: list[dict[str, object]] = []
    for number in range(rows):
        (tmp_path / f"{number}.png").write_bytes(png((number * 5 % 256, 90, 10)))
        lines.append({"id": f"p{number}", "title": f"Product {number}", "image_link": f"{number}.png"})
    lines += [{"id": "bad", "title": ""}, {"id": "gone", "_op": "delete"}, {"id": "p0", "title": "Product 0"}]
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join(json.dumps(line) for line in lines))
    stat = Bucket().now
    ref = ObjectRef(uri=to_uri(feed), event_time=stat)
    order = order_of(CatalogueEvent(kind="feed_uploaded", collection="demo", object=ref))
    settings = Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")),
        indexing=IndexingSettings(profile="fake", chunk_rows=16),
    )
    return FeedJob(order, settings)


def _rows(packed: list[bytes]) -> tuple[list[dict[str, object]], set[str], int]:
    results = [unpack_result(data)[0] for data in packed]
    tables = [table for result in results for table in result.changes.rows]
    rows = (
        pa.concat_tables(tables)
        .drop_columns(["updated_at", "added_at"])
        .sort_by([("id", "ascending"), ("source_order", "ascending")])
    )
    rejects = {reject.reject_id for result in results for reject in result.rejects}
    read = sum(counts.read for result in results for counts in result.counts.values())
    return rows.to_pylist(), rejects, read


def test_two_stages_do_what_one_worker_does(tmp_path: Path) -> None:
    job = _job(tmp_path)
    chunks = list(read_packed(job.pack()))
    assert [len(unpack_rows(chunk)) for chunk in chunks[:-1]] == [16, 16, 11]
    assert is_result(chunks[-1]), "what was found in the whole file"
    indexer, preparer, encoder = ChunkIndexer(job), ChunkPreparer(job), ChunkEncoder(job)
    whole = _rows([indexer(chunk) for chunk in chunks])
    staged = _rows([encoder(part) for chunk in chunks for part in preparer(chunk)])
    assert whole == staged
    assert whole[2] == 43
    assert len(whole[1]) == 1


def test_stages_copy_what_the_table_holds(tmp_path: Path) -> None:
    job = _job(tmp_path)
    execute_file(job.settings, tmp_path / "feed.jsonl", "demo")
    (tmp_path / "1.png").write_bytes(png((1, 2, 250)))
    feed = tmp_path / "later.jsonl"
    feed.write_text((tmp_path / "feed.jsonl").read_text())
    ref = ObjectRef(uri=to_uri(feed), event_time=datetime.now(UTC) + timedelta(days=1))
    later = FeedJob(job.order.model_copy(update={"object": ref}), job.settings)
    chunks = list(read_packed(later.pack()))
    preparer, encoder = ChunkPreparer(later), ChunkEncoder(later)
    results = [unpack_result(encoder(part))[0] for chunk in chunks for part in preparer(chunk)]
    encoded: dict[str, int] = {}
    for result in results:
        for counts in result.counts.values():
            for modality, count in counts.encoded.items():
                encoded[modality] = encoded.get(modality, 0) + count
    # p0 lost its photo to its later row in the first run, so the first row of it has one more to encode.
    assert encoded == {"image": 2}


def test_only_the_wanted_modalities_are_indexed(tmp_path: Path) -> None:
    job = _job(tmp_path)
    indexing = job.settings.indexing.model_copy(update={"modalities": ("image",)})
    settings = job.settings.model_copy(update={"indexing": indexing})
    record = execute_file(settings, tmp_path / "feed.jsonl", "demo")
    assert set(record.encoded) == {"image"}
    collection = open_lake(settings).collection("demo")
    row = collection.table(collection.product_tables()[0]).fetch(["p1"]).to_pylist()[0]
    assert row["text_vector"] is None
    assert row["text_hash"] is None
    assert not row["search_text"]
    assert np.allclose(row["vector"], row["image_vector"], atol=1e-6)


def test_hashes_tell_contents_apart() -> None:
    assert text_hash("a") != text_hash("b")
    assert media_hash(["aa"]) == "aa"
    assert media_hash(["aa", "bb"]) != media_hash(["bb", "aa"])


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("s3://bucket/demo/feeds/2026/a.csv", "s3://bucket/demo/"),
        ("s3://bucket/demo/products/a.json", "s3://bucket/demo/"),
        ("file:///shops/one/feed.csv", "file:///shops/one/"),
        ("file:///shops/one/feeds/feed.csv", "file:///shops/one/"),
        ("s3://bucket/other/demo/feed.csv", "s3://bucket/other/demo/"),
    ],
)
def test_root_of_links(uri: str, root: str) -> None:
    assert root_of(uri, "demo") == root
