"""The Lance tags that keep versions of a table from being cleaned up: published ones, those that a reset took
back, and leases of whoever takes long.

They are written as objects of our own: Lance looks twice for the version's manifest before it writes a tag,
and a publication waits for it. Its readers and its clean-up take them as theirs.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mmpipe.lake.steady import JUMPS

if TYPE_CHECKING:
    from mmpipe.lake.live import LiveFile
    from mmpipe.objects import ObjectStore

_LIVE = "live"
_LEASE = "lease"
_RESET = "reset"
_VERSION = re.compile(rf"/{_LIVE}-([1-9][0-9]*)\.json$")
# Whoever took a lease has ended without giving it back.
LEASE_ENDS: Final = timedelta(hours=6)
# Of machines' clocks.
_SKEW: Final = timedelta(minutes=1)


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

    def keep_reset(self, version: int) -> None:
        """Keep a version that a reset took back; :meth:`forget` ends it."""
        self._write(f"{_RESET}-{version}", version)

    def lease(self, version: int) -> str:
        """Let no clean-up remove this version, nor any that is committed from now on, until :meth:`end` or
        for :data:`LEASE_ENDS`; returns the lease's name."""
        name = f"{_LEASE}-{secrets.token_hex(8)}"
        self._write(name, version)
        return name

    def end(self, lease: str) -> None:
        """Give a lease back."""
        self._store.delete(f"{self._folder}{lease}.json")

    def leased(self) -> float:
        """Seconds: what is younger by the machine's clock may have come after the oldest lease. That is its
        age, and some more for clocks that differ or were set meanwhile; 0 without one. One list request."""
        now = datetime.now(UTC)
        forward, back = (timedelta(seconds=each) for each in JUMPS.lately(LEASE_ENDS.total_seconds()))
        ages = [now - stat.last_modified for stat in self._store.list(f"{self._folder}{_LEASE}-")]
        held = [
            # Of one from the future it is not known by how much the clock was set back.
            age + back + _SKEW if age >= -_SKEW else LEASE_ENDS
            for age in ages
            if age - forward < LEASE_ENDS
        ]
        return max(held, default=timedelta()).total_seconds()

    def forget(self, resets: timedelta) -> None:
        """Drop leases that nobody gave back, and what is kept of resets that are older. Two list requests."""
        now = datetime.now(UTC) - timedelta(seconds=JUMPS.lately(LEASE_ENDS.total_seconds())[0])
        for prefix, ends in ((_LEASE, LEASE_ENDS), (_RESET, resets)):
            for stat in list(self._store.list(f"{self._folder}{prefix}-")):
                if now - stat.last_modified >= ends:
                    self._store.delete(stat.uri)

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


class Superseded:
    """Which surplus versions have been so for long enough that no reader is in the middle of them, nor has a
    page cursor of them. Not to be shared between threads."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # As this process saw it; the history may prove it for those it saw just now.
        self._since: dict[tuple[str, int], float] = {}

    def over(self, table: str, versions: set[int], content: LiveFile) -> set[int]:
        """Those of a table's surplus versions that may go."""
        forward, _ = JUMPS.lately(self._seconds)
        before = datetime.now(UTC) - timedelta(seconds=self._seconds + forward)
        entries: Sequence[tuple[str, int]] = [
            (entry.table, entry.version)
            for entry in (*content.history, content.live)
            if entry.published_at <= before
        ]
        newest = max((version for name, version in entries if name == table), default=0)
        now = time.monotonic()
        for gone in [key for key in self._since if key[0] == table and key[1] not in versions]:
            del self._since[gone]
        found = set()
        for version in versions:
            since = self._since.setdefault((table, version), now)
            if version < newest or now - since >= self._seconds:
                found.add(version)
        return found
