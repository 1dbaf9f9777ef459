"""The log's objects: listed, read, written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from mmpipe.errors import ObjectNotFound, StorageUnavailable
from mmpipe.lake.interactions.schema import DAY, ERASED, SCHEMA, Segment, segment_at
from mmpipe.objects import open_store

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStat
    from mmpipe.settings import StorageSettings

_MAX_BYTES = 2_000_000_000
_MAX_RECORD_BYTES = 64_000_000
_READERS = 8


class DamagedSegment(StorageUnavailable):
    """An object stands where a segment should, and is none."""


@dataclass(slots=True)
class Listing:
    """What one listing found: segments with their stats, in the order of their names; names of erasures."""

    segments: dict[Segment, ObjectStat] = field(default_factory=dict)
    erasures: list[str] = field(default_factory=list)


class LogFolder:
    """The objects of one collection's log. Safe to share between threads."""

    def __init__(self, uri: str, storage: StorageSettings) -> None:
        self.uri = uri
        self.store = open_store(uri, storage)

    def list(self, start: str = DAY) -> Listing:
        """The segments and the erasures whose keys come after ``start``, of which there are more by then.

        Erasures are listed after the segments: whoever heeds them heeds all that were there before the newest
        of these segments was.
        """
        found = Listing()
        for stat in self.store.list(f"{self.uri}/", start_after=f"{self.uri}/{start}"):
            key = stat.uri[len(self.uri) + 1 :]
            segment = segment_at(key, stat.size)
            if segment is not None:
                found.segments[segment] = stat
            elif key.startswith(f"{ERASED}/") and key.endswith(".json"):
                found.erasures.append(key[len(ERASED) + 1 : -len(".json")])
        return found

    def list_day(self, day: str) -> dict[Segment, ObjectStat]:
        """The segments of one day."""
        found = {}
        for stat in self.store.list(f"{self.uri}/{DAY}{day}/"):
            segment = segment_at(stat.uri[len(self.uri) + 1 :], stat.size)
            if segment is not None:
                found[segment] = stat
        return found

    def records(self, folder: str) -> dict[str, ObjectStat]:
        """The small objects of a folder by their names, sorted: ``x`` and ``day/x`` for ``folder/x.json``."""
        root = f"{self.uri}/{folder}/"
        found = {stat.uri[len(root) :]: stat for stat in self.store.list(root)}
        return {key.removesuffix(".json"): stat for key, stat in found.items() if key.endswith(".json")}

    def read(self, segment: Segment, columns: Sequence[str] | None = None) -> tuple[pa.Table, ObjectStat]:
        """Its rows as they are stored, with the columns of ``SCHEMA`` or these of them. Raises
        ``ObjectNotFound`` where it was merged or expired meanwhile, ``DamagedSegment`` where it is no
        segment."""
        uri = f"{self.uri}/{segment.key}"
        wanted = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
        data, stat = self.store.read(uri, max_bytes=_MAX_BYTES)
        try:
            file = pq.ParquetFile(pa.BufferReader(data))
            table = file.read(columns=wanted.names, use_threads=False).select(wanted.names).cast(wanted)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise DamagedSegment(f"{uri} is no segment ({error}): restore its former version") from error
        return table, stat

    def read_many(
        self, segments: Sequence[Segment], columns: Sequence[str] | None = None
    ) -> dict[Segment, pa.Table | None]:
        """The same of several at once; None for one that is gone."""
        read = self.read_whole(segments, columns)
        for held in read.values():
            if isinstance(held, DamagedSegment):
                raise held
        return {segment: held for segment, held in read.items() if not isinstance(held, DamagedSegment)}

    def read_whole(
        self, segments: Sequence[Segment], columns: Sequence[str] | None = None
    ) -> dict[Segment, pa.Table | DamagedSegment | None]:
        """The same, with what is wrong in place of those that are damaged."""

        def read(segment: Segment) -> pa.Table | DamagedSegment | None:
            try:
                return self.read(segment, columns)[0]
            except ObjectNotFound:
                return None
            except DamagedSegment as error:
                return error

        if len(segments) < 2:
            return {segment: read(segment) for segment in segments}
        with ThreadPoolExecutor(min(_READERS, len(segments)), thread_name_prefix="interactions") as pool:
            return dict(zip(segments, pool.map(read, segments), strict=True))

    def write(self, segment: Segment, table: pa.Table, *, if_match: str | None = None) -> Segment:
        """Store a segment that is not there yet, or, with the etag it was read with, anew. Raises
        ``CommitConflict``."""
        data = encoded(table)
        uri = f"{self.uri}/{segment.key}"
        self.store.write(uri, data, if_match=if_match, if_none_match=if_match is None)
        return Segment(segment.day, segment.name, len(data))

    def delete(self, segment: Segment) -> None:
        """Remove a segment."""
        self.store.delete(f"{self.uri}/{segment.key}")

    def delete_many(self, segments: Iterable[Segment]) -> int:
        """Remove segments; gives how many."""
        gone = list(segments)
        if len(gone) > 1:
            with ThreadPoolExecutor(_READERS, thread_name_prefix="interactions") as pool:
                list(pool.map(self.delete, gone))
        else:
            for segment in gone:
                self.delete(segment)
        return len(gone)

    def read_record(self, key: str) -> tuple[bytes, str] | None:
        """A small object and its etag; None where there is none."""
        try:
            data, stat = self.store.read(f"{self.uri}/{key}", max_bytes=_MAX_RECORD_BYTES)
        except ObjectNotFound:
            return None
        return data, stat.etag

    def write_record(self, key: str, data: bytes, *, if_match: str | None = None) -> str:
        """A small object that is not there yet, or over the version with an etag; gives the new etag. Raises
        ``CommitConflict``."""
        uri = f"{self.uri}/{key}"
        return self.store.write(uri, data, if_match=if_match, if_none_match=if_match is None).etag

    def delete_record(self, key: str) -> None:
        """Remove a small object."""
        self.store.delete(f"{self.uri}/{key}")


def encoded(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
