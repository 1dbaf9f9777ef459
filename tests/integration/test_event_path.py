"""Uploads to table rows through everything but Ray: S3 and SQS over the wire, the pump, the real handler, the
real indexer with the fake profile."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handlers.catalogue_uploaded import build_handler
from mmpipe.dispatch import InProcessDispatcher
from mmpipe.dispatch.depths import queue_depths
from mmpipe.dispatch.redelivery import Redelivery
from mmpipe.encoders.registry import LoadedEncoders, load
from mmpipe.errors import StorageUnavailable
from mmpipe.events.layout import Place
from mmpipe.indexing import Indexer
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake import Collection, Lake, open_lake
from mmpipe.local.cloud import LAKE_BUCKET, UPLOADS_BUCKET, LocalCloud, client_environment
from mmpipe.local.pump import EventPump
from mmpipe.objects import S3Store
from mmpipe.schemas.work import Section
from mmpipe.serve.operations.dead_letters import GivenUp
from mmpipe.serve.operations.progress import Progress, id_of
from mmpipe.serve.operations.uploads import Receiver
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, StorageSettings

_names = count()


@dataclass
class World:
    """A shop of its own in the shared cloud."""

    cloud: LocalCloud
    s3: Any
    sqs: Any
    lake: Lake
    loaded: LoadedEncoders
    pump: EventPump
    shop: str

    def put(self, key: str, body: bytes | dict[str, Any]) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.s3.put_object(Bucket=UPLOADS_BUCKET, Key=f"{self.shop}/{key}", Body=data)

    def remove(self, key: str) -> None:
        self.s3.delete_object(Bucket=UPLOADS_BUCKET, Key=f"{self.shop}/{key}")

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.cloud.queue_url, MessageBody=body)

    def settle(self) -> None:
        assert self.pump.wait_drained(200), "the queue did not drain"

    @property
    def collection(self) -> Collection:
        return self.lake.collection(self.shop)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Every row of the products table, deleted ones included, by id."""
        table = self.collection.products(self.loaded.profile).latest().to_table()
        return {row["id"]: row for row in table.to_pylist()}

    def alive(self) -> set[str]:
        return {name for name, row in self.rows().items() if not row["deleted"]}

    def dead_letters(self) -> list[str]:
        found = self.sqs.receive_message(QueueUrl=self.cloud.dead_letters_url, MaxNumberOfMessages=10)
        for message in found.get("Messages", []):
            self.sqs.delete_message(
                QueueUrl=self.cloud.dead_letters_url, ReceiptHandle=message["ReceiptHandle"]
            )
        return [message["Body"] for message in found.get("Messages", [])]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    started = LocalCloud(tmp_path_factory.mktemp("cloud"), "test", max_receives=3)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client_environment().items():
            patch.setenv(name, value)
        started.start()
        yield started
        started.stop()


@pytest.fixture(scope="module")
def make_world(cloud: LocalCloud) -> Iterator[Callable[[], World]]:
    settings = Settings(
        storage=StorageSettings(endpoint_url=cloud.url),
        lake=LakeSettings(uri=f"s3://{LAKE_BUCKET}/lake"),
        indexing=IndexingSettings(profile="fake"),
    )
    lake, loaded = open_lake(settings), load("fake")
    indexer = Indexer(settings, lake, loaded, stores(settings), maintain=False)
    redelivery = Redelivery(cloud.queue_url, client=cloud.sqs, pause=lambda receives: 0)
    handler = build_handler(settings.indexing, InProcessDispatcher(indexer.execute), redelivery)
    pump = EventPump(cloud.sqs, cloud.queue_url, handler)
    pump.start()
    s3, sqs = cloud.s3(), cloud.sqs()
    yield lambda: World(cloud, s3, sqs, lake, loaded, pump, f"shop{next(_names)}")
    pump.stop()
    indexer.close()


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()


def product(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "title": f"Product {name}", "price": "9.90 USD", **fields}


def photo(red: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (32, 32), (red, 40, 80)).save(data, "PNG")
    return data.getvalue()


def test_a_product_is_uploaded_replaced_and_removed(world: World) -> None:
    world.put("products/a.json", product("a"))
    world.settle()
    assert world.rows()["a"]["title"] == "Product a"
    live = world.collection.live()
    assert live is not None
    assert live.rows == 1
    world.put("products/a.json", product("a", title="Renamed", price="5.00 USD"))
    world.settle()
    assert world.rows()["a"]["title"] == "Renamed"
    world.put("products/b.json", product("b"))
    world.settle()
    world.remove("products/a.json")
    world.settle()
    assert world.alive() == {"b"}
    runs = world.collection.runs.list()
    assert sorted(run.kind for run in runs) == ["product_removed", *["product_uploaded"] * 3]
    assert {run.status for run in runs} == {"done"}


def test_the_same_content_again_after_another_wins(world: World) -> None:
    # The local store sends no sequencer, so the third event has the ETag of the first.
    for title in ("One", "Two", "One"):
        world.put("products/a.json", product("a", title=title))
        world.settle()
    assert world.rows()["a"]["title"] == "One"


