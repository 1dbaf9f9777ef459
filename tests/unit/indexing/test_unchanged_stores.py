"""Unchanged uploads from real places: S3 over its wire, folders, media inside a feed; and what is spoken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.indexing import Indexer, execute_file
from mmpipe.lake import Collection, open_lake
from mmpipe.objects import FolderStore, ObjectStat, ObjectStore, S3Store
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent, ObjectRef
from mmpipe.settings import Settings, StorageSettings
from tests.unit.indexing.bucket import order_of, png
from tests.unit.indexing.conftest import Shop
from tests.unit.indexing.test_transcripts import OTHER, SPOKEN, Revised
from tests.unit.indexing.test_transcripts import ear as ear
from tests.unit.indexing.test_transcripts import talking as talking

RED, BLUE, GREEN = (png(colour) for colour in ((220, 30, 30), (30, 30, 220), (30, 200, 30)))
# Photos besides those that change: so few that each is asked about, so many that their folder is listed.
OTHERS = (0, 40)


class Counting:
    """A store that counts the media it gives."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.reads: Counter[str] = Counter()

    def stat(self, uri: str, *, version_id: str | None = None) -> ObjectStat:
        return self._store.stat(uri, version_id=version_id)

    def read(self, uri: str, *, max_bytes: int, version_id: str | None = None) -> tuple[bytes, ObjectStat]:
        found = self._store.read(uri, max_bytes=max_bytes, version_id=version_id)
        self.reads[uri.rsplit("/", 1)[-1]] += 1
        return found

    def open(self, uri: str, *, version_id: str | None = None) -> tuple[BinaryIO, ObjectStat]:
        return self._store.open(uri, version_id=version_id)

    def list(self, prefix_uri: str, *, start_after: str | None = None) -> Iterator[ObjectStat]:
        return self._store.list(prefix_uri, start_after=start_after)

    def write(
        self, uri: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> ObjectStat:
        return self._store.write(uri, data, if_match=if_match, if_none_match=if_none_match)

    def delete(self, uri: str) -> None:
        self._store.delete(uri)


class Place:
    """A shop whose uploads lie in a real store."""

    def __init__(self, store: ObjectStore, root: str, settings: Settings) -> None:
        self.store = Counting(store)
        self.root = root
        self.loaded: LoadedEncoders = registry.load("fake")
        lake = open_lake(settings)
        self.collection: Collection = lake.collection("demo", create=True)
        self.indexer = Indexer(settings, lake, self.loaded, lambda _uri: self.store, maintain=False)

    def put(self, key: str, data: bytes) -> str:
        uri = f"{self.root}/demo/{key}"
        self.store.write(uri, data)
        return uri

    def feed(self, name: str, photos: list[str]) -> tuple[int, int]:
        """Upload a feed of products with these photos; how many rows were indexed and unchanged."""
        rows = [{"id": p[0], "title": f"Dress {p}", "image_link": f"media/{p}"} for p in photos]
        uri = self.put(f"feeds/{name}.jsonl", "\n".join(map(json.dumps, rows)).encode())
        ref = ObjectRef(uri=uri, etag=self.store.stat(uri).etag, event_time=datetime.now(UTC))
        event = CatalogueEvent(kind="feed_uploaded", collection="demo", object=ref)
        (outcome,) = self.indexer.execute([order_of(event)])
        assert outcome.status == "done", outcome
        run = self.collection.runs.get(outcome.run_id)
        assert run is not None
        return run.indexed, run.unchanged

    def encoded(self) -> int:
        count: int = self.loaded.encoders["image"].documents  # type: ignore[attr-defined]
        return count


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Store]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        for others in OTHERS:
            client.create_bucket(Bucket=f"shop-{others}")
        yield S3Store(StorageSettings(endpoint_url=url))
    server.stop()


@pytest.fixture(params=["s3", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Iterator[Place]:
    if request.param == "s3":
        root = f"s3://shop-{request.getfixturevalue('others')}"
        made = Place(request.getfixturevalue("s3"), root, settings)
    else:
        made = Place(FolderStore(tmp_path), f"file://{tmp_path}/shop", settings)
    yield made
    made.indexer.close()


@pytest.mark.parametrize("others", OTHERS)
def test_media_are_asked_about_in_their_store_and_not_read(place: Place, others: int) -> None:
    names = ["a.png", "b c.png", "d%20é.png", *(f"{chr(0x4E00 + n)}.png" for n in range(others))]
    for name in names:
        place.put(f"media/{name}", RED)
    photos = [*names, "z missing.png"]
    place.feed("one", photos)
    place.store.reads.clear()
    before, version = place.encoded(), place.collection.live()
    assert place.feed("two", photos) == (0, len(photos))
    assert (place.store.reads, place.encoded(), place.collection.live()) == ({}, before, version)
    assert len(BLUE) == len(GREEN)
    place.put("media/b c.png", BLUE)
    assert place.feed("three", photos) == (1, len(photos) - 1)
    place.put("media/b c.png", GREEN)
    place.put("media/z missing.png", RED)
    place.store.delete(f"{place.root}/demo/media/a.png")
    assert place.feed("four", photos) == (3, len(photos) - 3)
    assert place.store.reads == {"b c.png": 2, "z missing.png": 1}
    assert place.encoded() == before + 3
    assert place.feed("five", photos) == (0, len(photos))


def parquet(folder: Path, images: list[bytes | None], price: str = "1 USD") -> Path:
    columns = {
        "id": ["a", "b", "c"],
        "title": ["A", "B", "C"],
        "price": [price] * 3,
        "image": pa.array(images, pa.binary()),
    }
    pq.write_table(pa.table(columns), folder / "feed.parquet")
    return folder / "feed.parquet"


def said(run: RunRecord) -> tuple[int, int, dict[str, int]]:
    return run.indexed, run.unchanged, run.encoded


def test_media_inside_a_feed_are_compared_by_their_bytes(settings: Settings, tmp_path: Path) -> None:
    assert said(execute_file(settings, parquet(tmp_path, [RED, BLUE, None]), "demo"))[0] == 3
    collection = open_lake(settings).collection("demo")
    version = collection.live()
    run = execute_file(settings, parquet(tmp_path, [RED, BLUE, None]), "demo")
    assert said(run) == (0, 3, {})
    assert run.pictures == {"found": 2, "missing": 0, "none": 1}
    assert collection.live() == version
    run = execute_file(settings, parquet(tmp_path, [RED, BLUE, None], price="2 USD"), "demo")
    assert said(run) == (3, 0, {})
    run = execute_file(settings, parquet(tmp_path, [RED, GREEN, None], price="2 USD"), "demo")
    assert said(run) == (1, 2, {"image": 1})


def test_introductions_of_unchanged_products_are_not_heard_again(talking: Shop, ear: Revised) -> None:
    bucket = talking.bucket
    rows: list[dict[str, object]] = [{"id": "a", "title": "Bowl", "audio_link": "media/a.wav"}]
    bucket.put("media/a.wav", SPOKEN)
    talking.ok(bucket.put_feed("one", rows))
    bucket.reads.clear()
    bucket.tick()
    event = bucket.put_feed("two", rows)
    talking.ok(event)
    assert (list(bucket.reads), ear.calls) == ([event.object.uri], 1)
    assert talking.row("a")["transcript"] == "Handmade in Kyoto"
    bucket.put("media/a.wav", OTHER)
    bucket.tick()
    talking.ok(bucket.put_feed("three", rows))
    assert (talking.row("a")["transcript"], ear.calls) == ("Woven by hand", 2)
