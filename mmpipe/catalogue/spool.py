"""Rows put aside while a file is read: in memory while they are few, on disk beyond."""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

_MEMORY_BYTES: Final = 32 << 20
_WRITE_ROWS: Final = 2_000
_WRITE_BYTES: Final = 4 << 20
_READ_ROWS: Final = 500
_CACHE_KIB: Final = 2 << 10


class Spool(Generic[Value]):
    """Values by key, several of a key kept in the order they came; memory does not grow with their number.

    What is put together with ``size`` (its bytes, about) stays in memory up to 32 MiB in all; beyond,
    everything goes to a temporary file that nobody else can read and that is gone with :meth:`close`. Values
    are what :mod:`pickle` takes. For one thread.
    """

    def __init__(self, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._left = memory_bytes
        self._held: dict[str, list[Value]] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._database: sqlite3.Connection | None = None
        self._waiting: list[tuple[bytes, bytes]] = []
        self._waiting_bytes = 0
        self._last: tuple[str, list[Value]] | None = None

    def __enter__(self) -> Spool[Value]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._waiting.clear()
        self._last = None
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def put(self, key: str, value: Value, size: int) -> None:
        """Add one value under ``key``."""
        self._last = None
        if self._database is None:
            self._held.setdefault(key, []).append(value)
            self._left -= size
            if self._left < 0:
                self._to_disk()
            return
        self._wait(key, value)

    def get(self, key: str) -> list[Value]:
        """The values of one key, in the order they came; none where there is no such key."""
        if self._database is None:
            return list(self._held.get(key, ()))
        if self._last is None or self._last[0] != key:
            self._write()
            rows = self._database.execute(
                "SELECT value FROM spooled WHERE key = ? ORDER BY place", (_stored(key),)
            )
            self._last = key, [pickle.loads(value) for (value,) in rows]  # noqa: S301  pickled above
        return list(self._last[1])

    def groups(self) -> Iterator[tuple[str, list[Value]]]:
        """Every key with its values, keys in the order in which each came first."""
        if self._database is None:
            yield from self._held.items()
            return
        self._write()
        keys = self._database.execute("SELECT key FROM spooled GROUP BY key ORDER BY min(place)")
        while some := keys.fetchmany(_READ_ROWS):
            for (stored,) in some:
                key = stored.decode("utf-8", "surrogatepass")
                yield key, self.get(key)

    def _to_disk(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mmpipe-feed-")
        # Several threads may take turns over a generator; they never run at once.
        database = sqlite3.connect(
            Path(self._folder.name, "rows"), isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TABLE spooled (place INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB)")
        database.execute("CREATE INDEX by_key ON spooled (key, place)")
        self._database = database
        for key, values in self._held.items():
            for value in values:
                self._wait(key, value)
        self._held.clear()
        self._write()

    def _wait(self, key: str, value: Value) -> None:
        data = pickle.dumps(value, protocol=5)
        self._waiting.append((_stored(key), data))
        self._waiting_bytes += len(data)
        if len(self._waiting) >= _WRITE_ROWS or self._waiting_bytes >= _WRITE_BYTES:
            self._write()

    def _write(self) -> None:
        if self._database is None or not self._waiting:
            return
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO spooled (key, value) VALUES (?, ?)", self._waiting)
        self._database.execute("COMMIT")
        self._waiting.clear()
        self._waiting_bytes = 0


def _stored(key: str) -> bytes:
    """Half a surrogate pair, which JSON can spell, cannot be stored as text."""
    return key.encode("utf-8", "surrogatepass")
