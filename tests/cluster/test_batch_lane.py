"""The batch lane on a real local Ray, and the same feed through a process pool and through this process."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from mmpipe.encoders import registry
from mmpipe.indexing import batch, execute_file
from mmpipe.indexing.lanes import files
from mmpipe.indexing.lanes.chunks import unpack_result
from mmpipe.indexing.sources.rows import put_source
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.writing.journal import Journal
from mmpipe.lake import Collection, ProductTable, open_lake
from mmpipe.objects import to_uri
from mmpipe.schemas.work import CatalogueEvent, ObjectRef, WorkOrder, run_id_of
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import png


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200_000_000)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


def _settings(lake: Path, **indexing: object) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(lake)),
        indexing=IndexingSettings(profile="fake", workers=2, **indexing),  # type: ignore[arg-type]
    )


def _order(feed: Path) -> WorkOrder:
    ref = ObjectRef(uri=to_uri(feed), etag="1", event_time=datetime(2026, 1, 1, tzinfo=UTC))
    event = CatalogueEvent(kind="feed_uploaded", collection="demo", object=ref)
    return WorkOrder(
        run_id=run_id_of(event, "fake"),
        kind=event.kind,
        collection="demo",
        object=ref,
        lane="batch",
    )


def _by_hand(feed: Path) -> WorkOrder:
    """An order of `mmpipe index`, which names a file as it is on disk."""
    order, stat = _order(feed), stores(Settings())(to_uri(feed)).stat(to_uri(feed))
    ref = order.object.model_copy(update={"etag": stat.etag, "size": stat.size})
    return order.model_copy(update={"object": ref})


def _parquet(folder: Path, rows: int) -> Path:
    """``rows`` products with a picture inside the file; every hundredth has no title."""
    path = folder / "feed.parquet"
    pictures = [png((n * 37 % 256, n * 11 % 256, n % 256)) for n in range(64)]
    table = {
        "id": [f"p{n}" for n in range(rows)],
        "title": ["" if n % 100 == 99 else f"Product {n}" for n in range(rows)],
        "image": pa.array([pictures[n % 64] for n in range(rows)], pa.binary()),
    }
    pq.write_table(pa.table(table), path)
    return path


def _table(settings: Settings) -> tuple[Collection, ProductTable]:
    collection = open_lake(settings).collection("demo")
    return collection, collection.products(registry.load("fake").profile)


def _noted(settings: Settings, order: WorkOrder, feed: Path) -> set[int]:
    """The rows that the journal of a file has."""
    modified = datetime.fromtimestamp(feed.stat().st_mtime, UTC)
    entries = Journal(open_lake(settings).collection("demo"), order).read(lambda: put_source(order, modified))
    return {row for _, result in entries for row in result.rows}


def _kill_midway(command: list[str], settings: Settings, environment: dict[str, str], entries: int) -> None:
    """Start a run, and kill it as nobody can prevent once its journal has so many entries."""
    own = {
        **os.environ,
        **environment,
        "MMPIPE_LAKE__URI": settings.lake.uri,
        "MMPIPE_INDEXING__PROFILE": "fake",
        "MMPIPE_INDEXING__WORKERS": "2",
        "MMPIPE_INDEXING__CHUNK_ROWS": "16",
        "MMPIPE_INDEXING__COMMIT_ROWS": "64",
    }
    run = subprocess.Popen(
        command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 90
        staging = Path(settings.lake.uri, "demo", "staging")
        while time.monotonic() < deadline and len(list(staging.rglob("*.arrow"))) < entries:
            assert run.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
    finally:
        # With its worker processes, as where a machine goes away.
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def _counting(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> dict[str, int]:
    """What the workers of this process's runs encode, by modality."""
    encoded: dict[str, int] = {}
    chunks = getattr(module, name)

    def counted(*arguments: object) -> Generator[bytes, None, None]:
        for packed in chunks(*arguments):
            for counts in unpack_result(packed)[0].counts.values():
                for modality, count in counts.encoded.items():
                    encoded[modality] = encoded.get(modality, 0) + count
            yield packed

    monkeypatch.setattr(module, name, counted)
    return encoded