def test_a_feed_with_relative_media_and_an_odd_key(world: World) -> None:
    world.put("media/春 季/photo+1.png", photo(10))
    rows = [product("a", image_link="media/春 季/photo+1.png"), product("b"), {"id": "c"}]
    world.put("feeds/春 季+a b%2B.jsonl", "\n".join(json.dumps(row) for row in rows).encode())
    world.settle()
    assert world.alive() == {"a", "b"}
    assert world.rows()["a"]["image_vector"] is not None
    assert world.rows()["b"]["image_vector"] is None
    (reject,) = world.collection.rejects.list()
    assert (reject.scope, reject.product_id, reject.field, reject.row) == ("row", "c", "title", 3)


def test_replaced_media_are_encoded_again_and_nothing_else_is(world: World) -> None:
    world.put("media/a.png", photo(10))
    world.put("products/a.json", product("a", image_link="media/a.png"))
    world.settle()
    before = world.rows()["a"]
    calls = {name: encoder.documents for name, encoder in world.loaded.encoders.items()}  # type: ignore[attr-defined]
    world.put("media/a.png", photo(200))
    world.settle()
    after = world.rows()["a"]
    assert after["image_hash"] != before["image_hash"]
    assert not np.allclose(after["image_vector"], before["image_vector"])
    assert not np.allclose(after["vector"], before["vector"])
    assert (after["source_order"], after["text_vector"]) == (before["source_order"], before["text_vector"])
    world.put("products/a.json", product("a", image_link="media/a.png", price="1.00 USD"))
    world.settle()
    assert world.rows()["a"]["price"] == pytest.approx(1.0)
    grown = {
        name: encoder.documents - calls[name]  # type: ignore[attr-defined]
        for name, encoder in world.loaded.encoders.items()
    }
    assert grown == {"text": 0, "image": 1, "audio": 0, "video": 0}


def test_media_that_arrive_after_their_product(world: World) -> None:
    world.put("products/a.json", product("a", image_link="media/late.png"))
    world.settle()
    assert world.rows()["a"]["image_vector"] is None
    assert [reject.error for reject in world.collection.rejects.list()] == ["MediaNotFound"]
    world.put("media/late.png", photo(1))
    world.settle()
    assert world.rows()["a"]["image_vector"] is not None
    assert world.collection.rejects.list() == []


def test_duplicates_and_stale_deletions_change_nothing(world: World) -> None:
    world.put("products/a.json", product("a"))
    world.settle()
    run = world.collection.runs.list()[0]
    live = world.collection.live()
    head = world.s3.head_object(Bucket=UPLOADS_BUCKET, Key=f"{world.shop}/products/a.json")
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectRemoved:Delete",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "s3": {
            "bucket": {"name": UPLOADS_BUCKET},
            "object": {"key": f"{world.shop}/products/a.json", "sequencer": "00"},
        },
    }
    for _ in range(3):
        world.send(json.dumps({"Records": [record]}))  # stale: the key exists again
    world.settle()
    assert world.alive() == {"a"}
    after = world.collection.live()
    assert live is not None
    assert after is not None
    assert (after.table, after.version) == (live.table, live.version)
    assert run.status == "done"
    assert head["ContentLength"] > 0


def test_a_message_delivered_twice_is_one_run(world: World) -> None:
    world.put("products/a.json", product("a"))
    world.settle()
    (first,) = world.collection.runs.list()
    upload = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "s3": {
            "bucket": {"name": UPLOADS_BUCKET},
            "object": {"key": f"{world.shop}/products/a.json", "size": 1, "eTag": "e", "sequencer": "0A"},
        },
    }
    for _ in range(4):
        world.send(json.dumps({"Records": [upload]}))
    world.settle()
    runs = world.collection.runs.list()
    assert len(runs) == 2
    assert first.run_id in {run.run_id for run in runs}
    assert world.collection.products(world.loaded.profile).latest().count_rows() == 1


def test_poison_ends_among_the_dead_letters_and_harms_nobody(world: World) -> None:
    world.send("this is no notification")
    world.put("products/a.json", product("a"))
    world.send('{"Records": [{"eventSource": "aws:s3"}]}')
    world.put("products/b.json", product("b"))
    world.settle()
    assert world.alive() == {"a", "b"}
    assert (
        sorted(world.dead_letters())
        == ["this is no notification", '{"Records": [{"eventSource": "aws:s3"}]}'][::1]
    )


def test_a_broken_product_file_is_a_reject_and_is_acknowledged(world: World) -> None:
    world.put("products/a.json", b"{ not json")
    world.put("products/b.json", product("b"))
    world.settle()
    assert world.alive() == {"b"}
    (reject,) = world.collection.rejects.list()
    assert re.search("(?i)json", reject.reason)
    assert world.dead_letters() == []


