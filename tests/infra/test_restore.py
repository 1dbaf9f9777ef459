"""infra/restore.py: which versions it brings back, and a damaged lake on a versioned bucket."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.encoders.registry import load
from mmpipe.errors import StorageUnavailable
from mmpipe.indexing import execute_file
from mmpipe.lake import Collection, open_lake
from mmpipe.objects import S3Store
from mmpipe.settings import IndexingSettings, LakeSettings, Settings, StorageSettings

sys.path.insert(0, str(Path(__file__).parents[2] / "infra"))

import restore

BUCKET = "lake"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def version(
    key: str, second: int, *, latest: bool = False, marker: bool = False, etag: str = ""
) -> restore.Version:
    moment = START + timedelta(seconds=second)
    return restore.Version(key, f"{key}@{second}", moment, latest, marker, etag or f"e{second}", 1)


def planned(
    *versions: restore.Version, second: int = 10, deleted_only: bool = False
) -> list[tuple[str, str]]:
    steps = restore.plan(versions, START + timedelta(seconds=second), deleted_only=deleted_only)
    return [(step.version.version_id, step.why) for step in steps]


def test_what_did_not_change_is_left_alone() -> None:
    assert planned(version("a", 5, latest=True)) == []


def test_what_was_created_since_stays() -> None:
    assert planned(version("a", 11, latest=True)) == []


def test_a_deleted_object_comes_back() -> None:
    assert planned(version("a", 12, latest=True, marker=True), version("a", 5)) == [("a@5", "deleted")]


def test_an_overwritten_object_gets_its_content_back() -> None:
    versions = (version("a", 20, latest=True), version("a", 12), version("a", 9), version("a", 5))
    assert planned(*versions) == [("a@9", "overwritten")]
    assert planned(*versions, deleted_only=True) == []


def test_the_same_content_again_needs_nothing() -> None:
    assert planned(version("a", 20, latest=True, etag="same"), version("a", 9, etag="same")) == []


def test_what_was_deleted_by_then_stays_deleted() -> None:
    now, marker = version("a", 20, latest=True), version("a", 8, marker=True)
    assert planned(now, marker, version("a", 5)) == []


def test_the_second_itself_counts() -> None:
    assert planned(version("a", 20, latest=True), version("a", 10), second=10) == [("a@10", "overwritten")]


@dataclass
class Clock:
    """What moto takes for the time: objects are dated by it, so that no test has to wait for a second."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.now.replace(tzinfo=None)

    def tick(self) -> datetime:
        """One minute later; gives the moment before."""
        before = self.now
        self.now += timedelta(minutes=1)
        return before


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    held = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.s3.models.utcnow", held)
        yield held


@pytest.fixture(scope="module")
def settings(clock: Clock) -> Iterator[Settings]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": url,
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "HTTP_PROXY", "http_proxy"):
            patch.delenv(name, raising=False)
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket="unversioned")
        yield Settings(
            storage=StorageSettings(endpoint_url=url),
            lake=LakeSettings(uri=f"s3://{BUCKET}/lake"),
            indexing=IndexingSettings(profile="fake"),
        )
    server.stop()


