"""S3, and what speaks its protocol."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from mmpipe.errors import CommitConflict, MmpipeError, ObjectNotFound, PermanentError, StorageUnavailable
from mmpipe.objects.address import InvalidAddress, split_s3
from mmpipe.objects.base import ObjectStat, ObjectTooLarge, ObjectWriter
from mmpipe.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_NO_PLACE = frozenset({"NoSuchBucket", "InvalidBucketName", "KeyTooLongError"})
_LOST = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
# Codes with a 4xx status that pass by themselves, or once somebody mends a policy: the work must go back to
# its queue, not be acknowledged as done.
_PASSING = frozenset(
    {"429", "SlowDown", "Throttling", "ThrottlingException", "ServiceUnavailable", "RequestTimeout"}
    | {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
    | {"RequestTimeTooSkewed", "ExpiredToken", "TokenRefreshRequired"}
)
_NOT_MODIFIED = 304
_RESUMES = 4
_BUFFER_BYTES = 1 << 20
# The least that S3 takes is 5 MiB, the most parts 10,000.
_PART_BYTES = 8 << 20


class S3Store:
    """Objects of S3, addressed as ``s3://bucket/key``, at the endpoint of the settings.

    botocore's timeouts, throttles, refused credentials and 5xx become ``StorageUnavailable``, 404
    ``ObjectNotFound`` and 412 ``CommitConflict``. The client is made on first use and shared by all stores
    with the same settings; credentials come from the usual AWS chain. A write is one request: its
    ``last_modified`` is when the store answered, the object's own to within a second. A conditional write
    whose first answer was lost may report ``CommitConflict`` although it won: read again to know.
    """

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return f"S3Store(endpoint_url={self._settings.endpoint_url!r}, region={self._settings.region!r})"

    @property
    def client(self) -> S3Client:
        """The client of these settings."""
        return client_for(self._settings)

    def stat(self, uri: str, *, version_id: str | None = None) -> ObjectStat:
        with _translating(uri):
            found = self.client.head_object(**_target(uri, version_id))
        return _stat_of(uri, found)

    def read(self, uri: str, *, max_bytes: int, version_id: str | None = None) -> tuple[bytes, ObjectStat]:
        return _whole(*self.open(uri, version_id=version_id), max_bytes)

    def read_changed(self, uri: str, *, etag: str, max_bytes: int) -> tuple[bytes, ObjectStat] | None:
        from botocore.exceptions import ClientError

        target = _target(uri, None)
        with _translating(uri):
            try:
                answer = self.client.get_object(**target, IfNoneMatch=f'"{etag}"')
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _NOT_MODIFIED:
                    return None
                raise
        return _whole(*self._stream(uri, target, answer), max_bytes)

    def open(self, uri: str, *, version_id: str | None = None) -> tuple[BinaryIO, ObjectStat]:
        target = _target(uri, version_id)
        with _translating(uri):
            answer = self.client.get_object(**target)
        return self._stream(uri, target, answer)

    def _stream(self, uri: str, target: dict[str, Any], answer: Any) -> tuple[BinaryIO, ObjectStat]:
        found = _stat_of(uri, answer)
        raw = _ResumingBody(self.client, target, answer["Body"], found)
        return io.BufferedReader(raw, _BUFFER_BYTES), found

    def write(
        self, uri: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> ObjectStat:
        condition: dict[str, Any] = {}
        if if_match is not None:
            condition["IfMatch"] = f'"{if_match}"'
        if if_none_match:
            condition["IfNoneMatch"] = "*"
        with _translating(uri, conditional=bool(condition)):
            written = self.client.put_object(**_target(uri, None), Body=data, **condition)
        return _written(uri, len(data), written)

    def writer(self, uri: str) -> ObjectWriter:
        return _PartsWriter(self, uri)

    def list(self, prefix_uri: str, *, start_after: str | None = None) -> Iterator[ObjectStat]:
        bucket, prefix = split_s3(prefix_uri)
        after = split_s3(start_after)[1] if start_after else ""
        with _translating(prefix_uri):
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix, StartAfter=after):
                for item in page.get("Contents", ()):
                    yield ObjectStat(
                        uri=f"s3://{bucket}/{item['Key']}",
                        size=item["Size"],
                        etag=item["ETag"].strip('"'),
                        last_modified=item["LastModified"].astimezone(UTC),
                    )

    def delete(self, uri: str) -> None:
        try:
            with _translating(uri):
                self.client.delete_object(**_target(uri, None))
        except ObjectNotFound:
            return


@functools.lru_cache(maxsize=8)
def client_for(settings: StorageSettings) -> S3Client:
    """One client per settings and process: making one takes tens of milliseconds; clients are thread-safe."""
    import boto3
    from botocore.config import Config

    custom = settings.endpoint_url is not None
    config = Config(
        region_name=settings.region,
        connect_timeout=settings.timeout_seconds,
        read_timeout=settings.timeout_seconds,
        retries={"mode": "standard", "max_attempts": 3},
        max_pool_connections=64,
        s3={"addressing_style": "path" if custom else "auto"},
        # Stores that merely speak the protocol often refuse the newer trailing checksums.
        request_checksum_calculation="when_required" if custom else "when_supported",
        response_checksum_validation="when_required" if custom else "when_supported",
    )
    return boto3.session.Session().client("s3", endpoint_url=settings.endpoint_url, config=config)


class _ResumingBody(io.RawIOBase):
    """One object's body; where the connection breaks it goes on at the same byte of the same version."""

    def __init__(self, client: S3Client, target: dict[str, Any], body: Any, found: ObjectStat) -> None:
        self._client = client
        self._target = target
        self._body = body
        self._found = found
        self._offset = 0
        self._resumes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while True:
            try:
                with _translating(self._found.uri):
                    chunk = self._body.read(len(buffer))
                if chunk or self._offset >= self._found.size or not len(buffer):
                    break
                raise StorageUnavailable(f"{self._found.uri} ended after {self._offset:,} bytes")
            except StorageUnavailable:
                if self._resumes >= _RESUMES or self._offset >= self._found.size:
                    raise
                self._resumes += 1
                self._reopen()
        buffer[: len(chunk)] = chunk
        self._offset += len(chunk)
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()

    def _reopen(self) -> None:
        self._body.close()
        with _translating(self._found.uri, conditional=True):
            answer = self._client.get_object(
                **self._target, Range=f"bytes={self._offset}-", IfMatch=f'"{self._found.etag}"'
            )
        self._body = answer["Body"]


