"""Files on their way into the bucket, part by part."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmpipe.dispatch.folder_queue import FolderQueue
from mmpipe.errors import InvalidEvent, InvalidRequest, NotFound, ObjectNotFound, StorageUnavailable
from mmpipe.events.layout import Place, place_of
from mmpipe.objects import InvalidAddress, join, open_store, scheme_of, to_path, to_uri
from mmpipe.schemas.work import CatalogueEvent, ObjectRef
from mmpipe.serve.answer.budget import Busy

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStat, ObjectWriter
    from mmpipe.schemas.status import QueueDepths
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
        self._arriving = 0
        folder = self._root is not None and scheme_of(to_uri(self._root)) == "file"
        self._queue = FolderQueue(Path(to_path(to_uri(self._root)))) if folder and self._root else None

    @property
    def offered(self) -> bool:
        """Whether files are taken here."""
        return bool(self._serve.uploads) and self._root is not None

    def place(self, collection: str, section: Section, name: str) -> Place:
        """Where a file belongs. Raises ``NotFound`` where no files are taken here, ``InvalidRequest`` for a
        name that the bucket's layout has no place for."""
        if not self.offered:
            raise NotFound(
                "this service takes no files (MMPIPE_SERVE__UPLOADS, MMPIPE_INDEXING__UPLOADS_URI): index"
                " them with `mmpipe index FILE --lake LAKE`, or put them into the bucket"
            )
        try:
            place = place_of(f"{collection}/{section}/{name}")
            if place is None or place.section != section:
                remedy = _REMEDIES.get(section, "give a name without a dot or '_' at its beginning")
                raise InvalidRequest("name", f"'{name[:80]}' would be no upload of {section}/: {remedy}")
            self._uri(place)
        except (InvalidEvent, InvalidAddress) as error:
            raise InvalidRequest("name", str(error)) from None
        return place

    async def receive(self, place: Place, body: AsyncIterator[bytes]) -> ObjectStat:
        """Store a body, and tell the queue of a folder, which has no events of its own; nothing is there of
        one that breaks off. Raises :class:`Busy`, ``InvalidRequest`` for an empty one,
        ``StorageUnavailable``, and what reading it raises."""
        if self._arriving >= self._serve.uploads_at_once:
            raise Busy(f"{self._arriving} files are on their way here already; try again shortly")
        self._arriving += 1
        try:
            found = await self._received(self._uri(place), body)
            if self._queue is not None:
                await asyncio.to_thread(_tell, self._queue, place, found)
            return found
        except (InvalidAddress, ObjectNotFound):
            remedy = "is too long, or lies below or above a file that is there; give another"
            raise InvalidRequest("name", remedy) from None
        finally:
            self._arriving -= 1

    def depths(self) -> QueueDepths | None:
        """How many files of a folder wait; None of a bucket. Blocks. Raises ``OSError``."""
        return None if self._queue is None else self._queue.depths()

    def _uri(self, place: Place) -> str:
        assert self._root is not None
        return join(self._root, f"{place.collection}/{place.section}/{place.name}")

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
        return open_store(self._root, self._storage).writer(uri)


def _tell(queue: FolderQueue, place: Place, found: ObjectStat) -> None:
    kind = place.kind(removed=False)
    assert kind is not None, "what is put is an event in every section"
    ref = ObjectRef(uri=found.uri, etag=found.etag, size=found.size, event_time=found.last_modified)
    try:
        queue.put(CatalogueEvent(kind=kind, collection=place.collection, object=ref))
    except OSError as error:
        raise StorageUnavailable(f"the queue of the upload folder: {error.strerror or error}") from error


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
