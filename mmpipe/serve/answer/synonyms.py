"""The synonyms that collections have set for themselves, followed while they change."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from mmpipe.errors import MmpipeError
from mmpipe.lake.synonyms import SynonymFile, SynonymLines
from mmpipe.objects import open_store
from mmpipe.search.find.synonyms import Synonyms, with_own

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.settings import Settings

_log = logging.getLogger("mmpipe.serve")
# Conditional requests, one a collection; who sets synonyms waits so long to see them.
LOOK_SECONDS = 10.0


class OwnSynonyms:
    """Of every collection of a lake. :meth:`of` touches memory only and is for any thread."""

    def __init__(self, settings: Settings, lake: Lake) -> None:
        self._settings = settings
        self._lake = lake
        self._files: dict[str, SynonymFile] = {}
        self._lines: dict[str, SynonymLines] = {}
        self._found: dict[str, Synonyms | None] = {}
        self._faults: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def of(self, collection: str) -> Synonyms | None:
        """What a collection has set, with what is shipped; None where it has set nothing."""
        return self._found.get(collection)

    def start(self) -> None:
        """Keep looking, on a thread of its own."""
        if self._settings.serve.synonyms:
            self._thread = threading.Thread(target=self._run, name="mmpipe-synonyms", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> None:
        """Look at every collection once. Blocks. What cannot be read stays as it was, and is logged."""
        if not self._settings.serve.synonyms:
            return
        with self._lock:
            try:
                names = self._lake.collections()
            except MmpipeError as error:
                self._failed("", error)
                return
            for name in names:
                self._read(name)

    def _read(self, name: str) -> None:
        try:
            file = self._files.get(name)
            if file is None:
                uri = self._lake.collection(name).uri
                file = self._files[name] = SynonymFile(open_store(uri, self._settings.storage), uri)
            lines = file.read()
        except MmpipeError as error:
            self._failed(name, error)
            return
        if lines is not self._lines.get(name):
            self._found[name] = with_own(lines) if len(lines) else None
            self._lines[name] = lines
        self._faults.pop(name, None)

    def _failed(self, name: str, error: MmpipeError) -> None:
        if self._faults.get(name) != str(error):
            self._faults[name] = str(error)
            _log.warning("synonyms stay as they were", extra={"collection": name, "reason": str(error)})

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()
