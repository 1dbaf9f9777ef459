"""Objects in memory: for tests and dry runs. It counts its calls and can be told to fail."""

from __future__ import annotations

import hashlib
import io
import itertools
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from mmpipe.errors import CommitConflict, ObjectNotFound
from mmpipe.objects.address import InvalidAddress, check_key
from mmpipe.objects.base import ObjectStat, ObjectTooLarge, ObjectWriter


class MemoryStore:
    """A complete object store in a dict. Takes addresses of any scheme, so it can stand in for S3 in a test.

    ``calls`` counts the calls by method name; ``fail_next`` plants an error for a later call. There are no
    versions. It is one process's memory: it does not travel by pickle.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._objects: dict[str, tuple[bytes, ObjectStat]] = {}
        self._planted: dict[str, deque[Exception]] = defaultdict(deque)
        self._writes = itertools.count(1)
        self._lock = threading.RLock()

    def fail_next(self, method: str, error: Exception) -> None:
        """Let the next call of ``method`` (``"read"``, ``"write"`` …) raise ``error``. Errors queue up."""
        self._planted[method].append(error)

    def stat(self, uri: str, *, version_id: str | None = None) -> ObjectStat:
        with self._called("stat", uri):
            return self._get(uri, version_id)[1]

    def read(self, uri: str, *, max_bytes: int, version_id: str | None = None) -> tuple[bytes, ObjectStat]:
        with self._called("read", uri):
            data, found = self._get(uri, version_id)
        if found.size > max_bytes:
            raise ObjectTooLarge(uri, found.size, max_bytes)
        return data, found

    def read_changed(self, uri: str, *, etag: str, max_bytes: int) -> tuple[bytes, ObjectStat] | None:
        with self._called("read_changed", uri):
            data, found = self._get(uri, None)
        if found.etag == etag:
            return None
        if found.size > max_bytes:
            raise ObjectTooLarge(uri, found.size, max_bytes)
        return data, found

    def open(self, uri: str, *, version_id: str | None = None) -> tuple[BinaryIO, ObjectStat]:
        with self._called("open", uri):
            data, found = self._get(uri, version_id)
        return io.BytesIO(data), found

    def write(
        self, uri: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> ObjectStat:
        with self._called("write", uri):
            before = self._objects.get(uri)
            if if_none_match and before is not None:
                raise CommitConflict(f"{uri} exists already")
            if if_match is not None and (before is None or before[1].etag != if_match):
                raise CommitConflict(f"{uri} is no longer the version with etag {if_match}")
            etag = f"{hashlib.sha256(data).hexdigest()[:32]}-{next(self._writes)}"
            found = ObjectStat(uri=uri, size=len(data), etag=etag, last_modified=datetime.now(UTC))
            self._objects[uri] = (bytes(data), found)
            return found

    def writer(self, uri: str) -> ObjectWriter:
        _check(uri)
        return _MemoryWriter(self, uri)

    def list(self, prefix_uri: str, *, start_after: str | None = None) -> Iterator[ObjectStat]:
        after = (start_after or "").encode()
        with self._called("list", None):
            found = [stat for uri, (_, stat) in self._objects.items() if uri.startswith(prefix_uri)]
        ordered = sorted(found, key=lambda stat: stat.uri.encode())
        return iter([stat for stat in ordered if stat.uri.encode() > after])

    def delete(self, uri: str) -> None:
        with self._called("delete", uri):
            self._objects.pop(uri, None)

    def _called(self, method: str, uri: str | None) -> threading.RLock:
        if uri is not None:
            _check(uri)
        with self._lock:
            self.calls[method] += 1
            if self._planted[method]:
                raise self._planted[method].popleft()
        return self._lock

    def _get(self, uri: str, version_id: str | None) -> tuple[bytes, ObjectStat]:
        if version_id is not None:
            raise ObjectNotFound(f"{uri}: memory keeps no versions, ask without a version id")
        try:
            return self._objects[uri]
        except KeyError:
            raise ObjectNotFound(f"nothing is stored at {uri}") from None


class _MemoryWriter:
    def __init__(self, store: MemoryStore, uri: str) -> None:
        self._store = store
        self._uri = uri
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(bytes(data))

    def close(self) -> ObjectStat:
        return self._store.write(self._uri, b"".join(self._parts))

    def abort(self) -> None:
        self._parts.clear()


def _check(uri: str) -> None:
    scheme, separator, rest = uri.partition("://")
    if not separator or not scheme:
        raise InvalidAddress(f"{uri[:200]!r} is no address of an object: use memory://name/key")
    check_key(rest.lstrip("/"))