def test_killed_run_is_resumed_without_encoding_again(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(tmp_path / "lake", chunk_rows=16, commit_rows=64)
    rows = 1_200
    feed = _parquet(tmp_path, rows)
    order = _order(feed)
    command = [sys.executable, "-m", "mmpipe.indexing.batch", "--order", order.model_dump_json()]
    _kill_midway(command, settings, {"RAY_ADDRESS": cluster}, entries=2)
    collection, table = _table(settings)
    left = collection.runs.get(order.run_id)
    assert left is not None
    assert left.status == "running"
    noted = _noted(settings, order, feed)
    assert 128 <= len(noted) < rows - 20
    assert table.latest().count_rows() == 0, "nothing of a run is there before its one commit"
    assert collection.live() is None

    encoded = _counting(monkeypatch, batch, "ray_chunks")
    record = batch.run(order, settings)
    good = rows - rows // 100
    rest = sum(row % 100 != 0 for row in range(1, rows + 1) if row not in noted)
    assert encoded == {"text": rest, "image": rest}
    assert record.status == "done"
    assert (record.read, record.rejected) == (rows, rows // 100)
    assert (record.indexed, record.unchanged) == (good, 0)
    assert record.encoded == {"text": good, "image": good}
    ids = table.latest().to_table(columns=["id"]).column("id").to_pylist()
    assert len(ids) == len(set(ids)) == good
    live = collection.live()
    assert live is not None
    assert live.rows == good
    assert not list(Path(settings.lake.uri, "demo", "staging").rglob("*.arrow"))
    assert batch.run(order, settings) == record  # done: nothing happens again
    found = table.fetch(["p5"]).to_pylist()[0]
    assert found["image_vector"] is not None


def test_killed_process_pool_is_resumed_without_encoding_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(tmp_path / "lake", chunk_rows=16, commit_rows=64)
    rows = 1_200
    lines = []
    for n in range(rows):
        (tmp_path / f"{n}.png").write_bytes(png((n % 256, n // 256, 9)))
        words = "x" * 4_000  # a large file goes to the pool
        lines.append({"id": f"p{n}", "title": f"Product {n}", "image_link": f"{n}.png", "mpn_note": words})
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join(map(json.dumps, lines)))
    command = [str(Path(sys.executable).with_name("mmpipe")), "index", str(feed), "--collection", "demo"]
    _kill_midway(command, settings, {}, entries=2)
    collection, table = _table(settings)
    (left,) = collection.runs.list()
    assert left.status == "running"
    noted = _noted(settings, _by_hand(feed), feed)
    assert 128 <= len(noted) < rows - 20
    assert table.latest().count_rows() == 0
    for row in noted:
        (tmp_path / f"{row - 1}.png").unlink()

    encoded = _counting(monkeypatch, files, "pool_chunks")
    record = execute_file(settings, feed, "demo")
    rest = rows - len(noted)
    assert record.run_id != left.run_id, "each call is a run of its own"
    assert encoded == {"text": rest, "image": rest}
    assert (record.status, record.lane, record.read, record.indexed) == ("done", "batch", rows, rows)
    assert collection.rejects.count() == 0, "photos of rows that were noted are not looked for again"
    found = table.latest().to_table(columns=["id", "image_vector"])
    assert found.column("image_vector").null_count == 0
    assert len(set(found.column("id").to_pylist())) == found.num_rows == rows
    live = collection.live()
    assert live is not None
    assert live.rows == rows
    assert not list(Path(settings.lake.uri, "demo", "staging").rglob("*.arrow"))
    killed = collection.runs.get(left.run_id)
    assert killed is not None
    assert (killed.status, "interrupted" in killed.error) == ("failed", True)


def test_feed_that_breaks_off_is_a_failed_run(
    cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del cluster
    settings = _settings(tmp_path / "lake")
    whole = gzip.compress(
        "\n".join(json.dumps({"id": f"p{n}", "title": os.urandom(200).hex()}) for n in range(3_000)).encode()
    )
    feed = tmp_path / "feed.jsonl.gz"
    feed.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setenv("MMPIPE_LAKE__URI", settings.lake.uri)
    monkeypatch.setenv("MMPIPE_INDEXING__PROFILE", "fake")
    assert batch.main(["--order", _order(feed).model_dump_json()]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record["status"] == "failed"
    assert record["error"]
    assert 0 < record["feed"]["products"] < 3_000
    collection = open_lake(settings).collection("demo")
    rejects = collection.rejects.list()
    assert [(r.scope, r.row, r.error) for r in rejects] == [("row", 0, "InvalidFeed")]
    assert collection.live() is None


def test_a_machine_whose_cpus_are_taken_still_indexes(cluster: str, tmp_path: Path) -> None:
    """Serve's replicas hold every CPU of a small machine for good."""
    del cluster

    @ray.remote(num_cpus=2)
    class Service:
        def ready(self) -> bool:
            return True

    service = Service.remote()
    assert ray.get(service.ready.remote())
    try:
        settings = _settings(tmp_path / "lake", chunk_rows=16)
        record = batch.run(_order(_parquet(tmp_path, 100)), settings)
    finally:
        ray.kill(service)
    assert (record.status, record.indexed, record.rejected) == ("done", 99, 1)


def test_feed_that_is_gone_writes_nothing(cluster: str, tmp_path: Path) -> None:
    del cluster
    record = batch.run(_order(tmp_path / "gone.jsonl"), _settings(tmp_path / "lake"))
    assert (record.status, record.read, record.error) == ("done", 0, "the object is gone")


def test_file_through_a_process_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "POOL_MIN_BYTES", 1)
    settings = _settings(tmp_path / "lake", chunk_rows=64, commit_rows=128)
    seen: list[tuple[int, int, int, int | None]] = []
    record = execute_file(
        settings, _parquet(tmp_path, 400), "demo", progress=lambda *counts: seen.append(counts)
    )
    assert (record.status, record.lane) == ("done", "batch")
    assert (record.read, record.indexed, record.rejected) == (400, 396, 4)
    assert seen[-1] == (400, 396, 4, 400)
    assert [counts[0] for counts in seen] == sorted(counts[0] for counts in seen)
    assert _table(settings)[1].count_live() == 396


def test_file_indexed_again_sees_its_media(tmp_path: Path) -> None:
    settings = _settings(tmp_path / "other")
    (tmp_path / "photo.png").write_bytes(png((200, 0, 0)))
    feed = tmp_path / "feed.jsonl"
    feed.write_text(
        "\n".join(
            json.dumps({"id": f"p{n}", "title": f"Product {n}", "image_link": "photo.png"}) for n in range(5)
        )
    )
    lake = tmp_path / "lake"
    first = execute_file(settings, feed, "demo", lake)
    assert (first.lane, first.indexed, first.encoded) == ("warm", 5, {"text": 5, "image": 5})
    again = execute_file(settings, feed, "demo", lake)
    assert (again.indexed, again.unchanged, again.encoded) == (0, 5, {})
    (tmp_path / "photo.png").write_bytes(png((0, 0, 200)))
    changed = execute_file(settings, feed, "demo", lake)
    assert (changed.indexed, changed.encoded) == (5, {"image": 5})
    assert not (tmp_path / "other").exists()
