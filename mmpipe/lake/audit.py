"""What was asked and changed through the routes for a shop's people: a log of a whole lake.

Below ``<lake>/_audit/``, which can name no collection::

    day=YYYY-MM-DD/<ms>-<random>.json    one record, of that UTC day

An object is written once, under a name that nobody else makes, and never again; a day goes as a whole when
it is older than ``lake.keep_audit_days``. A record holds no secret; of what stood in a path, which may name a
person, it holds a keyed digest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmpipe.lake.interactions.schema import day_of, fresh_name, is_day
from mmpipe.objects import open_store

if TYPE_CHECKING:
    from mmpipe.settings import StorageSettings

FOLDER: Final = "_audit"
_KEY = re.compile(r"day=(\d{4}-\d\d-\d\d)/\d{13}-[0-9a-f]{16}\.json")
_MAX_BYTES = 100_000
_READERS = 16


class AuditRecord(BaseModel):
    """One call: what was begun, or how it ended."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    at: datetime
    call: str = Field(description="random; the same of a change's beginning and of its end")
    step: Literal["begun", "done"]
    caller: str = Field(description="the name of the key")
    method: str
    route: str = Field(description="its pattern, without what stood in it")
    collection: str | None = Field(default=None, description="as it was asked for; once it is done, its name")
    subject: str | None = Field(default=None, description="keyed digest of what stood in the path")
    status: int | None = Field(default=None, description="of the answer; none while it is not done")


class AuditLog:
    """The records of one lake. Safe to share between threads and processes; every method may raise
    ``StorageUnavailable``."""

    def __init__(
        self, lake_uri: str, storage: StorageSettings, keep_days: float, digest: Callable[[str], str]
    ) -> None:
        self.uri = f"{lake_uri}/{FOLDER}"
        self._store = open_store(lake_uri, storage)
        self._keep = timedelta(days=keep_days)
        self._digest = digest

    def about(self, subject: str) -> str | None:
        """What stands for ``subject`` in records; nothing for nothing. Reads a key, the first time."""
        return self._digest(subject) if subject else None

    def append(self, record: AuditRecord) -> None:
        """Store a record; it is durable when this returns."""
        uri = f"{self.uri}/day={day_of(record.at)}/{fresh_name(record.at)}.json"
        self._store.write(uri, record.model_dump_json(exclude_none=True).encode(), if_none_match=True)

    def read(self, since: datetime | None = None) -> Iterator[AuditRecord]:
        """Records from ``since`` on, oldest first. What is no record is passed over."""
        start = None if since is None else f"{self.uri}/day={day_of(since)}"
        names = [uri for _, uri in self._listed(start)]
        with ThreadPoolExecutor(_READERS, thread_name_prefix="audit") as readers:
            for record in readers.map(self._one, names):
                if record is not None and (since is None or record.at >= since):
                    yield record

    def maintain(self, now: datetime | None = None) -> int:
        """Remove days that are older than is kept; gives how many records those had."""
        oldest = day_of((now or datetime.now(UTC)) - self._keep - timedelta(days=1))
        removed = 0
        for day, uri in self._listed(None):
            if day >= oldest:
                break
            self._store.delete(uri)
            removed += 1
        return removed

    def _listed(self, start: str | None) -> Iterator[tuple[str, str]]:
        for stat in self._store.list(f"{self.uri}/", start_after=start):
            found = _KEY.fullmatch(stat.uri.removeprefix(f"{self.uri}/"))
            if found is not None and is_day(found[1]):
                yield found[1], stat.uri

    def _one(self, uri: str) -> AuditRecord | None:
        try:
            return AuditRecord.model_validate_json(self._store.read(uri, max_bytes=_MAX_BYTES)[0])
        except ValidationError:
            return None
