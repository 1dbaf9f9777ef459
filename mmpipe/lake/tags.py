"""The Lance tags that keep a table's published versions from being cleaned up.

They are written as objects of our own: Lance looks twice for the version's manifest before it writes a tag,
and a publication waits for it. Its readers and its clean-up take them as theirs.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore

_LIVE = "live"
_VERSION = re.compile(rf"/{_LIVE}-([1-9][0-9]*)\.json$")


class LiveTags:
    """Tags of one table: ``live-<version>`` for each version that ``live.json`` names, which never move, and
    ``live`` for people who read the table with other tools."""

    def __init__(self, store: ObjectStore, table_uri: str) -> None:
        self._store = store
        self._folder = f"{table_uri}/_refs/tags/"

    def keep(self, version: int) -> None:
        """Let no clean-up remove this version. One write; again it changes nothing."""
        self._write(f"{_LIVE}-{version}", version)

    def follow(self, version: int) -> None:
        """Move the tag ``live``. One write."""
        self._write(_LIVE, version)

    def kept(self) -> set[int]:
        """The versions that :meth:`keep` was called for and :meth:`drop` was not. One list request."""
        found = (_VERSION.search(stat.uri) for stat in self._store.list(self._folder))
        return {int(match[1]) for match in found if match is not None}

    def drop(self, version: int) -> None:
        """Leave this version to the clean-up."""
        self._store.delete(f"{self._folder}{_LIVE}-{version}.json")

    def _write(self, name: str, version: int) -> None:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        # The manifest's size is told to people only.
        tag = {"branch": None, "version": version, "createdAt": now, "updatedAt": now, "manifestSize": 0}
        body = json.dumps(tag | {"metadata": {}}, indent=2).encode()
        self._store.write(f"{self._folder}{name}.json", body)


def surplus(kept: set[int], named: set[int]) -> set[int]:
    """Kept versions that nobody can go back to by now: not ``named`` in ``live.json``, and below what is.

    One above is about to be published. Of a table that is not named at all the newest may be.
    """
    limit = max(named or kept, default=0)
    return {version for version in kept - named if version < limit}