class Versions:
    """A bucket with versions, whose events we send: the local store sends none for versions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = f"versions-{world.shop}"
        world.s3.create_bucket(Bucket=self.name)
        world.s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def tell(self, event: str, key: str, version: str) -> None:
        record = {
            "eventSource": "aws:s3",
            "eventName": event,
            "eventTime": datetime.now(UTC).isoformat(),
            "s3": {"bucket": {"name": self.name}, "object": {"key": key, "versionId": version, "size": 9}},
        }
        self.world.send(json.dumps({"Records": [record]}))
        self.world.settle()

    def put(self, key: str, *rows: dict[str, Any]) -> str:
        key = f"{self.world.shop}/{key}"
        body = "\n".join(json.dumps(row) for row in rows).encode()
        version = self.world.s3.put_object(Bucket=self.name, Key=key, Body=body)["VersionId"]
        self.tell("ObjectCreated:Put", key, version)
        return str(version)

    def remove(self, key: str, version: str | None = None) -> str:
        key = f"{self.world.shop}/{key}"
        which = {} if version is None else {"VersionId": version}
        answer = self.world.s3.delete_object(Bucket=self.name, Key=key, **which)
        kind = "DeleteMarkerCreated" if version is None else "Delete"
        self.tell(f"ObjectRemoved:{kind}", key, answer["VersionId"])
        return str(answer["VersionId"])


def test_a_bucket_with_versions_is_followed_to_and_fro(world: World) -> None:
    bucket = Versions(world)
    bucket.put("products/a.json", product("a"))
    wrong = bucket.put("products/a.json", product("a", title="Wrong"))
    assert world.rows()["a"]["title"] == "Wrong"
    bucket.remove("products/a.json", wrong)
    assert world.rows()["a"]["title"] == "Product a"
    marker = bucket.remove("products/a.json")
    assert world.alive() == set()
    bucket.remove("products/a.json", marker)
    assert world.alive() == {"a"}
    assert world.rows()["a"]["title"] == "Product a"

    bucket.put("feeds/all.jsonl", product("b"), product("c"))
    wrong = bucket.put("feeds/all.jsonl", product("b", title="Wrong"), {"id": "c", "_op": "delete"})
    assert (world.alive(), world.rows()["b"]["title"]) == ({"a", "b"}, "Wrong")
    bucket.remove("feeds/all.jsonl", wrong)
    assert (world.alive(), world.rows()["b"]["title"]) == ({"a", "b", "c"}, "Product b")
    kinds = {run.kind for run in world.collection.runs.list() if run.version_id == wrong}
    assert kinds == {"feed_uploaded", "feed_removed"}
    assert world.dead_letters() == []


def test_a_store_that_is_away_loses_no_removal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("products/a.json", product("a"))
    world.settle()
    failures = []

    def away(self: S3Store, uri: str, **options: Any) -> Any:
        if len(failures) < 2:
            failures.append(uri)
            raise StorageUnavailable(f"{uri}: the store is away")
        return read(self, uri, **options)

    read = S3Store.read
    monkeypatch.setattr(S3Store, "read", away)
    world.remove("products/a.json")
    world.settle()
    assert len(failures) == 2
    assert world.alive() == set()
    assert world.dead_letters() == []


def test_what_is_uploaded_over_http_is_followed_by_its_events(make_world: Callable[[], World]) -> None:
    world = make_world()
    bucket, storage = f"s3://{UPLOADS_BUCKET}", StorageSettings(endpoint_url=world.cloud.url)
    settings = Settings(
        storage=storage, indexing=IndexingSettings(uploads_uri=bucket), serve=ServeSettings(uploads=True)
    )
    receiver = Receiver(settings)
    progress = Progress(bucket, storage, GivenUp(settings, lambda: True))

    def upload(section: Section, name: str, data: bytes) -> str:
        async def body() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 500_000):
                yield data[start : start + 500_000]

        found = asyncio.run(receiver.receive(receiver.place(world.shop, section, name), body()))
        return id_of(Place(world.shop, section, name), found.etag)

    row = {"id": "u1", "title": "Umbrella", "price": "5.00 USD", "image_link": "media/rain 雨+1.png"}
    feed = upload("feeds", "目录 a+b.jsonl", json.dumps(row).encode())
    world.settle()
    told = progress.of(world.shop, world.collection, feed)
    assert (told.state, told.indexed, told.rejected) == ("live", 1, 0)
    assert told.pictures["missing"] == 1, "its photo is not there yet"
    # Stored in parts: the ETag of the whole is the one that its event names.
    picture = upload("media", "rain 雨+1.png", photo(9) + b"\0" * 9_000_000)
    world.settle()
    told = progress.of(world.shop, world.collection, picture)
    assert (told.state, told.indexed) == ("live", 1), "the product has its photo"
    assert [each.id for each in progress.listed(world.collection, 10)] == [picture, feed]
    assert queue_depths(world.sqs, world.cloud.queue_url, world.cloud.dead_letters_url).waiting == 0
