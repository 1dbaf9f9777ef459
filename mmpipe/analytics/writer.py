"""Records on their way from the queries to the lake: noted in microseconds, written by a thread."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mmpipe.analytics.records import Searched, is_sampled, rows_of
from mmpipe.errors import MmpipeError

if TYPE_CHECKING:
    from mmpipe.lake import Lake

log = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000
"""Records that wait for a store that does not answer; more are dropped, and counted."""
# So many wake the thread before its time; one object holds so many at most.
_BATCH: Final = 2_000
_END_SECONDS: Final = 10.0


@dataclass(slots=True)
class SearchCounts:
    """Of one collection, since this process began: first pages, those that found nothing, and records that
    were dropped."""

    searches: int = 0
    empty: int = 0
    dropped: int = 0


class SearchWriter:
    """One per replica, for all its collections.

    A record is written at most once, and to nobody acknowledged: a process that is killed loses what came in
    the last ``analytics.write_seconds``, a store that is away those beyond :data:`MAX_WAITING`. No fault of
    it is ever a query's.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._settings = lake.settings.analytics
        # Appended to by the queries, emptied by the thread: both without a lock.
        self._waiting: deque[tuple[str, Searched]] = deque()
        self._counts: dict[str, SearchCounts] = {}
        self._full = threading.Event()
        self._ended = False
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="mmpipe-analytics", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        if self._settings.enabled:
            self._thread.start()

    def note(self, collection: str, searched: Searched) -> None:
        """Take one answered page: no I/O, a microsecond. ``collection`` must exist. Of one thread."""
        counts = self._counts.get(collection)
        if counts is None:
            counts = self._counts[collection] = SearchCounts()
        if searched.first:
            counts.searches += 1
            counts.empty += not searched.total
        settings = self._settings
        if not settings.enabled or not is_sampled(searched.query_id, settings.sample):
            return
        waiting = len(self._waiting)
        if waiting >= MAX_WAITING:
            counts.dropped += 1
            return
        self._waiting.append((collection, searched))
        if waiting + 1 == _BATCH:
            self._full.set()

    def counts(self) -> Mapping[str, SearchCounts]:
        """By collection. Touches memory only."""
        return self._counts

    def flush(self) -> bool:
        """Write what waits now; whether all of it was written. Blocks.

        What comes meanwhile waits for its own time: else a replica that is never idle would write all the
        time, a few records each.
        """
        with self._writing:
            left = len(self._waiting)
            while left:
                batch = [self._waiting.popleft() for _ in range(min(left, _BATCH))]
                left -= len(batch)
                if not self._write(batch):
                    return False
        return True

    def close(self) -> None:
        """Write what waits and end; where the store does not answer, after ten seconds without it. Twice is
        once."""
        self._ended = True
        self._full.set()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)

    def _write(self, batch: list[tuple[str, Searched]]) -> bool:
        by_collection: dict[str, list[Searched]] = {}
        for collection, one in batch:
            by_collection.setdefault(collection, []).append(one)
        failed = False
        for collection, searched in by_collection.items():
            try:
                rows = rows_of(searched)
                if len(rows):
                    self._lake.collection(collection).searches.append(rows)
            except (MmpipeError, OSError) as error:
                log.warning(
                    "searches are recorded later", extra={"collection": collection, "reason": str(error)}
                )
                failed = True
                self._keep(collection, searched)
            except Exception:
                # A record that cannot be written must not end the others'.
                log.exception("searches are not recorded", extra={"collection": collection})
                self._counts[collection].dropped += len(searched)
        return not failed

    def _keep(self, collection: str, searched: list[Searched]) -> None:
        room = max(0, MAX_WAITING - len(self._waiting))
        self._counts[collection].dropped += max(0, len(searched) - room)
        self._waiting.extendleft((collection, each) for each in reversed(searched[:room]))

    def _run(self) -> None:
        while not self._ended:
            self._full.wait(self._settings.write_seconds)
            self._full.clear()
            self.flush()
        # What came while the last batch was being written.
        self.flush()
