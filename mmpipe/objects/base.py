"""What an object store is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol, runtime_checkable


class ObjectTooLarge(ValueError):
    """An object over the size that the caller is ready to hold; nothing of it was kept."""

    def __init__(self, uri: str, size: int, max_bytes: int) -> None:
        super().__init__(f"{uri} holds {size:,} bytes, {max_bytes:,} are allowed")
        self.uri = uri
        self.size = size
        self.max_bytes = max_bytes

    def __reduce__(self) -> tuple[type[ObjectTooLarge], tuple[str, int, int]]:
        return type(self), (self.uri, self.size, self.max_bytes)


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """One version of one object. ``last_modified`` is in UTC; ``etag`` (no quotes) tells contents apart."""

    uri: str
    size: int
    etag: str
    last_modified: datetime
    version_id: str | None = None


class ObjectWriter(Protocol):
    """One object on its way into a store, in parts. Nothing of it is there before :meth:`close` returns."""

    def write(self, data: bytes) -> None:
        """Add bytes."""
        ...

    def close(self) -> ObjectStat:
        """The object is there as a whole, over what was there; call it once."""
        ...

    def abort(self) -> None:
        """Forget what was written; after :meth:`close`, and again, it does nothing."""
        ...


@runtime_checkable
class ObjectStore(Protocol):
    """Bytes by address. A store is safe to share between threads and travels by pickle as its settings.

    Every method may raise ``StorageUnavailable`` (the same call may succeed later) and ``InvalidAddress``.
    """

    def stat(self, uri: str, *, version_id: str | None = None) -> ObjectStat:
        """Size, etag and time of an object; ``ObjectNotFound``."""
        ...

    def read(self, uri: str, *, max_bytes: int, version_id: str | None = None) -> tuple[bytes, ObjectStat]:
        """The whole object, and the version that was read; ``ObjectNotFound``, :class:`ObjectTooLarge`."""
        ...

    def read_changed(self, uri: str, *, etag: str, max_bytes: int) -> tuple[bytes, ObjectStat] | None:
        """As ``read``, but None, and no bytes on the way, while the object is the version with ``etag``."""
        ...

    def open(self, uri: str, *, version_id: str | None = None) -> tuple[BinaryIO, ObjectStat]:
        """A stream over exactly the version described; the caller closes it. ``ObjectNotFound``."""
        ...

    def write(
        self, uri: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> ObjectStat:
        """Write all or nothing. ``if_match``: only over the version with this etag; ``if_none_match``: only
        where nothing is stored. ``CommitConflict`` otherwise; of two such writers exactly one wins."""
        ...

    def writer(self, uri: str) -> ObjectWriter:
        """Write an object in parts, of which a few MB at a time are held in memory. For one thread."""
        ...

    def list(self, prefix_uri: str, *, start_after: str | None = None) -> Iterator[ObjectStat]:
        """Every object whose address starts with ``prefix_uri``, in the byte order of the keys; with
        ``start_after`` only those that come after this address."""
        ...

    def delete(self, uri: str) -> None:
        """Remove an object; removing nothing is no error."""
        ...