class _PartsWriter:
    """A multipart upload, once there is more than one part; a single request until then."""

    def __init__(self, store: S3Store, uri: str) -> None:
        self._store = store
        self._uri = uri
        self._target = _target(uri, None)
        self._held = bytearray()
        self._size = 0
        self._upload: str | None = None
        self._parts: list[CompletedPartTypeDef] = []

    def write(self, data: bytes) -> None:
        self._held += data
        self._size += len(data)
        while len(self._held) > _PART_BYTES:
            self._send(bytes(self._held[:_PART_BYTES]))
            del self._held[:_PART_BYTES]

    def close(self) -> ObjectStat:
        if self._upload is None:
            return self._store.write(self._uri, bytes(self._held))
        self._send(bytes(self._held))
        with _translating(self._uri):
            written = self._store.client.complete_multipart_upload(
                **self._target, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
            )
        self._upload = None
        return _written(self._uri, self._size, written)

    def abort(self) -> None:
        upload, self._upload = self._upload, None
        self._held.clear()
        if upload is not None:
            with _translating(self._uri):
                self._store.client.abort_multipart_upload(**self._target, UploadId=upload)

    def _send(self, data: bytes) -> None:
        client = self._store.client
        with _translating(self._uri):
            if self._upload is None:
                self._upload = client.create_multipart_upload(**self._target)["UploadId"]
            number = len(self._parts) + 1
            told = client.upload_part(**self._target, UploadId=self._upload, PartNumber=number, Body=data)
        self._parts.append({"ETag": told["ETag"], "PartNumber": number})


def _written(uri: str, size: int, answer: Any) -> ObjectStat:
    # The store's clock as it answered: LastModified to within a second, without asking again.
    told = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return ObjectStat(
        uri, size, answer["ETag"].strip('"'), parsedate_to_datetime(told).astimezone(UTC), _version_of(answer)
    )


def _whole(stream: BinaryIO, found: ObjectStat, max_bytes: int) -> tuple[bytes, ObjectStat]:
    with stream:
        if found.size > max_bytes:
            raise ObjectTooLarge(found.uri, found.size, max_bytes)
        return stream.read(found.size + 1), found


def _target(uri: str, version_id: str | None) -> dict[str, Any]:
    bucket, key = split_s3(uri)
    try:
        key.encode()
    except UnicodeEncodeError:
        key = ""
    if not key or key.endswith("/"):
        raise InvalidAddress(f"{uri[:200]!r} names no object: use s3://bucket/key")
    target: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if version_id is not None:
        target["VersionId"] = version_id
    return target


def _stat_of(uri: str, answer: Any) -> ObjectStat:
    return ObjectStat(
        uri=uri,
        size=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        last_modified=answer["LastModified"].astimezone(UTC),
        version_id=_version_of(answer),
    )


def _version_of(answer: Any) -> str | None:
    version = answer.get("VersionId")
    return str(version) if version and version != "null" else None


@contextmanager
def _translating(uri: str, *, conditional: bool = False) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _translated(uri, error, conditional) from error
    except ParamValidationError as error:
        raise InvalidAddress(f"{uri[:200]!r} is no S3 address: {error}") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise StorageUnavailable(f"{uri}: {error}") from error


def _translated(uri: str, error: Any, conditional: bool) -> MmpipeError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    # Ours is no text of the store's answer beyond its code: error bodies can echo signed headers.
    if conditional and (code in _LOST or status == 412 or code in _MISSING):
        return CommitConflict(f"{uri} is no longer the version that was expected ({code})")
    if code in _MISSING or code in _NO_PLACE or status == 404:
        return ObjectNotFound(f"nothing is stored at {uri} ({code})")
    if status == 405:
        return ObjectNotFound(f"{uri} names a delete marker ({code})")
    if code in _PASSING or status in (403, 429) or status >= 500:
        return StorageUnavailable(f"{uri}: the object store answered {code or status}")
    return PermanentError(f"{uri}: the object store refused the request ({code or status})")
