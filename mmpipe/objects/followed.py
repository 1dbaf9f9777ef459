"""One small object, read again and again: parsed when it changes, asked about otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from mmpipe.errors import ObjectNotFound

if TYPE_CHECKING:
    from mmpipe.objects.base import ObjectStat, ObjectStore

T = TypeVar("T")


class FollowedObject(Generic[T]):
    """The content of one object, by ``parse``, whose second argument says among others which version it is.

    Threads may share it: they may replace what another has just read, and each gets what it asked for.
    """

    def __init__(
        self, store: ObjectStore, uri: str, parse: Callable[[bytes, ObjectStat], T], *, max_bytes: int
    ) -> None:
        self.store = store
        self.uri = uri
        self._parse = parse
        self._max_bytes = max_bytes
        self._seen: tuple[str, T] | None = None  # replaced, never changed in place

    def read(self) -> T | None:
        """The content now; None where there is no object. While it stays as it was, every further call costs
        one conditional request without a body and gives the same value.

        Raises what ``parse`` raises, each time anew, ``ObjectTooLarge`` and ``StorageUnavailable``.
        """
        seen = self._seen
        try:
            if seen is None:
                changed = self.store.read(self.uri, max_bytes=self._max_bytes)
            else:
                fresh = self.store.read_changed(self.uri, etag=seen[0], max_bytes=self._max_bytes)
                if fresh is None:
                    return seen[1]
                changed = fresh
        except ObjectNotFound:
            self._seen = None
            return None
        data, found = changed
        content = self._parse(data, found)
        self._seen = (found.etag, content)
        return content

    def write(self, data: bytes, *, former: str | None) -> ObjectStat:
        """Replace the object where ``former`` is still its etag; None where there is none. Raises
        ``CommitConflict`` and ``StorageUnavailable``."""
        if former is None:
            return self.store.write(self.uri, data, if_none_match=True)
        return self.store.write(self.uri, data, if_match=former)
