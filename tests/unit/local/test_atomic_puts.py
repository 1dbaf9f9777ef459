"""Of writers that race for a new object over moto's S3 one is first, and the others are told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.s3.models import S3Backend
from moto.server import ThreadedMotoServer

from mmpipe.local.atomic_puts import make_puts_atomic

WRITERS = 4


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    make_puts_atomic()
    make_puts_atomic()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def test_one_of_many_conditional_writers_is_first(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket="races")
    store = S3Backend.put_object

    def slowly(backend: S3Backend, *args: object, **named: object) -> object:
        time.sleep(0.05)  # every writer has looked at its condition by then
        return store(backend, *args, **named)

    monkeypatch.setattr(S3Backend, "put_object", slowly)

    def write(condition: dict[str, str]) -> str:
        try:
            client.put_object(Bucket="races", Key="live.json", Body=b"x", **condition)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "written"

    with ThreadPoolExecutor(WRITERS) as pool:
        told = sorted(pool.map(write, [{"IfNoneMatch": "*"}] * WRITERS))
        assert told == [*["PreconditionFailed"] * (WRITERS - 1), "written"]
        etag = client.head_object(Bucket="races", Key="live.json")["ETag"]
        monkeypatch.setattr(S3Backend, "put_object", store)
        client.put_object(Bucket="races", Key="live.json", Body=b"y", IfMatch=etag)
        assert set(pool.map(write, [{"IfMatch": etag}] * WRITERS)) == {"PreconditionFailed"}
