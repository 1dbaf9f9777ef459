"""What every object store must do, held against each adapter; S3 over the real wire protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mmpipe.errors import CommitConflict, ObjectNotFound, StorageUnavailable
from mmpipe.local.atomic_puts import make_puts_atomic
from mmpipe.objects import (
    FolderStore,
    InvalidAddress,
    MemoryStore,
    ObjectStat,
    ObjectStore,
    ObjectTooLarge,
    S3Store,
    join,
    open_store,
    stat_many,
)
from mmpipe.settings import StorageSettings

Place = tuple[ObjectStore, str]
BUCKET = "contract"


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
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.create_bucket(Bucket="versioned")
        client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
        yield url
    server.stop()


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        root = f"file://{tmp_path}/lake"
        return FolderStore(tmp_path / "lake"), root
    if request.param == "memory":
        return MemoryStore(), "memory://lake"
    url = request.getfixturevalue("endpoint")
    return S3Store(StorageSettings(endpoint_url=url)), f"s3://{BUCKET}/{request.node.name}"


def _alike(found: ObjectStat, written: ObjectStat) -> bool:
    """A write tells the time of its answer, which is the object's to within a second."""
    near = abs(found.last_modified - written.last_modified) < timedelta(seconds=2)
    return near and replace(found, last_modified=written.last_modified) == written


def test_is_an_object_store(place: Place) -> None:
    assert isinstance(place[0], ObjectStore)


