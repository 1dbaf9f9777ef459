"""A folder that shops upload to, with the queue of its events in it: what a bucket and SQS are on AWS.

An event is a file of ``.queue``, which no upload's name can lead to. It is there, synced, once :meth:`put`
returns, and stays until whoever worked on it says that it is done: an event is delivered at least once,
whoever is killed. What is given up lies in ``.dead-letters``, as it was, with the reason in a file beside it
(:mod:`mmpipe.dispatch.folder_letters`); moved back into ``.queue`` it is tried anew.

A file's name says when the event was put, what it is about, in which collection, and is no other's: the order
of names is that of arrival, and whether an upload's event waits is told without a file being read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from mmpipe.objects import scheme_of, to_path, to_uri
from mmpipe.schemas.status import QueueDepths
from mmpipe.schemas.work import CatalogueEvent

if TYPE_CHECKING:
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)
UPLOADS: Final = "_uploads"
"""The folder of a lake that files arrive in, where no other is set; no collection can have its name."""
MOST_BYTES: Final = 64_000
"""Of an event's file; a longer one is none of ours."""
_QUEUE: Final = ".queue"
_DEAD_LETTERS: Final = ".dead-letters"
_NAME: Final = re.compile(r"(\d{20})-([0-9a-f]{16})-[0-9a-f]{8}\.([a-z0-9_-]+)\.json")


def upload_folder(settings: Settings) -> Path | None:
    """Where the files of a lake in a folder arrive; None of a lake that is in none, or has a bucket."""
    root, lake = settings.indexing.uploads_uri, to_uri(settings.lake.uri)
    if scheme_of(lake) != "file" or (root is not None and scheme_of(to_uri(root)) != "file"):
        return None
    return Path(to_path(to_uri(root) if root is not None else f"{lake.rstrip('/')}/{UPLOADS}"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event of the queue, by the name of its file; ``since`` is when it was put, in seconds of Unix."""

    name: str
    event: CatalogueEvent
    since: float


class FolderQueue:
    """The queue of the folder ``root``. Any number of processes may put, one takes."""

    def __init__(self, root: Path) -> None:
        self.folder: Final = root / _QUEUE
        self.dead: Final = root / _DEAD_LETTERS

    def put(self, event: CatalogueEvent) -> None:
        """Add an event, durably once this returns. Raises ``OSError``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = name_for(event.collection, subject_of(event.object.uri, event.object.etag))
        unfinished = self.folder / f".{name}.new"
        try:
            with unfinished.open("x") as file:
                file.write(event.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self.folder / name)
        finally:
            unfinished.unlink(missing_ok=True)
        sync(self.folder)

    def waiting(self, most: int, *, without: Iterable[str] = ()) -> list[Waiting]:
        """The oldest events, ``most`` at most, but for those of these names. One that cannot be read is given
        up. Raises ``OSError``."""
        left_out = {*without}
        found: list[Waiting] = []
        for name in names_in(self.folder):
            if name in left_out:
                continue
            if len(found) == most:
                break
            try:
                with (self.folder / name).open("rb") as file:
                    event = CatalogueEvent.model_validate_json(file.read(MOST_BYTES))
                    since = put_at(name, file.fileno())
            except FileNotFoundError:
                continue
            except (ValidationError, PermissionError, IsADirectoryError) as error:
                self.give_up(name, f"the event cannot be read: {error}")
                continue
            found.append(Waiting(name, event, since))
        return found

    def done(self, name: str) -> None:
        """The event of this name need not be delivered again. Raises ``OSError``."""
        (self.folder / name).unlink(missing_ok=True)

    def give_up(self, name: str, reason: str) -> None:
        """Make the event of this name a dead letter, and log it. Raises ``OSError``."""
        self.dead.mkdir(parents=True, exist_ok=True)
        letter = self.dead / name
        letter.with_suffix(".txt").write_text(f"{reason}\n", encoding="utf-8", errors="replace")
        (self.folder / name).rename(letter)
        sync(self.dead)
        logger.error("an event is given up", extra={"file": str(letter), "reason": reason})

    def depths(self) -> QueueDepths:
        """How many wait, with those that are worked on, and how many were given up. Raises ``OSError``."""
        waiting, dead = len(names_in(self.folder)), len(names_in(self.dead))
        return QueueDepths(waiting=waiting, in_hand=0, dead_letters=dead)


def subject_of(uri: str, etag: str | None) -> str:
    """The part of a name that says what an event is about: this content at this address."""
    return hashlib.sha256(f"{etag}\n{uri}".encode()).hexdigest()[:16]


def subject_in(name: str) -> str | None:
    """The same as a name has it; None of one that somebody gave by hand."""
    ours = _NAME.fullmatch(name)
    return ours[2] if ours else None


def collection_in(name: str) -> str | None:
    """The collection that an event is about, as its name has it; None of one that somebody gave by hand."""
    ours = _NAME.fullmatch(name)
    return ours[3] if ours else None


def name_for(collection: str, subject: str) -> str:
    """The name of an event that is put now."""
    return f"{time.time_ns():020d}-{subject}-{secrets.token_hex(4)}.{collection}.json"


def put_at(name: str, file: int | Path) -> float:
    """When the event of this name was put; of a name that somebody gave by hand, when its file was written.
    Raises ``OSError``."""
    ours = _NAME.fullmatch(name)
    return int(ours[1]) / 1e9 if ours else os.stat(file).st_mtime


def names_in(folder: Path) -> list[str]:
    """Of a folder's events, the oldest first, without those that are still being written. Raises
    ``OSError``."""
    try:
        with os.scandir(folder) as entries:
            names = (entry.name for entry in entries)
            return sorted(name for name in names if name.endswith(".json") and not name.startswith("."))
    except FileNotFoundError:
        return []


def sync(folder: Path) -> None:
    """What was moved into a folder is there after a power cut. Raises ``OSError``."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
