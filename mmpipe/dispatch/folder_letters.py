"""The dead letters of a folder that shops upload to: what they say, putting them back, throwing them away."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mmpipe.dispatch.folder_queue import (
    MOST_BYTES,
    FolderQueue,
    collection_in,
    name_for,
    names_in,
    put_at,
    subject_in,
    subject_of,
    sync,
)
from mmpipe.dispatch.letters import PREVIEW, DeadLetter, LetterEvent, Sorted
from mmpipe.errors import StorageUnavailable
from mmpipe.schemas.work import CatalogueEvent

_MOST_REASON: Final = 4_000
_ID_DIGITS: Final = 32


class FolderLetters:
    """Those of the folder ``root`` (:class:`~mmpipe.dispatch.letters.DeadLetters`). A service may take events
    from the queue meanwhile. Every call raises :class:`StorageUnavailable` where the folder does not
    answer."""

    def __init__(self, root: Path) -> None:
        self._queue = FolderQueue(root)

    @property
    def where(self) -> str:
        """The folder that they lie in."""
        return str(self._queue.dead)

    @property
    def queue(self) -> str:
        """The folder of the queue."""
        return str(self._queue.folder)

    def count(self) -> int:
        """How many there are."""
        with self._told():
            return len(names_in(self._queue.dead))

    def peek(self, limit: int = 100) -> list[DeadLetter]:
        """Letters, oldest first; they stay where they are."""
        with self._told():
            found = (self._letter(name) for name in names_in(self._queue.dead)[:limit])
            return [letter for letter in found if letter is not None]

    def newest(self, collection: str, limit: int) -> list[DeadLetter]:
        """Letters about this collection, newest first, without those whose uploads wait again. Of other
        collections none is read, however many there are."""
        with self._told():
            dead = [name for name in names_in(self._queue.dead) if collection_in(name) in (collection, None)]
            waiting = {subject_in(name) for name in names_in(self._queue.folder)} - {None}
            names = [name for name in dead if subject_in(name) not in waiting]
            found = (self._letter(name) for name in names[: -limit - 1 : -1])
            return [letter for letter in found if letter is not None and letter.about(collection)]

    def of(self, uri: str, etag: str) -> DeadLetter | None:
        """The newest letter about this content at this address; None where its event waits, again or still,
        or is done. Reads no other letter."""
        subject = subject_of(uri, etag)
        with self._told():
            dead = [name for name in names_in(self._queue.dead) if subject_in(name) == subject]
            # Looked at afterwards, for what is put back meanwhile is then among those that wait.
            if not dead or any(subject_in(name) == subject for name in names_in(self._queue.folder)):
                return None
            return self._letter(dead[-1])

    def replay(self, message_ids: Collection[str] | None = None) -> Sorted:
        """Put letters back on the queue, oldest first, as if their uploads came now."""
        replayed: list[str] = []
        with self._told():
            for name in names_in(self._queue.dead):
                if message_ids is None or _id_of(name) in message_ids:
                    self._queue.folder.mkdir(parents=True, exist_ok=True)
                    with contextlib.suppress(FileNotFoundError):  # somebody else was quicker
                        letter = self._queue.dead / name
                        letter.rename(self._queue.folder / self._fresh_name(name))
                        letter.with_suffix(".txt").unlink(missing_ok=True)
                        replayed.append(_id_of(name))
            if replayed:
                sync(self._queue.folder)
                sync(self._queue.dead)
        return _sorted(replayed, message_ids)

    def purge(self, message_ids: Collection[str]) -> Sorted:
        """Delete letters for good; the files that they are about stay."""
        purged: list[str] = []
        with self._told():
            for name in names_in(self._queue.dead):
                if _id_of(name) in message_ids:
                    letter = self._queue.dead / name
                    letter.unlink(missing_ok=True)
                    letter.with_suffix(".txt").unlink(missing_ok=True)
                    purged.append(_id_of(name))
        return _sorted(purged, message_ids)

    def _fresh_name(self, name: str) -> str:
        collection, subject = collection_in(name), subject_in(name)
        if collection is not None and subject is not None:
            return name_for(collection, subject)
        letter = self._letter(name)
        if letter is None or not letter.events:
            return name  # which is given up again at once
        (event,) = letter.events
        return name_for(event.collection, subject_of(event.uri, event.etag))

    def _letter(self, name: str) -> DeadLetter | None:
        path = self._queue.dead / name
        try:
            with path.open("rb") as file:
                body, since = file.read(MOST_BYTES), put_at(name, file.fileno())
        except FileNotFoundError:
            return None  # put back or thrown away meanwhile
        except (PermissionError, IsADirectoryError):
            body, since = b"", put_at(name, path)
        reason = _reason(path.with_suffix(".txt"))
        events: tuple[LetterEvent, ...] = ()
        unreadable = ""
        try:
            events = (LetterEvent.of(CatalogueEvent.model_validate_json(body)),)
        except ValidationError as error:
            unreadable = reason or str(error)
        return DeadLetter(
            message_id=_id_of(name),
            sent_at=datetime.fromtimestamp(since, UTC),
            age_seconds=round(time.time() - since, 1),
            receives=None,
            events=events,
            unreadable=unreadable,
            reason=reason,
            body=body[:PREVIEW].decode(errors="replace"),
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageUnavailable(
                f"{self._queue.dead} does not answer: {error.strerror or error}"
            ) from error


def _id_of(name: str) -> str:
    """Names of one moment begin alike; ids are told by their first digits."""
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:_ID_DIGITS]


def _reason(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_REASON).decode(errors="replace").strip()
    except OSError:
        return ""


def _sorted(taken: list[str], wanted: Collection[str] | None) -> Sorted:
    return Sorted(tuple(taken), tuple(sorted(set(wanted or ()) - set(taken))))
