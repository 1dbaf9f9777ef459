"""The log of interactions, in a folder and over S3's wire protocol alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.lake import Collection, Lake, open_lake
from mmpipe.lake.interactions import InteractionLog
from mmpipe.local.atomic_puts import make_puts_atomic
from mmpipe.settings import InteractionSettings, LakeSettings, Settings, StorageSettings
from tests.unit.lake.interactions.logs import append, event, ids, merge

BUCKET = "interactions-contract"
USER = "0a" * 16


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    make_puts_atomic()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        url = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield url
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "folder":
        return Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))
    name = request.node.name.replace("[", "-").replace("]", "")
    return Settings(
        storage=StorageSettings(endpoint_url=request.getfixturevalue("endpoint")),
        lake=LakeSettings(uri=f"s3://{BUCKET}/{name}"),
    )


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return open_lake(settings)


@pytest.fixture
def collection(lake: Lake) -> Collection:
    return lake.collection("shop", create=True)


@pytest.fixture
def log(collection: Collection) -> InteractionLog:
    return collection.interactions


def objects(log: InteractionLog) -> list[bytes]:
    """Every object of the collection's folder."""
    store, root = log.folder.store, log.uri.rsplit("/", 1)[0]
    return [store.read(stat.uri, max_bytes=1 << 30)[0] for stat in store.list(f"{root}/")]


def test_appended_scanned_followed_merged(log: InteractionLog) -> None:
    append(log, event("a"), event("b"))
    _, position = log.tail()
    append(log, event("c"), event("a"))
    assert ids(log.to_table()) == ["a", "b", "c"]
    tables, position = log.tail(position)
    assert ids(tables) == ["c", "a"]
    merge(log)
    assert len(log.segments()) == 1
    assert sorted(ids(log.to_table())) == ["a", "b", "c"]
    assert set(ids(log.tail(position)[0])) <= {"a", "b", "c"}


def test_another_process_sees_it_at_once(log: InteractionLog, settings: Settings) -> None:
    other = open_lake(settings).collection("shop", create=True).interactions
    _, position = other.tail()
    append(log, event("a"))
    assert ids(other.tail(position)[0]) == ["a"]
    log.erase([event("a")["user"]])
    assert other.count() == 0
    assert set(other.tail(position)[1].erased) == {"u1"}


def test_erased_from_every_object(log: InteractionLog) -> None:
    append(log, event("mine-1", USER, "0b" * 16), event("other"))
    append(log, event("mine-2", None, "0b" * 16))
    merge(log)
    append(log, event("mine-3", USER))
    proof = log.erase([USER])
    assert proof.events == 3
    assert ids(log.to_table()) == ["other"]
    merge(log)
    for held in objects(log):
        assert b"mine" not in held
        assert USER.encode() not in held or b'"erasure"' in held


def test_days_expire(log: InteractionLog) -> None:
    append(log, event("old"), now=datetime.now(UTC) - timedelta(days=400))
    append(log, event("new"))
    assert log.expire(365) == 1
    assert [segment.day for segment in log.segments()] == [f"{datetime.now(UTC):%Y-%m-%d}"]


def test_one_key_for_all_made_once_and_no_collection(lake: Lake, settings: Settings) -> None:
    first = lake.pseudonyms.user("shop", "u")
    assert first == open_lake(settings).pseudonyms.user("shop", "u")
    assert len(first) == 32
    others = {
        lake.pseudonyms.user("other", "u"),
        lake.pseudonyms.session("shop", "u"),
        lake.pseudonyms.user("shop", "u2"),
    }
    assert len(others | {first}) == 4
    assert lake.collections() == []
    given = settings.model_copy(update={"interactions": InteractionSettings(key="k" * 32)})  # type: ignore[arg-type]
    assert open_lake(given).pseudonyms.user("shop", "u") != first
    assert "k" * 32 not in repr(given)
