"""What was asked of a collection and what was found, never by whom: a log beside the tables.

Below ``<lake>/<collection>/analytics/``::

    day=YYYY-MM-DD/<ms>-<random>.parquet    a segment: records that were written that day (UTC)
    day=YYYY-MM-DD/<ms>-<random>-r.parquet  the same of a day that is old: without the texts that are rare

A set, as the log of interactions is: who writes adds an object, who reads counts each record once by its
number. So a batch that is written twice, and a merge that breaks off between writing and removing, change
nothing that is read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmpipe.errors import InvalidRequest, ObjectNotFound, StorageUnavailable
from mmpipe.lake.interactions.folder import encoded
from mmpipe.lake.interactions.schema import day_of, fresh_name, is_day
from mmpipe.objects import open_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.objects import ObjectStat
    from mmpipe.settings import AnalyticsSettings, StorageSettings

SCHEMA: Final = pa.schema(
    [
        pa.field("record", pa.int64(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("query_id", pa.string(), nullable=False),
        pa.field("first", pa.bool_(), nullable=False),
        pa.field("query", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("modalities", pa.string(), nullable=False),
        pa.field("marks", pa.list_(pa.string()), nullable=False),
        pa.field("rules", pa.list_(pa.string()), nullable=False),
        pa.field("total", pa.int64(), nullable=False),
        pa.field("shown", pa.int32(), nullable=False),
        pa.field("ms", pa.float32(), nullable=False),
    ]
)
"""Every column. ``record`` is a random number; ``first`` says whether it is a first page, of which alone the
others tell something; ``query`` is the folded text where ``kind`` is ``query``, else null."""
RARE: Final = "rare"
"""The kind of a record whose text was removed."""

_KEY = re.compile(r"day=(\d{4}-\d\d-\d\d)/(\d{13}-[0-9a-f]{16}(?:-r)?)\.parquet")
_MAX_BYTES = 1_000_000_000
# A segment of this size is left alone; so many bytes are merged into one at most.
_LARGE_BYTES = 16_000_000
_MERGED_BYTES = 32_000_000
# Of a day that goes on, so many at least: else every round would write the whole day again.
_FEW = 16
_AFTER_MIDNIGHT = timedelta(hours=1)
_ATTEMPTS = 5
_READERS = 8


@dataclass(frozen=True, slots=True, order=True)
class SearchSegment:
    """One immutable object: a UTC day of writing, a name, its bytes."""

    day: str
    name: str
    size: int = 0

    @property
    def key(self) -> str:
        """Its object below the log's folder."""
        return f"day={self.day}/{self.name}.parquet"

    @property
    def thinned(self) -> bool:
        """Whether rare texts were taken out."""
        return self.name.endswith("-r")


@dataclass(frozen=True, slots=True)
class SearchesKept:
    """What :meth:`SearchLog.maintain` did, in segments, and in texts that were removed."""

    merged: int = 0
    expired: int = 0
    texts_removed: int = 0


