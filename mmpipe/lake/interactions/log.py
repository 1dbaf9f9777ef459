"""The log of one collection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import ValidationError

from mmpipe.errors import CommitConflict, StorageUnavailable
from mmpipe.lake.interactions import erasing
from mmpipe.lake.interactions.compaction import Compacted, compact, expire
from mmpipe.lake.interactions.folder import LogFolder, encoded
from mmpipe.lake.interactions.reading import DECIDING, Erased, Once, first_copies, since
from mmpipe.lake.interactions.schema import DAY, ERASED, SCHEMA, Segment, day_of, fresh_name
from mmpipe.lake.interactions.tailing import Position, tail
from mmpipe.schemas.people import Erasure, Export

if TYPE_CHECKING:
    from mmpipe.settings import StorageSettings

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Heeded:
    """Erasures by name, and what they leave out."""

    names: frozenset[str]
    erasures: dict[str, Erasure]
    erased: Erased


@dataclass(frozen=True, slots=True)
class Maintained:
    """What :meth:`InteractionLog.maintain` did: erasures that were settled, segments that expired."""

    compacted: Compacted
    settled: int
    expired: int


class InteractionLog:
    """The durable set of events of one collection. Safe to share between threads and processes.

    A set, whatever wrote it: segments are only ever added, merged and expired, and of an event that is there
    twice (by its id) one copy counts: of the first day it arrived on, the one that arrived first. So neither
    the order of arrival nor a repetition changes what is read.

    Every method may raise ``StorageUnavailable``. With ``keep_days``, events that occurred before are left
    out by every reader, whether their day was removed yet or not.
    """

    def __init__(
        self, uri: str, storage: StorageSettings, *, collection: str = "", keep_days: int | None = None
    ) -> None:
        self.uri = uri.rstrip("/")
        self.collection = collection or self.uri.rsplit("/", 2)[-2]
        self.folder = LogFolder(self.uri, storage)
        self.keep_days = keep_days
        # The last that was heeded, never changed in place: threads may replace each other's.
        self._heeded = Heeded(frozenset(), {}, Erased())

    def append(self, table: pa.Table, *, now: datetime | None = None) -> Segment:
        """Store events durably, in one request: when this returns no crash loses them.

        ``table`` has the columns of ``SCHEMA`` and one row or more; raises ``ValueError`` otherwise. Writers
        do not meet. Where it raises ``StorageUnavailable``, the events may be there all the same, and sending
        them again does no harm.
        """
        rows = _checked(table)
        moment = now or datetime.now(UTC)
        for _ in range(_ATTEMPTS):
            segment = Segment(day_of(moment), fresh_name(moment))
            try:
                return self.folder.write(segment, rows)
            except CommitConflict:
                # Nobody else makes this name: it is ours, and the answer to its writing was lost.
                held = self.folder.read_record(segment.key)
                if held is not None and held[0] == (data := encoded(rows)):
                    return Segment(segment.day, segment.name, len(data))
        raise StorageUnavailable(f"{self.uri}: a segment could not be written")

    def segments(self, since_day: str | None = None) -> list[Segment]:
        """The segments, oldest day first, of days from ``since_day`` (``YYYY-MM-DD``) on."""
        return list(self.folder.list(DAY if since_day is None else f"{DAY}{since_day}").segments)

    def read(self, segment: Segment, columns: Sequence[str] | None = None) -> pa.Table:
        """The events of one segment that count, without looking for other copies of them; of all columns, or
        of these. Raises ``ObjectNotFound`` where it was merged into another, or expired."""
        heeded = self.heed(self.folder.records(ERASED))
        return self.counting(self.folder.read(segment, self.needed(columns))[0], heeded.erased, columns)

    def scan(self, columns: Sequence[str] | None = None, since: datetime | None = None) -> Iterator[pa.Table]:
        """Every event once, a table per UTC day of arrival, in the order of arrival; those that occurred
        ``since``. Nobody who was erased before the call is in it. Holds one day in memory, of these columns.
        """
        oldest = _later(since, self._oldest())
        # Events may be a day ahead of their arrival.
        start = DAY if oldest is None else f"{DAY}{day_of(oldest - timedelta(days=1))}"
        listing = self.folder.list(start)
        erased = self.heed(listing.erasures).erased
        days: dict[str, list[Segment]] = defaultdict(list)
        for segment in listing.segments:
            days[segment.day].append(segment)
        once = Once()
        for day in sorted(days):
            held = self.read_day(day, days[day], self.needed(columns))
            counted = {
                segment: self.counting(table, erased, oldest=oldest) for segment, table in held.items()
            }
            table = once.new(first_copies(counted))
            if len(table):
                yield table.select(list(columns or SCHEMA.names))

    def tail(
        self,
        position: Position | None = None,
        columns: Sequence[str] | None = None,
        *,
        now: datetime | None = None,
    ) -> tuple[list[pa.Table], Position]:
        """What was stored since ``position``, and the position after it; without one, everything.

        Hands on every event that was stored before the call at least once over all calls, some twice: who
        follows tells them apart by ``event_id``. ``Position.erased`` says whom to forget before adding. Costs
        one listing of what is new, and a read per new segment; every minute, and in the hour after midnight
        (UTC), a listing of the day.
        """
        return tail(self, position, columns, now or datetime.now(UTC))

    def count(self) -> int:
        """How many events there are, each counted once. Reads the ids of all."""
        return sum(len(table) for table in self.scan(["event_id"]))

    def to_table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All events in one table, in the order of arrival. For tests and small shops."""
        tables = list(self.scan(columns))
        schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def erasures(self) -> list[Erasure]:
        """Erasures that readers heed, oldest first; settled ones of long ago are in the archive."""
        held = (self._erasure(name) for name in self.folder.records(ERASED))
        return [erasure for erasure in held if erasure is not None]

    def proofs(self) -> list[Erasure]:
        """Every erasure there ever was, oldest first, also those of the archive."""
        held = {erasure.record_id: erasure for erasure in erasing.archived(self)}
        held.update((erasure.record_id, erasure) for erasure in self.erasures())
        return [held[name] for name in sorted(held)]

    def heed(self, names: Iterable[str]) -> Heeded:
        """The erasures of these names, which a reader has just listed. Whom one names never changes, so each
        is read once."""
        last = self._heeded
        wanted = frozenset(names)
        if wanted == last.names:
            return last
        found = {name: last.erasures.get(name) or self._erasure(name) for name in sorted(wanted)}
        erasures = {name: erasure for name, erasure in found.items() if erasure is not None}
        heeded = Heeded(frozenset(erasures), erasures, Erased(erasures.values()))
        self._heeded = heeded
        return heeded

    def erase(
        self,
        users: Iterable[str],
        *,
        models: Iterable[str] = (),
        now: datetime | None = None,
        also: Callable[[Erasure], int] | None = None,
    ) -> Erasure:
        """Remove what is held of these people (pseudonyms of users); gives the proof, which is kept.

        With a person goes what happened anonymously in sessions that nobody else used. From the moment it
        begins readers leave all of it out; when it returns, no object of the log that was there holds any of
        it, former versions of a versioned bucket apart. Breaks it off, maintenance finishes it. What arrives
        later is new. ``models`` are named in the proof as those to be trained again. ``also`` removes
        what is held of them elsewhere, their reviews, and gives how many there were.
        """
        return erasing.erase(self, frozenset(users), tuple(models), now or datetime.now(UTC), also)

    def export(self, user: str) -> pa.Table:
        """What is held of a person (pseudonym of a user) in the order it arrived, with the sessions that
        :meth:`erase` would remove. Leaves no proof: see :meth:`record_export`."""
        return erasing.export(self, user)

    def record_export(self, user: str, events: pa.Table, *, now: datetime | None = None) -> Export:
        """Keep as a proof that this was handed out."""
        return erasing.record_export(self, user, events, now or datetime.now(UTC))

    def compact(self, now: datetime | None = None, **options: Any) -> Compacted:
        """Merge small segments; see :func:`mmpipe.lake.interactions.compaction.compact`."""
        return compact(self, now or datetime.now(UTC), **options)

    def expire(self, days: int, *, now: datetime | None = None) -> int:
        """Remove the days of arrival that ended more than ``days`` ago; gives how many segments went."""
        return expire(self, days, now or datetime.now(UTC))

    def maintain(self) -> Maintained:
        """Compact, finish erasures, and remove what is older than ``keep_days``. Where the store forbids
        removal, nothing more is merged. Loses nothing wherever it ends."""
        now = datetime.now(UTC)
        compacted = self.compact(now)
        # Before erasures, which a damaged segment holds up for as long as it is there.
        expired = 0 if self.keep_days is None else self.expire(self.keep_days, now=now)
        settled = erasing.settle(self, now)
        return Maintained(compacted, settled, expired)

    def _erasure(self, name: str) -> Erasure | None:
        held = self.folder.read_record(f"{ERASED}/{name}.json")
        if held is None:
            return None
        try:
            return Erasure.model_validate_json(held[0])
        except ValidationError as error:
            raise StorageUnavailable(f"{self.uri}: erasure {name} cannot be read: restore it") from error

    def needed(self, columns: Sequence[str] | None) -> list[str] | None:
        """The columns to read for these: what decides whether a row counts is among them."""
        return None if columns is None else list(dict.fromkeys((*columns, *DECIDING)))

    def counting(
        self,
        table: pa.Table,
        erased: Erased,
        columns: Sequence[str] | None = None,
        *,
        oldest: datetime | None = None,
    ) -> pa.Table:
        """The rows that count, of these columns: of nobody who was erased, nothing too old."""
        kept = since(erased.without(table), oldest or self._oldest())
        return kept if columns is None else kept.select(list(columns))

    def read_day(
        self, day: str, segments: Sequence[Segment], columns: Sequence[str] | None
    ) -> dict[Segment, pa.Table]:
        """The stored rows of a day's segments, of whatever they were merged into where that happens
        meanwhile."""
        found: dict[Segment, pa.Table] = {}
        for _ in range(_ATTEMPTS):
            read = self.folder.read_many([segment for segment in segments if segment not in found], columns)
            found.update((segment, table) for segment, table in read.items() if table is not None)
            if all(table is not None for table in read.values()):
                return found
            segments = list(self.folder.list_day(day))
        raise StorageUnavailable(f"{self.uri}: {day} is merged faster than it can be read")

    def _oldest(self) -> datetime | None:
        return None if self.keep_days is None else datetime.now(UTC) - timedelta(days=self.keep_days)


def _later(first: datetime | None, second: datetime | None) -> datetime | None:
    given = [moment for moment in (first, second) if moment is not None]
    return max(given) if given else None


def _checked(table: pa.Table) -> pa.Table:
    missing = set(SCHEMA.names) ^ set(table.column_names)
    if missing:
        raise ValueError(f"a segment has the columns of SCHEMA: not so {', '.join(sorted(missing))}")
    if not len(table):
        raise ValueError("a segment holds one event or more")
    return table.select(SCHEMA.names).cast(SCHEMA)
