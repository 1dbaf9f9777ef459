"""What S3's misfortunes become, without a server."""

from __future__ import annotations

import io
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from mmpipe.errors import CommitConflict, MmpipeError, ObjectNotFound, PermanentError, StorageUnavailable
from mmpipe.objects import InvalidAddress, S3Store
from mmpipe.objects import s3 as s3_module
from mmpipe.settings import StorageSettings


class _Client:
    """Answers one object in pieces, breaking the connection as told; or raises."""

    def __init__(
        self, data: bytes = b"", break_after: tuple[int, ...] = (), error: Exception | None = None
    ) -> None:
        self.data = data
        self.breaks = list(break_after)
        self.error = error
        self.asked: list[dict[str, Any]] = []

    def get_object(self, **target: Any) -> dict[str, Any]:
        self.asked.append(target)
        if self.error:
            raise self.error
        start = int(target.get("Range", "bytes=0-")[6:-1])
        return {
            "Body": _Body(self.data[start:], self.breaks.pop(0) if self.breaks else None),
            "ContentLength": len(self.data) - start,
            "ETag": '"tag"',
            "LastModified": datetime(2024, 1, 1, tzinfo=UTC),
            "VersionId": "null",
        }

    head_object = put_object = get_object


class _Body(io.BytesIO):
    def __init__(self, data: bytes, break_after: int | None) -> None:
        super().__init__(data)
        self.left = break_after

    def read(self, size: int | None = -1, /) -> bytes:
        if self.left is None:
            return super().read(size)
        if self.left == 0:
            raise ReadTimeoutError(endpoint_url="http://store")
        chunk = super().read(min(self.left, size or self.left))
        self.left -= len(chunk)
        return chunk


@pytest.fixture
def store_with(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(client: _Client) -> S3Store:
        monkeypatch.setattr(s3_module, "client_for", lambda _settings: client)
        return S3Store(StorageSettings())

    return make


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NoSuchKey", 404, ObjectNotFound),
        ("404", 404, ObjectNotFound),
        ("NoSuchBucket", 404, ObjectNotFound),
        ("MethodNotAllowed", 405, ObjectNotFound),
        ("SlowDown", 503, StorageUnavailable),
        ("InternalError", 500, StorageUnavailable),
        ("RequestTimeout", 400, StorageUnavailable),
        ("ExpiredToken", 400, StorageUnavailable),
        ("AccessDenied", 403, StorageUnavailable),
        ("InvalidRequest", 400, PermanentError),
    ],
)
def test_each_answer_has_its_error(
    store_with: Any, code: str, status: int, expected: type[MmpipeError]
) -> None:
    response: Any = {
        "Error": {"Code": code, "Message": "AWSAccessKeyId=AKIASECRET"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    store = store_with(_Client(error=ClientError(response, "GetObject")))
    with pytest.raises(MmpipeError) as caught:
        store.read("s3://b/k", max_bytes=10)
    assert type(caught.value) is expected
    assert "AKIASECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409)]
)
def test_a_lost_write_is_a_conflict(store_with: Any, code: str, status: int) -> None:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(CommitConflict):
        store_with(_Client(error=ClientError(response, "PutObject"))).write("s3://b/k", b"", if_match="x")


def test_no_credentials_may_pass(store_with: Any) -> None:
    with pytest.raises(StorageUnavailable):
        store_with(_Client(error=NoCredentialsError())).stat("s3://b/k")


def test_a_broken_download_goes_on_where_it_stopped(store_with: Any) -> None:
    data = bytes(range(256)) * 20
    client = _Client(data, break_after=(1000, 700))
    stream, _ = store_with(client).open("s3://b/k")
    with stream:
        assert stream.read() == data
    assert [asked.get("Range") for asked in client.asked] == [None, "bytes=1000-", "bytes=1700-"]
    assert client.asked[1]["IfMatch"] == '"tag"'


def test_a_download_that_keeps_breaking_is_unavailable(store_with: Any) -> None:
    stream, _ = store_with(_Client(b"x" * 100, break_after=(1,) * 20)).open("s3://b/k")
    with stream, pytest.raises(StorageUnavailable):
        stream.read()


def test_a_short_body_is_noticed(store_with: Any) -> None:
    client = _Client(b"x" * 100)
    stream, _ = store_with(client).open("s3://b/k")
    client.data = b""
    stream.raw._body = io.BytesIO(b"x" * 50)
    with stream, pytest.raises(StorageUnavailable, match="50 bytes"):
        stream.read()


@pytest.mark.parametrize("uri", ["s3://b", "s3://b/folder/", "s3://b/\ud800", "file:///x"])
def test_no_object_is_named(store_with: Any, uri: str) -> None:
    with pytest.raises(InvalidAddress):
        store_with(_Client()).stat(uri)


def test_a_store_travels_as_its_settings() -> None:
    store = pickle.loads(pickle.dumps(S3Store(StorageSettings(region="eu-west-1"))))
    assert "eu-west-1" in repr(store)
