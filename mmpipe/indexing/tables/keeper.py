"""Upkeep of the tables that one indexer writes to, on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mmpipe.errors import MmpipeError
from mmpipe.indexing.tables.upkeep import keep_records, keep_up, rest
from mmpipe.indexing.writing.reviewing import settle_reviews

if TYPE_CHECKING:
    from mmpipe.lake import Collection, ProductTable

logger = logging.getLogger(__name__)
Photos = Callable[["Collection", "ProductTable"], bool]
# Beyond the time that versions are held: clocks differ.
_MORE_SECONDS: Final = 2.0


@dataclass(slots=True)
class _Kept:
    collection: Collection
    table: ProductTable
    due: bool = True
    # When nobody needs what the last commit replaced any more; None where that has been seen to.
    rests_at: float | None = None


class Keeper:
    """Keeps tables up after commits, one at a time: soon after each, and once more when the last one is so
    long ago that what it replaced can go. What fails is logged, and tried again after the next commit.

    ``photos`` sees to some of the photos of a table's reviews and gives whether more are left: then the table
    comes again once the others had their turn."""

    def __init__(self, hold_seconds: float, photos: Photos | None = None) -> None:
        self._hold = hold_seconds + _MORE_SECONDS
        self._photos = photos
        self._tables: dict[str, _Kept] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._busy: _Kept | None = None
        self._thread = threading.Thread(target=self._run, name="mmpipe-maintain", daemon=True)
        self._thread.start()

    def committed(self, collection: Collection, table: ProductTable) -> None:
        """A commit to a table is over."""
        with self._changed:
            kept = self._tables.setdefault(table.uri, _Kept(collection, table))
            # A round under way may have seen it; the next commit, or rest, makes up for what it missed.
            kept.due = kept is not self._busy
            kept.rests_at = time.monotonic() + self._hold
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until nothing is due, other than what waits for rest."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._busy is None and not any(k.due for k in self._tables.values())
            )

    def close(self) -> None:
        """End after the round that is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = None
                self._changed.notify_all()
                while not self._closed and (found := self._next()) is None:
                    self._changed.wait(self._until_rest())
                if self._closed:
                    for kept in self._tables.values():
                        kept.due = False
                    self._changed.notify_all()
                    return
                assert found is not None
                kept, soon = found, found.due
                self._busy = kept
                if soon:
                    kept.due = False
                else:
                    kept.rests_at = None
            if _keep(kept.collection, kept.table, self._photos, at_rest=not soon):
                with self._changed:
                    kept.due = True
                    self._tables[kept.table.uri] = self._tables.pop(kept.table.uri)

    def _next(self) -> _Kept | None:
        now = time.monotonic()
        tables = self._tables.values()
        soon = next((kept for kept in tables if kept.due), None)
        return soon or next((k for k in tables if k.rests_at is not None and k.rests_at <= now), None)

    def _until_rest(self) -> float | None:
        moments = [kept.rests_at for kept in self._tables.values() if kept.rests_at is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None


def _keep(collection: Collection, table: ProductTable, photos: Photos | None, *, at_rest: bool) -> bool:
    """Whether the table is to be seen to again soon."""
    more = False
    try:
        if at_rest:
            rest(collection, table)
        else:
            settle_reviews(collection, table)
            keep_up(collection, table)
            keep_records(collection)
            # Last: a host that does not answer puts nothing else off.
            more = photos is not None and photos(collection, table)
    except (MmpipeError, OSError) as error:
        # The next commit tries again; searches stay right meanwhile, only slower.
        logger.warning("maintenance was put off", extra={"table": table.name, "reason": str(error)})
    except Exception:
        logger.exception("maintenance was put off", extra={"table": table.name})
    return more