@pytest.mark.parametrize("size", [0, 9, 20_000_000], ids=["nothing", "one-part", "three-parts"])
def test_what_is_written_in_parts_is_there_at_its_end(place: Place, size: int) -> None:
    store, root = place
    uri = join(root, "feeds/a b.csv")
    store.write(uri, b"before")
    data = (b"0123456789" * (size // 10 + 1))[:size]
    writer = store.writer(uri)
    for start in range(0, size, 3_000_000):
        writer.write(data[start : start + 3_000_000])
    assert store.read(uri, max_bytes=100)[0] == b"before"
    written = writer.close()
    writer.abort()
    read, found = store.read(uri, max_bytes=size)
    assert read == data
    assert (written.uri, written.size) == (uri, size)
    assert _alike(found, written)


@pytest.mark.parametrize("size", [9, 20_000_000])
def test_what_is_not_ended_was_never_there(place: Place, size: int) -> None:
    store, root = place
    uri = join(root, "feeds/given up.csv")
    writer = store.writer(uri)
    writer.write(b"x" * size)
    writer.abort()
    writer.abort()
    with pytest.raises(ObjectNotFound):
        store.stat(uri)
    assert list(store.list(join(root, "feeds/"))) == []


def test_what_is_written_is_read(place: Place) -> None:
    store, root = place
    uri = join(root, "产品/a b+c%20#1.bin")
    written = store.write(uri, b"\x00\xffpayload")
    data, found = store.read(uri, max_bytes=100)
    assert data == b"\x00\xffpayload"
    assert (found.uri, found.size, found.etag) == (uri, 9, written.etag)
    assert found == store.stat(uri)
    assert _alike(found, written)
    assert found.last_modified.tzinfo is written.last_modified.tzinfo is UTC
    assert abs(found.last_modified - datetime.now(UTC)) < timedelta(seconds=60)
    assert '"' not in found.etag


def test_what_is_unchanged_is_not_read_again(place: Place) -> None:
    store, root = place
    uri = join(root, "live.json")
    with pytest.raises(ObjectNotFound):
        store.read_changed(uri, etag="0123", max_bytes=10)
    first = store.write(uri, b"one")
    assert store.read_changed(uri, etag=first.etag, max_bytes=10) is None
    second = store.write(uri, b"other")
    changed = store.read_changed(uri, etag=first.etag, max_bytes=10)
    assert changed is not None
    assert (changed[0], changed[1].etag, changed[1].size) == (b"other", second.etag, 5)
    with pytest.raises(ObjectTooLarge):
        store.read_changed(uri, etag=first.etag, max_bytes=4)
    store.delete(uri)
    with pytest.raises(ObjectNotFound):
        store.read_changed(uri, etag=second.etag, max_bytes=10)


def test_an_empty_object_is_an_object(place: Place) -> None:
    store, root = place
    uri = join(root, "empty")
    store.write(uri, b"")
    assert store.read(uri, max_bytes=0)[0] == b""
    stream, found = store.open(uri)
    with stream:
        assert stream.read() == b""
    assert found.size == 0


def test_a_stream_gives_the_object_in_parts(place: Place) -> None:
    store, root = place
    uri = join(root, "big")
    payload = bytes(range(256)) * 12_000
    store.write(uri, payload)
    stream, found = store.open(uri)
    with stream:
        head = stream.read(10)
        rest = b"".join(iter(lambda: stream.read(100_000), b""))
    assert head + rest == payload
    assert found.size == len(payload)


def test_an_open_stream_keeps_its_version(place: Place) -> None:
    store, root = place
    uri = join(root, "feed")
    store.write(uri, b"old" * 10)
    stream, _ = store.open(uri)
    store.write(uri, b"new" * 10)
    with stream:
        assert stream.read() == b"old" * 10


def test_nothing_there(place: Place) -> None:
    store, root = place
    uri = join(root, "missing")
    with pytest.raises(ObjectNotFound, match="missing"):
        store.stat(uri)
    with pytest.raises(ObjectNotFound):
        store.read(uri, max_bytes=10)
    with pytest.raises(ObjectNotFound):
        store.open(uri)
    store.delete(uri)
    assert list(store.list(root + "/")) == []


def test_a_larger_object_is_refused(place: Place) -> None:
    store, root = place
    uri = join(root, "large")
    store.write(uri, b"x" * 101)
    with pytest.raises(ObjectTooLarge) as caught:
        store.read(uri, max_bytes=100)
    assert (caught.value.size, caught.value.max_bytes) == (101, 100)
    assert len(store.read(uri, max_bytes=101)[0]) == 101


def test_write_only_where_nothing_is(place: Place) -> None:
    store, root = place
    uri = join(root, "live.json")
    store.write(uri, b"1", if_none_match=True)
    with pytest.raises(CommitConflict):
        store.write(uri, b"2", if_none_match=True)
    assert store.read(uri, max_bytes=10)[0] == b"1"


def test_write_only_over_the_version_read(place: Place) -> None:
    store, root = place
    uri = join(root, "live.json")
    with pytest.raises(CommitConflict):
        store.write(uri, b"0", if_match="0123")
    first = store.write(uri, b"1")
    second = store.write(uri, b"2", if_match=first.etag)
    assert second.etag != first.etag
    with pytest.raises(CommitConflict):
        store.write(uri, b"3", if_match=first.etag)
    assert store.read(uri, max_bytes=10)[0] == b"2"
    store.delete(uri)
    with pytest.raises(CommitConflict):
        store.write(uri, b"4", if_match=second.etag)


def test_of_many_conditional_writers_one_wins(place: Place) -> None:
    store, root = place
    uri = join(root, "race")
    etag = store.write(uri, b"start").etag
    barrier = threading.Barrier(6)

    def attempt(number: int) -> bool:
        barrier.wait()
        try:
            store.write(uri, f"winner {number}".encode(), if_match=etag)
        except CommitConflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        wins = list(pool.map(attempt, range(6)))
    assert wins.count(True) == 1
    assert store.read(uri, max_bytes=100)[0] == f"winner {wins.index(True)}".encode()


def test_of_many_creators_one_wins(place: Place) -> None:
    store, root = place
    uri = join(root, "created")
    barrier = threading.Barrier(6)

    def attempt(number: int) -> bool:
        barrier.wait()
        try:
            store.write(uri, str(number).encode(), if_none_match=True)
        except CommitConflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(attempt, range(6))).count(True) == 1


def test_listing_is_by_prefix_and_sorted(place: Place) -> None:
    store, root = place
    keys = ["a/2", "a/10", "a.txt", "ab/x", "b/y/z", "a/é", "a"[:1] + "0"]
    for key in keys:
        store.write(join(root, key), key.encode())

    def listed(prefix: str) -> list[str]:
        return [found.uri[len(root) + 1 :] for found in store.list(f"{root}/{prefix}")]

    assert listed("") == sorted(keys, key=str.encode)
    assert listed("a/") == ["a/10", "a/2", "a/é"]
    assert listed("a") == ["a.txt", "a/10", "a/2", "a/é", "a0", "ab/x"]
    assert listed("b/y") == ["b/y/z"]
    assert listed("nothing/") == []
    assert next(iter(store.list(f"{root}/b/"))) == store.stat(f"{root}/b/y/z")


def test_a_listing_begins_after_an_address(place: Place) -> None:
    store, root = place
    keys = ["a", "a/b", "b c", "b+c", "b/é", "b/产", "c"]
    for key in keys:
        if key != "a" or not root.startswith("file://"):  # a folder's name, there
            store.write(join(root, key), b"x")

    def listed(prefix: str, after: str) -> list[str]:
        found = store.list(f"{root}/{prefix}", start_after=f"{root}/{after}")
        return [each.uri[len(root) + 1 :] for each in found]

    assert listed("", "a/b") == ["b c", "b+c", "b/é", "b/产", "c"]
    assert listed("", "b~") == ["c"]
    assert listed("b", "b/é") == ["b/产"]
    assert listed("b", "a") == ["b c", "b+c", "b/é", "b/产"]
    assert listed("b", "c") == []


@pytest.mark.parametrize("number", [3, 40])
def test_many_are_looked_up_as_each_is(place: Place, number: int) -> None:
    store, root = place
    names = [f"m/{n} 图%20+~.jpg" for n in range(number)]
    written = [store.write(join(root, name), name.encode()) for name in names]
    absent = [join(root, f"m/{n} 图.jpg") for n in range(number)]
    found = stat_many([*absent, *(each.uri for each in written)], lambda _uri: store)
    assert [found[uri] for uri in absent] == [None] * number
    for each in written:
        stat = found[each.uri]
        assert isinstance(stat, ObjectStat)
        assert (stat.etag, stat.size) == (each.etag, each.size)
        # A listing tells the time more precisely than the object itself does.
        assert abs(stat.last_modified - each.last_modified) < timedelta(seconds=2)


def test_delete_removes(place: Place) -> None:
    store, root = place
    uri = join(root, "gone")
    store.write(uri, b"x")
    store.delete(uri)
    store.delete(uri)
    with pytest.raises(ObjectNotFound):
        store.stat(uri)


@pytest.mark.parametrize("method", ["stat", "open", "delete"])
def test_a_foreign_address_is_refused(place: Place, method: str) -> None:
    call: Callable[[str], object] = getattr(place[0], method)
    with pytest.raises(InvalidAddress):
        call("not an address")
    with pytest.raises(InvalidAddress):
        call("\ud800")


# S3 alone: versions, and what its errors become.


def test_s3_reads_the_version_asked_for(endpoint: str) -> None:
    store = S3Store(StorageSettings(endpoint_url=endpoint))
    uri = "s3://versioned/k"
    first = store.write(uri, b"one")
    second = store.write(uri, b"three")
    assert first.version_id
    assert first.version_id != second.version_id
    assert store.read(uri, max_bytes=10, version_id=first.version_id)[0] == b"one"
    assert _alike(store.stat(uri, version_id=first.version_id), first)
    assert store.read(uri, max_bytes=10)[0] == b"three"
    with pytest.raises(ObjectNotFound):
        store.stat(uri, version_id="00000000-0000-0000-0000-000000000000")


def test_s3_unknown_bucket(endpoint: str) -> None:
    store = open_store("s3://no-such-bucket-here/x", StorageSettings(endpoint_url=endpoint))
    with pytest.raises(ObjectNotFound):
        store.read("s3://no-such-bucket-here/x", max_bytes=1)
    with pytest.raises(ObjectNotFound):
        store.write("s3://no-such-bucket-here/x", b"", if_none_match=True)


def test_s3_that_does_not_answer_is_unavailable(endpoint: str) -> None:
    store = S3Store(StorageSettings(endpoint_url="http://127.0.0.1:9", timeout_seconds=0.2))
    with pytest.raises(StorageUnavailable):
        store.stat("s3://contract/x")
