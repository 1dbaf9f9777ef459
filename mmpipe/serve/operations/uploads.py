"""Files on their way into the bucket, part by part."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidEvent, InvalidRequest, NotFound, ObjectNotFound
from mmpipe.events.layout import place_of
from mmpipe.objects import InvalidAddress, join, open_store
from mmpipe.serve.answer.budget import Busy

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStat, ObjectWriter
    from mmpipe.schemas.work import Section
    from mmpipe.settings import Settings

# Handed to the store at a time, so that threads are not changed for every packet.
_PIECE_BYTES: Final = 1 << 20
_REMEDIES: Final[dict[Section, str]] = {
    "products": "give ID.json",
    "events": "give a name that ends with .jsonl",
    "reviews": "give a name that ends with .jsonl or .csv",
}


class Receiver:
    """Puts files to where shops upload to. Of one event loop; up to ``serve.uploads_at_once`` at a time."""

    def __init__(self, settings: Settings) -> None:
        self._serve = settings.serve
        self._root = settings.indexing.uploads_uri
        self._storage = settings.storage
        self._lake = settings.lake.uri
        self._arriving = 0

    @property
    def offered(self) -> bool:
        """Whether files are taken here."""
        return self._serve.uploads and self._root is not None

    def address(self, collection: str, section: Section, name: str) -> str:
        """Where a file belongs. Raises ``NotFound`` where no files are taken here, ``InvalidRequest`` for a
        name that the bucket's layout has no place for."""
        if not self.offered or self._root is None:
            raise NotFound(
                "this service takes no files (MMPIPE_SERVE__UPLOADS, MMPIPE_INDEXING__UPLOADS_URI): index"
                f" them with `mmpipe index FILE --lake {self._lake}`, or put them into the bucket"
            )
        key = f"{collection}/{section}/{name}"
        try:
            place = place_of(key)
            if place is None or place.section != section:
                remedy = _REMEDIES.get(section, "give a name without a dot or '_' at its beginning")
                raise InvalidRequest("name", f"'{name[:80]}' would be no upload of {section}/: {remedy}")
            return join(self._root, key)
        except (InvalidEvent, InvalidAddress) as error:
            raise InvalidRequest("name", str(error)) from None

    async def receive(self, uri: str, body: AsyncIterator[bytes]) -> ObjectStat:
        """Store a body; nothing is there of one that breaks off. Raises :class:`Busy`, ``InvalidRequest`` for
        an empty one, ``StorageUnavailable``, and what reading it raises."""
        if self._arriving >= self._serve.uploads_at_once:
            raise Busy(f"{self._arriving} files are on their way here already; try again shortly")
        self._arriving += 1
        try:
            return await self._received(uri, body)
        except (InvalidAddress, ObjectNotFound):
            remedy = "is too long, or lies below or above a file that is there; give another"
            raise InvalidRequest("name", remedy) from None
        finally:
            self._arriving -= 1

    async def _received(self, uri: str, body: AsyncIterator[bytes]) -> ObjectStat:
        coming = _Coming(self._open, uri)
        piece = bytearray()
        try:
            async for part in body:
                piece += part
                if len(piece) >= _PIECE_BYTES:
                    await asyncio.to_thread(coming.write, bytes(piece))
                    piece.clear()
            if not piece and not coming.begun:
                raise InvalidRequest("body", "is empty; send the file's bytes")
            await asyncio.to_thread(coming.write, bytes(piece))
            return await asyncio.to_thread(coming.close)
        finally:
            # After its end there is nothing to give up.
            await asyncio.shield(asyncio.to_thread(coming.abort))

    def _open(self, uri: str) -> ObjectWriter:
        assert self._root is not None
        return open_store(self._root if self._root.startswith("s3://") else uri, self._storage).writer(uri)


class _Coming:
    """One file. Whoever is cancelled leaves a thread behind that writes: giving up waits for it."""

    def __init__(self, open_writer: Callable[[str], ObjectWriter], uri: str) -> None:
        self._open = open_writer
        self._uri = uri
        self._writer: ObjectWriter | None = None
        self._given_up = False
        self._lock = threading.Lock()

    @property
    def begun(self) -> bool:
        """Whether something was written."""
        return self._writer is not None

    def write(self, data: bytes) -> None:
        """Add bytes."""
        with self._lock:
            if not self._given_up:
                self._writer = self._writer or self._open(self._uri)
                self._writer.write(data)

    def close(self) -> ObjectStat:
        """The file is there. Called after a :meth:`write`."""
        with self._lock:
            assert self._writer is not None
            return self._writer.close()

    def abort(self) -> None:
        """Nothing of it is there, unless it was closed."""
        with self._lock:
            self._given_up = True
            if self._writer is not None:
                self._writer.abort()
