"""A large feed is live as a whole or not at all, whatever happens to it and whoever uploads meanwhile; on an
object store, over the wire."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mmpipe.encoders.registry import LoadedEncoders, load
from mmpipe.indexing import Indexer, execute_file
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake import Collection, open_lake
from mmpipe.local.cloud import LAKE_BUCKET, UPLOADS_BUCKET, LocalCloud, client_environment
from mmpipe.objects import open_store
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent, EventKind, ObjectRef, WorkOrder, run_id_of
from mmpipe.settings import IndexingSettings, LakeSettings, Settings, StorageSettings

_names = count()
ROWS = 1_200


@dataclass
class Shop:
    """A shop of its own in the shared cloud, with a warm indexer."""

    name: str
    s3: Any
    settings: Settings
    indexer: Indexer
    loaded: LoadedEncoders
    seen: set[int] = field(default_factory=set)

    @property
    def collection(self) -> Collection:
        return open_lake(self.settings).collection(self.name, create=True)

    def uri(self, key: str) -> str:
        return f"s3://{UPLOADS_BUCKET}/{self.name}/{key}"

    def next_second(self) -> None:
        """The order of two feeds is their time, to the second, by the clock of the store's machine."""
        self.s3.put_object(Bucket=UPLOADS_BUCKET, Key="the-time", Body=b"")
        now = self.s3.head_object(Bucket=UPLOADS_BUCKET, Key="the-time")["LastModified"]
        while datetime.now(UTC) < now + timedelta(seconds=1.1):
            time.sleep(0.05)

    def put(self, key: str, data: bytes) -> str:
        self.s3.put_object(Bucket=UPLOADS_BUCKET, Key=f"{self.name}/{key}", Body=data)
        return self.uri(key)

    def put_feed(self, word: str) -> str:
        lines = (json.dumps({"id": f"p{n}", "title": f"{word} {n}"}) for n in range(ROWS))
        return self.put("feeds/all.jsonl", "\n".join(lines).encode())

    def upload(self, product_id: str, title: str) -> None:
        key = f"products/{product_id}.json"
        self.put(key, json.dumps({"id": product_id, "title": title}).encode())
        self._execute(key, "product_uploaded")

    def remove(self, product_id: str) -> None:
        key = f"products/{product_id}.json"
        self.s3.delete_object(Bucket=UPLOADS_BUCKET, Key=f"{self.name}/{key}")
        self._execute(key, "product_removed")

    def _execute(self, key: str, kind: EventKind) -> None:
        ref = ObjectRef(uri=self.uri(key), event_time=datetime.now(UTC))
        event = CatalogueEvent(kind=kind, collection=self.name, object=ref)
        order = WorkOrder(
            run_id=run_id_of(event, "fake"),
            kind=kind,
            collection=self.name,
            object=ref,
            lane="warm",
        )
        (outcome,) = self.indexer.execute([order])
        assert (outcome.status, outcome.reason) == ("done", "")

    def index(self, uri: str) -> RunRecord:
        return execute_file(self.settings, uri, self.name, loaded=self.loaded)

    def live(self) -> dict[str, str]:
        live = self.collection.live()
        return {} if live is None else self._titles(live.table, live.version)

    def published(self) -> list[dict[str, str]]:
        """Titles by id of every version that has been live since the last call, oldest first."""
        new = [e for e in reversed(self.collection.history()) if e.generation not in self.seen]
        assert not self.seen or not new or new[0].generation == max(self.seen) + 1, "looked at in time"
        self.seen.update(entry.generation for entry in new)
        return [self._titles(entry.table, entry.version) for entry in new]

    def _titles(self, table: str, version: int) -> dict[str, str]:
        rows = (
            self.collection.table(table).at(version).to_table(columns=["id", "title"], filter="NOT deleted")
        )
        found = dict(zip(rows.column("id").to_pylist(), rows.column("title").to_pylist(), strict=True))
        assert len(found) == rows.num_rows, "no product is there twice"
        return found

    def table_ids(self) -> set[str]:
        """Everything in the newest version of the table, live or not."""
        rows = self.collection.products(self.loaded.profile).latest().to_table(columns=["id"])
        return set(rows.column("id").to_pylist())

    def noted(self) -> list[str]:
        folder = f"{self.collection.uri}/staging/"
        return [found.uri for found in open_store(folder, self.settings.storage).list(folder)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    started = LocalCloud(tmp_path_factory.mktemp("cloud"), "whole-runs")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client_environment().items():
            patch.setenv(name, value)
        started.start()
        yield started
        started.stop()


@pytest.fixture
def shop(cloud: LocalCloud) -> Iterator[Shop]:
    settings = Settings(
        storage=StorageSettings(endpoint_url=cloud.url),
        lake=LakeSettings(uri=f"s3://{LAKE_BUCKET}/lake"),
        indexing=IndexingSettings(profile="fake", chunk_rows=16, commit_rows=64),
    )
    loaded = load("fake")
    indexer = Indexer(settings, open_lake(settings), loaded, stores(settings), maintain=False)
    yield Shop(f"shop{next(_names)}", cloud.s3(), settings, indexer, loaded)
    indexer.close()


def kill_midway(shop: Shop, cloud: LocalCloud, uri: str) -> None:
    """`mmpipe index` of a feed, killed as nobody can prevent once a part of it is staged."""
    command = [
        str(Path(sys.executable).with_name("mmpipe")), "index", uri,
        "--lake", shop.settings.lake.uri, "--collection", shop.name,
    ]  # fmt: skip
    environment = {
        **os.environ,
        "MMPIPE_STORAGE__ENDPOINT_URL": cloud.url,
        "MMPIPE_INDEXING__PROFILE": "fake",
        "MMPIPE_INDEXING__CHUNK_ROWS": "16",
        "MMPIPE_INDEXING__COMMIT_ROWS": "64",
    }
    run = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and len(shop.noted()) < 2:
            assert run.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_a_killed_feed_is_not_live_with_the_next_upload(shop: Shop, cloud: LocalCloud) -> None:
    uri = shop.put_feed("Feed")
    kill_midway(shop, cloud, uri)
    assert len(shop.noted()) >= 2
    shop.upload("one", "One product")
    assert shop.live() == {"one": "One product"}
    assert shop.table_ids() == {"one"}
    record = shop.index(uri)
    assert (record.status, record.read, record.indexed, record.refused) == ("done", ROWS, ROWS, "")
    assert shop.live() == {"one": "One product"} | {f"p{n}": f"Feed {n}" for n in range(ROWS)}
    assert shop.noted() == []


def test_a_killed_feed_over_a_full_shop_leaves_what_was_there(shop: Shop, cloud: LocalCloud) -> None:
    shop.index(shop.put_feed("Old"))
    shop.next_second()
    uri = shop.put_feed("New")
    kill_midway(shop, cloud, uri)
    shop.upload("p7", "Newest")
    assert shop.live() == {f"p{n}": f"Old {n}" for n in range(ROWS)} | {"p7": "Newest"}
    record = shop.index(uri)
    assert (record.read, record.indexed, record.skipped) == (ROWS, ROWS - 1, 1)
    assert shop.live() == {f"p{n}": f"New {n}" for n in range(ROWS)} | {"p7": "Newest"}


@pytest.mark.parametrize("kind", ["jsonl.gz", "json"])
def test_a_file_that_breaks_off_is_never_live(shop: Shop, kind: str) -> None:
    rows = [{"id": f"p{n}", "title": f"Feed {os.urandom(200).hex()}"} for n in range(2_500)]
    if kind == "json":
        data = json.dumps(rows).encode()
    else:
        data = gzip.compress("\n".join(map(json.dumps, rows)).encode())
    shop.upload("before", "Before")
    record = shop.index(shop.put(f"feeds/broken.{kind}", data[: len(data) // 2]))
    assert (record.status, record.indexed) == ("failed", 0)
    assert record.read >= 64, "some of it had been staged"
    assert record.error
    shop.upload("after", "After")
    assert shop.live() == {"before": "Before", "after": "After"}
    assert shop.table_ids() == {"before", "after"}
    assert shop.noted() == []
    assert [r.error for r in shop.collection.rejects.list()] == ["InvalidFeed"]


def test_uploads_beside_a_large_feed(shop: Shop) -> None:
    """At every version that was ever live all of the feed is there, but for what is newer, or nothing."""
    shop.upload("p0", "Old 0")
    shop.upload("p1", "Old 1")
    shop.next_second()
    uri = shop.put_feed("Feed")
    shop.next_second()
    expected = {f"p{n}": f"Feed {n}" for n in range(ROWS)}
    states = shop.published()
    records: list[RunRecord] = []
    feed = threading.Thread(target=lambda: records.append(shop.index(uri)))
    feed.start()
    beside = 0
    for number in count():
        under_way = feed.is_alive() and bool(shop.noted())
        if number % 3 == 0:
            shop.upload(f"x{number}", f"Other {number}")
            expected[f"x{number}"] = f"Other {number}"
        elif number % 3 == 1:
            shop.upload(f"p{number}", f"Newer {number}")
            expected[f"p{number}"] = f"Newer {number}"
        else:
            shop.remove(f"p{number}")
            expected.pop(f"p{number}", None)
        states += shop.published()
        beside += under_way
        if not feed.is_alive():
            break
    feed.join()
    states += shop.published()
    (record,) = records
    assert (record.status, record.read, record.refused) == ("done", ROWS, "")
    assert beside >= 3, "uploads while a part of the feed was staged"
    of_feed = [sum(title.startswith("Feed ") for title in state.values()) for state in states]
    least = ROWS - len(states)
    assert [parts for parts in of_feed if 0 < parts < least] == []
    assert of_feed[0] == 0
    assert of_feed[-1] >= least
    assert states[-1] == shop.live() == expected
