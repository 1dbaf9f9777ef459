"""Versions of a table that one process has seen, kept open."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import lance

# What is live is one of the last that were committed.
_RECENT: Final = 8


class SeenVersions:
    """The newest version that was seen, and a few before it. Safe to share between threads; no method makes a
    request."""

    def __init__(self, dataset: lance.LanceDataset) -> None:
        self._lock = threading.Lock()
        self._dataset = dataset
        # When the newest version was last known to be that.
        self._at = time.monotonic()
        self._recent: OrderedDict[int, lance.LanceDataset] = OrderedDict()
        # No recent version was committed before these moments.
        self._since: dict[int, float] = {}

    @property
    def version(self) -> int:
        """The newest."""
        with self._lock:
            return int(self._dataset.version)

    def newest(self) -> lance.LanceDataset:
        """The newest, as a dataset of its own."""
        with self._lock:
            return self._dataset.checkout_version(int(self._dataset.version))

    def newest_since(self) -> tuple[lance.LanceDataset, float]:
        """The newest, as a dataset of its own, and when it was last known to be that (monotonic)."""
        with self._lock:
            return self._dataset.checkout_version(int(self._dataset.version)), self._at

    def recent(self, version: int) -> lance.LanceDataset | None:
        """One of the last that were seen. Not to be moved."""
        with self._lock:
            return self._recent.get(version)

    def age(self, version: int) -> float:
        """Seconds since a version was committed, at most; infinite where that is not known."""
        with self._lock:
            return time.monotonic() - self._since.get(version, float("-inf"))

    def see(self, dataset: lance.LanceDataset, asked: float) -> None:
        """``dataset`` was the newest, or was committed, after the moment ``asked``."""
        version = int(dataset.version)
        kept = dataset.checkout_version(version)
        with self._lock:
            newest = int(self._dataset.version)
            if version > newest:
                self._since[version] = self._at
            if version > newest or (version == newest and asked > self._at):
                self._dataset, self._at = kept, asked
            self._recent[version] = kept
            while len(self._recent) > _RECENT:
                self._since.pop(self._recent.popitem(last=False)[0], None)
