"""What is kept of the versions of collections that were asked lately."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmpipe.search.versions.version import Columns, Version

T = TypeVar("T")
# Of a collection: the one that is live, and the one before, which some still ask.
_EACH = 2


class OfVersions(Generic[T]):
    """One thing for each of the latest two versions of every collection. Safe for many threads: who asks for
    what is there waits for nobody."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # With the columns, so that no other object gets their address.
        self._held: dict[str, tuple[tuple[Columns, T], ...]] = {}

    def find(self, version: Version) -> T | None:
        """What is kept of a version, whatever its moment."""
        for columns, found in self._held.get(version.collection, ()):
            if columns is version.columns:
                return found
        return None

    def get(self, version: Version, make: Callable[[T | None], T]) -> T:
        """The same, made where it is not there, of what is kept of the version asked last."""
        found = self.find(version)
        if found is None:
            with self._lock:
                found = self.find(version)
                if found is None:
                    held = self._held.get(version.collection, ())
                    found = make(held[0][1] if held else None)
                    self._held[version.collection] = ((version.columns, found), *held)[:_EACH]
        return found
