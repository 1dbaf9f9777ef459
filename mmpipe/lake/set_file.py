"""A file of a collection that people set as a whole, and that replicas follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from mmpipe.errors import InvalidRequest, ObjectNotFound, StorageUnavailable
from mmpipe.objects import FollowedObject, ObjectTooLarge

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore

T = TypeVar("T")


class DamagedFile(StorageUnavailable):
    """What is stored cannot be read as what it should be; setting it again is the remedy."""


class SetFile(Generic[T]):
    """``<collection>/<name>``, called ``what`` in messages. ``parse`` raises :class:`InvalidRequest` for what
    cannot be used; ``nothing`` is the content where no file was ever set."""

    def __init__(
        self,
        store: ObjectStore,
        collection_uri: str,
        name: str,
        *,
        what: str,
        parse: Callable[[bytes], T],
        nothing: T,
        max_bytes: int,
    ) -> None:
        self._store = store
        self.uri = f"{collection_uri}/{name}"
        self._what = what
        self._parse = parse
        self._nothing = nothing
        self._max_bytes = max_bytes
        self._file = FollowedObject(store, self.uri, lambda data, _: parse(data), max_bytes=max_bytes)

    def read(self) -> T:
        """The content as it is now: the same object, and one conditional request, while nothing changed.

        Raises ``StorageUnavailable``, where the file is damaged :class:`DamagedFile`: nobody but
        :meth:`replace` checks it.
        """
        try:
            found = self._file.read()
        except ObjectTooLarge as error:
            raise DamagedFile(f"{error}; set the {self._what} again") from error
        except InvalidRequest as error:
            raise DamagedFile(f"{self.uri}: {error}; set the {self._what} again") from error
        return self._nothing if found is None else found

    def replace(self, data: bytes) -> T:
        """Check and store a whole new file. Raises :class:`InvalidRequest` as the parser does, and
        ``CommitConflict`` where somebody else replaced it at the same moment."""
        content = self._parse(data)
        try:
            former = self._store.stat(self.uri).etag
        except ObjectNotFound:
            former = None
        self._file.write(data, former=former)
        return content

    def text(self) -> bytes:
        """The file as it was set; empty where there is none."""
        try:
            return self._store.read(self.uri, max_bytes=self._max_bytes)[0]
        except ObjectNotFound:
            return b""
