"""A folder that shops upload to, with the queue of its events in it: what a bucket and SQS are on AWS.

An event is a file of ``.queue``, which no upload's name can lead to. It is there, synced, once :meth:`put`
returns, and stays until whoever worked on it says that it is done: an event is delivered at least once,
whoever is killed. What is given up lies in ``.dead-letters``, as it was, with the reason in a file beside it;
moved back into ``.queue`` it is tried anew.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mmpipe.schemas.status import QueueDepths
from mmpipe.schemas.work import CatalogueEvent

logger = logging.getLogger(__name__)
_QUEUE: Final = ".queue"
_DEAD_LETTERS: Final = ".dead-letters"
_MOST_BYTES: Final = 64_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event of the queue, by the name of its file."""

    name: str
    event: CatalogueEvent


class FolderQueue:
    """The queue of the folder ``root``. Any number of processes may put, one takes."""

    def __init__(self, root: Path) -> None:
        self._folder = root / _QUEUE
        self._dead = root / _DEAD_LETTERS

    def put(self, event: CatalogueEvent) -> None:
        """Add an event, durably once this returns. Raises ``OSError``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        unfinished = self._folder / f".{name}"
        try:
            with unfinished.open("x") as file:
                file.write(event.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / f"{name}.json")
        finally:
            unfinished.unlink(missing_ok=True)
        _sync(self._folder)

    def waiting(self, most: int, *, without: Iterable[str] = ()) -> list[Waiting]:
        """The oldest events, ``most`` at most, but for those of these names. One that cannot be read is given
        up. Raises ``OSError``."""
        left_out = {*without}
        found: list[Waiting] = []
        for name in _names(self._folder):
            if name in left_out:
                continue
            if len(found) == most:
                break
            try:
                with (self._folder / name).open("rb") as file:
                    event = CatalogueEvent.model_validate_json(file.read(_MOST_BYTES))
            except FileNotFoundError:
                continue
            except (ValidationError, PermissionError, IsADirectoryError) as error:
                self.give_up(name, f"the event cannot be read: {error}")
                continue
            found.append(Waiting(name, event))
        return found

    def done(self, name: str) -> None:
        """The event of this name need not be delivered again. Raises ``OSError``."""
        (self._folder / name).unlink(missing_ok=True)

    def give_up(self, name: str, reason: str) -> None:
        """Make the event of this name a dead letter, and log it. Raises ``OSError``."""
        self._dead.mkdir(parents=True, exist_ok=True)
        letter = self._dead / name
        letter.with_suffix(".txt").write_text(f"{reason}\n", encoding="utf-8", errors="replace")
        (self._folder / name).rename(letter)
        _sync(self._dead)
        logger.error("an event is given up", extra={"file": str(letter), "reason": reason})

    def depths(self) -> QueueDepths:
        """How many wait, with those that are worked on, and how many were given up. Raises ``OSError``."""
        waiting, dead = len(_names(self._folder)), len(_names(self._dead))
        return QueueDepths(waiting=waiting, in_hand=0, dead_letters=dead)


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name.endswith(".json"))
    except FileNotFoundError:
        return []


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