class SearchLog:
    """The records of one collection. Safe to share between threads and processes; every method may raise
    ``StorageUnavailable``."""

    def __init__(self, uri: str, storage: StorageSettings, settings: AnalyticsSettings) -> None:
        self.uri = uri.rstrip("/")
        self._store = open_store(self.uri, storage)
        self._settings = settings

    def append(self, table: pa.Table, *, now: datetime | None = None) -> SearchSegment:
        """Store records (columns of :data:`SCHEMA`, one row or more) in one request. Where it raises they may
        be there all the same, and writing them again does no harm."""
        if not len(table):
            raise ValueError("a segment holds one record or more")
        moment = now or datetime.now(UTC)
        return self._write(SearchSegment(day_of(moment), fresh_name(moment)), table)

    def segments(self, since_day: str | None = None) -> list[SearchSegment]:
        """The segments, oldest day first, of days from ``since_day`` (``YYYY-MM-DD``) on."""
        start = None if since_day is None else f"{self.uri}/day={since_day}"
        found = (self._segment(stat) for stat in self._store.list(f"{self.uri}/", start_after=start))
        return [segment for segment in found if segment is not None]

    def read(
        self, columns: Sequence[str], since: datetime | None = None, *, max_bytes: int | None = None
    ) -> pa.Table:
        """These columns of every record made ``since``, each once, days in order. Raises ``InvalidRequest``
        (field ``days``) where the segments hold more than ``max_bytes``."""
        days: dict[str, list[SearchSegment]] = defaultdict(list)
        for segment in self.segments(None if since is None else day_of(since)):
            days[segment.day].append(segment)
        size = sum(segment.size for held in days.values() for segment in held)
        if max_bytes is not None and size > max_bytes:
            raise InvalidRequest(
                "days", f"they hold {size:,} bytes of records, {max_bytes:,} are read: ask for fewer"
            )
        wanted = list(dict.fromkeys(("record", "at", *columns)))
        tables = [_once(pa.concat_tables(self._read_day(day, held, wanted))) for day, held in days.items()]
        if not tables:
            return pa.schema([SCHEMA.field(name) for name in columns]).empty_table()
        # What could not be acknowledged before midnight may be there of both days.
        table = _once(pa.concat_tables(tables))
        if since is not None:
            table = table.filter(pc.greater_equal(table["at"], pa.scalar(since, SCHEMA.field("at").type)))
        return table.select(list(columns))

    def maintain(self, now: datetime | None = None, *, few: int = _FEW) -> SearchesKept:
        """Remove days older than ``analytics.keep_days``; take texts that were searched fewer than
        ``min_searches`` times out of the days older than ``rare_days``; merge small segments. Loses nothing
        wherever it ends."""
        moment = now or datetime.now(UTC)
        oldest = day_of(moment - timedelta(days=self._settings.keep_days + 1))
        days: dict[str, list[SearchSegment]] = defaultdict(list)
        for segment in self.segments():
            days[segment.day].append(segment)
        expired = sum(self._remove(held) for day, held in days.items() if day < oldest)
        days = {day: held for day, held in days.items() if day >= oldest}
        removed, thinned = self._thin(days, moment)
        merged = sum(self._merge(day, held, moment, few) for day, held in days.items() if day not in thinned)
        return SearchesKept(merged, expired, removed)

    def _thin(self, days: dict[str, list[SearchSegment]], now: datetime) -> tuple[int, set[str]]:
        """Gives how many texts were removed, and the days that were due."""
        last = day_of(now - timedelta(days=self._settings.rare_days + 1))
        due = {
            day: held for day, held in days.items() if day < last and not all(each.thinned for each in held)
        }
        if not due:
            return 0, set()
        # Over all that is held: what is asked once a day is not rare.
        common = self._common(days)
        removed = 0
        for day, held in sorted(due.items()):
            table = _once(pa.concat_tables(self._read_day(day, held, SCHEMA.names)))
            rare = pc.and_(pc.is_valid(table["query"]), pc.invert(pc.is_in(table["query"], value_set=common)))
            removed += pc.sum(rare).as_py() or 0
            kinds = pc.if_else(rare, RARE, table["kind"])
            texts = pc.if_else(rare, pa.scalar(None, pa.string()), table["query"])
            thin = table.set_column(SCHEMA.get_field_index("kind"), SCHEMA.field("kind"), kinds)
            thin = thin.set_column(SCHEMA.get_field_index("query"), SCHEMA.field("query"), texts)
            self._write(SearchSegment(day, f"{fresh_name(now)}-r"), thin)
            self._remove(held)
        return removed, set(due)

    def _common(self, days: dict[str, list[SearchSegment]]) -> pa.ChunkedArray:
        """The texts that were searched often enough, of all days together."""
        counts = []
        for day, held in sorted(days.items()):
            table = _once(pa.concat_tables(self._read_day(day, held, ["record", "first", "query"])))
            asked = table.filter(pc.and_(table["first"], pc.is_valid(table["query"])))
            counts.append(asked.group_by("query").aggregate([([], "count_all")]))
        total = pa.concat_tables(counts).group_by("query").aggregate([("count_all", "sum")])
        often = pc.greater_equal(total["count_all_sum"], self._settings.min_searches)
        return total.filter(often)["query"]

    def _merge(self, day: str, held: Sequence[SearchSegment], now: datetime, few: int) -> int:
        small = [segment for segment in held if segment.size < _LARGE_BYTES]
        if len(small) < (2 if day < day_of(now - _AFTER_MIDNIGHT) else few):
            return 0
        merged = 0
        for part in _parts(small):
            if len(part) < 2:
                continue
            read = [self._read(segment, SCHEMA.names) for segment in part]
            tables = [table for table in read if table is not None]
            if len(tables) < len(part):
                continue  # another process merges them
            ending = "-r" if part[0].thinned else ""
            self._write(SearchSegment(day, fresh_name(now) + ending), _once(pa.concat_tables(tables)))
            merged += self._remove(part)
        return merged

    def _read_day(self, day: str, held: Sequence[SearchSegment], columns: Sequence[str]) -> list[pa.Table]:
        """Of whatever its segments were merged into, where that happens meanwhile."""
        segments = list(held)
        for _ in range(_ATTEMPTS):
            with ThreadPoolExecutor(min(_READERS, len(segments)), thread_name_prefix="analytics") as pool:
                read = list(pool.map(lambda segment: self._read(segment, columns), segments))
            tables = [table for table in read if table is not None]
            if len(tables) == len(read):
                return tables
            found = (self._segment(stat) for stat in self._store.list(f"{self.uri}/day={day}/"))
            segments = [segment for segment in found if segment is not None]
            if not segments:
                return [pa.schema([SCHEMA.field(name) for name in columns]).empty_table()]
        raise StorageUnavailable(f"{self.uri}: {day} is merged faster than it can be read")

    def _read(self, segment: SearchSegment, columns: Sequence[str]) -> pa.Table | None:
        """None where it was merged or removed meanwhile."""
        uri = f"{self.uri}/{segment.key}"
        wanted = pa.schema([SCHEMA.field(name) for name in columns])
        try:
            data, _ = self._store.read(uri, max_bytes=_MAX_BYTES)
        except ObjectNotFound:
            return None
        try:
            file = pq.ParquetFile(pa.BufferReader(data))
            return file.read(columns=wanted.names, use_threads=False).select(wanted.names).cast(wanted)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise StorageUnavailable(f"{uri} is no segment ({error}): restore or remove it") from error

    def _write(self, segment: SearchSegment, table: pa.Table) -> SearchSegment:
        data = encoded(table.select(SCHEMA.names).cast(SCHEMA))
        # The name is random, so that nobody else's object is there, at most this one's of before.
        self._store.write(f"{self.uri}/{segment.key}", data)
        return SearchSegment(segment.day, segment.name, len(data))

    def _remove(self, segments: Iterable[SearchSegment]) -> int:
        gone = list(segments)
        for segment in gone:
            self._store.delete(f"{self.uri}/{segment.key}")
        return len(gone)

    def _segment(self, stat: ObjectStat) -> SearchSegment | None:
        found = _KEY.fullmatch(stat.uri[len(self.uri) + 1 :])
        return SearchSegment(found[1], found[2], stat.size) if found and is_day(found[1]) else None


def _once(table: pa.Table) -> pa.Table:
    numbers: NDArray[np.int64] = table["record"].to_numpy()
    _, first = np.unique(numbers, return_index=True)
    return table if len(first) == len(table) else table.take(pa.array(np.sort(first)))


def _parts(segments: Iterable[SearchSegment]) -> list[list[SearchSegment]]:
    parts: list[list[SearchSegment]] = [[]]
    size = 0
    for segment in sorted(segments, key=lambda each: (each.thinned, each.name)):
        # What was thinned stays apart from what a writer with a slow clock has added since.
        if parts[-1] and (size + segment.size > _MERGED_BYTES or parts[-1][-1].thinned != segment.thinned):
            parts.append([])
            size = 0
        parts[-1].append(segment)
        size += segment.size
    return parts
