"""Small files that people set for a collection, followed while they change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from mmpipe.errors import MmpipeError

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.lake.set_file import SetFile
    from mmpipe.objects import ObjectStore

_log = logging.getLogger("mmpipe.serve")
# Conditional requests, one a collection and file; who sets one waits so long to see it.
LOOK_SECONDS = 10.0
T = TypeVar("T")
V = TypeVar("V")


class FollowedFiles(Generic[T, V]):
    """One file of every collection of a lake, ``what`` in the log: ``make`` turns its content to what is
    asked for, None for nothing. :meth:`of` touches memory only and is for any thread."""

    def __init__(
        self,
        lake: Lake,
        *,
        what: str,
        file: Callable[[ObjectStore, str], SetFile[T]],
        make: Callable[[T], V | None],
    ) -> None:
        self._lake = lake
        self._what = what
        self._file = file
        self._make = make
        self._files: dict[str, SetFile[T]] = {}
        self._contents: dict[str, T] = {}
        self._found: dict[str, V | None] = {}
        self._faults: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def of(self, collection: str) -> V | None:
        """What was made of a collection's file; None where it has set nothing."""
        return self._found.get(collection)

    def start(self) -> None:
        """Keep looking, on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name=f"mmpipe-{self._what}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Look at every collection once. Blocks. What cannot be read stays as it was, and is logged."""
        with self._lock:
            try:
                names = self._lake.collections()
            except MmpipeError as error:
                self._failed("", error)
                return
            for name in names:
                self._read(name)

    def look_at(self, name: str) -> None:
        """The same for one collection: who has just set its file sees it at once."""
        with self._lock:
            self._read(name)

    def _read(self, name: str) -> None:
        try:
            file = self._files.get(name)
            if file is None:
                held = self._lake.collection(name)
                file = self._files[name] = self._file(held.store, held.uri)
            content = file.read()
        except MmpipeError as error:
            self._failed(name, error)
            return
        if content is not self._contents.get(name):
            self._found[name] = self._make(content)
            self._contents[name] = content
        self._faults.pop(name, None)

    def _failed(self, name: str, error: MmpipeError) -> None:
        if self._faults.get(name) != str(error):
            self._faults[name] = str(error)
            told = {"collection": name, "reason": str(error)}
            _log.warning("%s stay as they were", self._what, extra=told)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()