@dataclass
class Shop:
    """A collection with two published versions, on a bucket that keeps what is overwritten."""

    settings: Settings
    name: str
    s3: Any
    whole: datetime

    @property
    def collection(self) -> Collection:
        # Opened anew: what one process holds in memory must not hide what storage has lost.
        return open_lake(self.settings).collection(self.name)

    @property
    def prefix(self) -> str:
        return f"lake/{self.name}/"

    def titles(self) -> dict[str, str]:
        """Id to title of what readers see."""
        collection = self.collection
        live = collection.live()
        assert live is not None
        rows = collection.table(live.table).at(live.version).to_table(columns=["id", "title"]).to_pylist()
        return {row["id"]: row["title"] for row in rows}

    def stored(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=self.prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def restore(self, what: str, *options: str) -> int:
        return restore.main([f"s3://{BUCKET}/{what}", "--at", self.whole.isoformat(), *options])


@pytest.fixture
def shop(settings: Settings, clock: Clock, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    name = request.node.name.replace("_", "-")[:40]
    loaded = load("fake")
    for word in ("Red", "Blue"):
        feed = tmp_path / f"{word}.csv"
        feed.write_text("id,title\n" + "".join(f"p{n},{word} shoe {n}\n" for n in range(8)))
        record = execute_file(settings, str(feed), name, loaded=loaded)
        assert record.status == "done", record.error
        clock.tick()
    made = Shop(settings, name, boto3.client("s3"), clock.tick())
    assert made.titles() == {f"p{n}": f"Blue shoe {n}" for n in range(8)}
    return made


def test_a_deleted_live_file(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.s3.delete_object(Bucket=BUCKET, Key=f"{shop.prefix}live.json")
    assert shop.collection.live() is None
    assert shop.restore(f"{shop.prefix}live.json") == 0
    assert "1 objects to restore; nothing was changed" in capsys.readouterr().out
    assert shop.collection.live() is None
    assert shop.restore(f"{shop.prefix}live.json", "--apply") == 0
    assert "1 objects restored" in capsys.readouterr().out
    assert shop.titles()["p3"] == "Blue shoe 3"


def test_an_overwritten_live_file(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.s3.put_object(Bucket=BUCKET, Key=f"{shop.prefix}live.json", Body=b"oops")
    with pytest.raises(StorageUnavailable, match="restore or remove it"):
        shop.collection.live()
    assert shop.restore(f"{shop.prefix}live.json", "--apply") == 0
    assert "overwritten" in capsys.readouterr().out
    assert shop.titles()["p3"] == "Blue shoe 3"


def test_a_whole_collection(shop: Shop, tmp_path: Path) -> None:
    before = shop.stored()
    store = S3Store(shop.settings.storage)
    held = {key: store.read(f"s3://{BUCKET}/{key}", max_bytes=10_000_000)[0] for key in before}
    for key in before:
        shop.s3.delete_object(Bucket=BUCKET, Key=key)
    assert shop.stored() == []
    assert shop.restore(shop.prefix, "--apply") == 0
    assert shop.stored() == before
    for key in before:
        assert store.read(f"s3://{BUCKET}/{key}", max_bytes=10_000_000)[0] == held[key], key
    # Not only readable: it goes on from there.
    feed = tmp_path / "more.csv"
    feed.write_text("id,title\nnew,Green hat\n")
    assert execute_file(shop.settings, str(feed), shop.name, loaded=load("fake")).status == "done"
    assert shop.titles()["new"] == "Green hat"
    assert shop.collection.rollback().rows == 8
    assert "new" not in shop.titles()


def test_data_files_of_a_live_version(shop: Shop) -> None:
    lost = [key for key in shop.stored() if "/data/" in key and "products_" in key]
    assert lost
    for key in lost:
        shop.s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises((OSError, ValueError, RuntimeError)):
        shop.titles()
    assert shop.restore(shop.prefix, "--deleted-only", "--apply") == 0
    assert shop.titles()["p3"] == "Blue shoe 3"


def test_a_lance_version_of_before(shop: Shop) -> None:
    """Bad data and no lost object: the versions that Lance itself keeps are enough."""
    newest, older = shop.collection.history()[:2]
    assert shop.collection.promote(older.table, older.version).version == older.version
    assert shop.titles()["p3"] == "Red shoe 3"
    assert shop.collection.promote(newest.table, newest.version).version == newest.version
    assert shop.titles()["p3"] == "Blue shoe 3"


def test_a_backup_taken_while_uploads_go_on(shop: Shop, tmp_path: Path) -> None:
    """As docs/deploy.md says: first live.json, then all the rest; between the two somebody uploads."""
    backup = f"backup-{shop.name[:20].strip('-')}"
    shop.s3.create_bucket(Bucket=backup)

    def copy(*, live: bool) -> None:
        for key in shop.stored():
            if key.endswith("/live.json") == live:
                shop.s3.copy({"Bucket": BUCKET, "Key": key}, backup, key)

    copy(live=True)
    feed = tmp_path / "between.csv"
    feed.write_text("id,title\n" + "".join(f"p{n},Green hat {n}\n" for n in range(8)))
    assert execute_file(shop.settings, str(feed), shop.name, loaded=load("fake")).status == "done"
    copy(live=False)
    elsewhere = shop.settings.model_copy(update={"lake": LakeSettings(uri=f"s3://{backup}/lake")})
    held = Shop(elsewhere, shop.name, shop.s3, shop.whole)
    assert shop.titles()["p3"] == "Green hat 3"
    assert held.titles() == {f"p{n}": f"Blue shoe {n}" for n in range(8)}
    # It is a lake of its own: it goes back, and on.
    assert held.collection.rollback().rows == 8
    assert held.titles()["p3"] == "Red shoe 3"


@pytest.mark.parametrize(
    ("address", "at", "said"),
    [
        ("s3://lake", "2026-01-01T00:00:00Z", "never a whole bucket"),
        ("lake/shop", "2026-01-01T00:00:00Z", "never a whole bucket"),
        ("s3://lake/x", "yesterday", "give a moment"),
        ("s3://lake/x", "2026-01-01T00:00:00", "time zone"),
        ("s3://lake/x", "2999-01-01T00:00:00Z", "yet to come"),
        ("s3://unversioned/x", "2026-01-01T00:00:00Z", "keeps no versions"),
        ("s3://no-such-bucket/x", "2026-01-01T00:00:00Z", "NoSuchBucket"),
    ],
)
def test_what_cannot_be_restored_is_said(
    address: str, at: str, said: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore.main([address, "--at", at]) == 1
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
