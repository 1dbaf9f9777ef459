"""A small keyed table of pydantic records, created on first write; an absent one reads as empty."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar

import lance
import pyarrow as pa
from pydantic import BaseModel

from mmpipe.errors import CommitConflict, StorageUnavailable
from mmpipe.lake.caches import bounded_session
from mmpipe.lake.cleanup import CleanUps, remove_old_rows, remove_versions
from mmpipe.lake.create import create_table
from mmpipe.lake.merge import merge
from mmpipe.lake.storage import is_missing, lance_errors, lance_options, lance_uri, sql_text
from mmpipe.objects import open_store

if TYPE_CHECKING:
    from mmpipe.settings import StorageSettings

Record = TypeVar("Record", bound=BaseModel)
T = TypeVar("T")

# A fragment costs every look-up and every merge a request, a rewrite costs its bytes: small ones are put
# together early, larger ones when there are many. (Below which rows a fragment counts, and how many may.)
_TIERS = ((256, 8), (4_096, 16), (65_536, 32))
# A write puts them together itself only where nobody maintains the table.
_MAX_SMALL_FRAGMENTS = 64
# Rows outside the indexes: they are scanned, which is quicker up to here than another segment of an index.
_INDEX_ROWS = 2_048
_MAX_SEGMENTS = 8
# Nobody goes back to an old version of these tables: the newest are for writers, and the hold is for readers,
# that are in the middle of something.
_KEEP_VERSIONS = 4
_HOLD_SECONDS = 120.0
_EXPIRY_SECONDS = 3_600.0
_IN_CHUNK = 1_000


class When(TypedDict, total=False):
    """What of :meth:`RecordTable.maintain` is due."""

    hold: float
    thorough: bool
    at_rest: bool


class RecordTable(Generic[Record]):
    """Records of one model: the ``columns`` to filter by, the whole record as JSON in ``record``.

    What is looked up by one of ``lookups`` is found through an index, once :meth:`maintain` has run. Merges
    use none, or they would no longer exclude two writers that insert one key: they read the key column.
    ``session`` has the caches to read through, the table's own where there is none.

    Safe to share between threads and to write from several processes.
    """

    def __init__(
        self,
        uri: str,
        model: type[Record],
        key: str,
        columns: Mapping[str, pa.DataType],
        storage: StorageSettings,
        *,
        lookups: Sequence[str] = (),
        session: lance.Session | None = None,
    ) -> None:
        self._uri = uri
        self._session = session or bounded_session()
        self._model = model
        self._key = key
        self._storage = storage
        self._lock = threading.RLock()
        self._lookups = tuple(lookups)
        self._next_expiry = 0.0
        self._clean_ups = CleanUps()
        self._dataset: lance.LanceDataset | None = None
        # What a reader saw last; it is never moved.
        self._known: lance.LanceDataset | None = None
        self._what = f"table {uri.rsplit('/', 1)[-1].removesuffix('.lance')}"
        # The key is declared so that two writers that insert the same new key exclude each other.
        primary = {b"lance-schema:unenforced-primary-key": b"true"}
        fields = [pa.field(key, pa.string(), nullable=False, metadata=primary)]
        fields += [pa.field(name, kind) for name, kind in columns.items()]
        self.schema = pa.schema([*fields, pa.field("record", pa.string(), nullable=False)])

    def put(self, records: Sequence[Record], *, condition: str | None = None, replace: bool = True) -> int:
        """Insert, or replace by key where ``condition`` holds (always without one; never if not ``replace``).

        The last of several records with one key counts. Returns how many rows were written, in one commit.
        """
        if not records:
            return 0
        rows = self._rows(list({getattr(r, self._key): r for r in records}.values()))
        update = (condition or "true") if replace else None
        what = f"writing {self._what}"

        def write(dataset: lance.LanceDataset) -> int:
            inserted, updated = merge(dataset, self._key, rows, update, insert=True, what=what)
            self._compact_many(dataset)
            return inserted + updated

        return self._write(write, create=True) or 0

    def append(self, records: Sequence[Record]) -> int:
        """Add records whose keys are known to be new, without reading the table."""
        if not records:
            return 0

        def write(dataset: lance.LanceDataset) -> None:
            with lance_errors(f"writing {self._what}"):
                dataset.checkout_latest()
                self._dataset = lance.write_dataset(self._rows(records), dataset, mode="append")
            self._compact_many(self._dataset)

        self._write(write, create=True)
        return len(records)

    def select(self, where: str | None = None, *, limit: int | None = None) -> list[Record]:
        """Records whose columns satisfy ``where`` (SQL made by the caller from checked values), in no
        particular order."""
        rows = self.columns(["record"], where, limit=limit)
        return [self._model.model_validate_json(text) for text in rows.column("record").to_pylist()]

    def columns(
        self, names: Sequence[str], where: str | None = None, *, limit: int | None = None
    ) -> pa.Table:
        """Some columns of the rows that satisfy ``where``."""
        dataset = self._latest()
        if dataset is None:
            return pa.schema([self.schema.field(n) for n in names]).empty_table()
        with lance_errors(f"reading {self._what}"):
            return dataset.to_table(columns=list(names), filter=where, limit=limit)

    def versioned(self, names: Sequence[str], wheres: Sequence[str]) -> tuple[pa.Table, int]:
        """Some columns of the rows that satisfy any of ``wheres``, of which no row satisfies two, all as one
        version holds them, and its number: it grows with every change. 0 where there is no table."""
        dataset = self._latest()
        if dataset is None:
            return pa.schema([self.schema.field(n) for n in names]).empty_table(), 0
        with lance_errors(f"reading {self._what}"):
            parts = [dataset.to_table(columns=list(names), filter=where) for where in wheres]
        schema = pa.schema([self.schema.field(n) for n in names])
        return pa.concat_tables(parts) if parts else schema.empty_table(), int(dataset.version)

    def purge(self) -> None:
        """Write files anew that hold replaced or deleted rows, and remove those of every older version:
        nothing of those rows is left. A reader that is in the middle of one is told to try again; a writer
        does so by itself."""

        def write(dataset: lance.LanceDataset) -> None:
            with lance_errors(f"purging {self._what}"):
                dataset.checkout_latest()
                dataset.optimize.compact_files(materialize_deletions_threshold=0.0)
                remove_old_rows(dataset, self._uri, open_store(self._uri, self._storage))
            self._clean_up(_HOLD_SECONDS, at_rest=True)

        self._write(write, create=False)

    def by_key(self, keys: Sequence[str]) -> list[Record]:
        """The records of these keys; unknown keys are left out."""
        return [r for where in in_list(self._key, keys) for r in self.select(where)]

    def delete(self, keys: Sequence[str]) -> int:
        """Remove records by key; returns how many there were."""

        def write(dataset: lance.LanceDataset) -> int:
            with lance_errors(f"writing {self._what}"):
                dataset.checkout_latest()
                wheres = in_list(self._key, keys)
                return sum(int(dataset.delete(where)["num_deleted_rows"]) for where in wheres)

        return self._write(write, create=False) or 0

    def count(self, where: str | None = None) -> int:
        """How many records satisfy ``where``."""
        dataset = self._latest()
        if dataset is None:
            return 0
        with lance_errors(f"counting {self._what}"):
            return int(dataset.count_rows(filter=where))

    def _rows(self, records: Sequence[Record]) -> pa.Table:
        columns = [
            pa.array([getattr(r, f.name) for r in records], f.type) for f in self.schema if f.name != "record"
        ]
        columns.append(pa.array([r.model_dump_json() for r in records], pa.string()))
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _open(self, *, create: bool) -> lance.LanceDataset | None:
        """The shared handle, at whatever version it last saw."""
        if self._dataset is None:
            options = lance_options(self._uri, self._storage)
            self._dataset = _open_or_none(self._uri, options, self._session, self._what)
            if self._dataset is None and create:
                with lance_errors(f"creating {self._what}"):
                    create_table(self._uri, self.schema, self._storage)
                self._dataset = _open_or_none(self._uri, options, self._session, self._what)
        return self._dataset

    def _write(self, write: Callable[[lance.LanceDataset], T], *, create: bool) -> T | None:
        """``write`` with the shared handle, or with another where the table was removed since it was opened;
        None where there is none, and it is not to be created."""
        with self._lock:
            dataset = self._open(create=create)
            try:
                return None if dataset is None else write(dataset)
            except (OSError, ValueError) as error:
                if not is_missing(error):
                    raise
            self._dataset = self._known = None
            dataset = self._open(create=create)
            return None if dataset is None else write(dataset)

    def _latest(self) -> lance.LanceDataset | None:
        try:
            return self._newest()
        except (OSError, ValueError) as error:
            if not is_missing(error):
                raise
        # It was removed, by whoever empties a collection's folder, and may have been created again.
        with self._lock:
            self._dataset = self._known = None
        return self._newest()

    def _newest(self) -> lance.LanceDataset | None:
        # Handles of their own: a write moves the shared one, and no reader waits until it has.
        known = self._known
        if known is None:
            with self._lock:
                opened = self._open(create=False)
                if opened is None:
                    return None
                known = opened.checkout_version(int(opened.version))
        with lance_errors(f"reading {self._what}"):
            dataset = known.checkout_version(int(known.version))
            dataset.checkout_latest()
        self._known = dataset.checkout_version(int(dataset.version))
        return dataset

    def maintain(
        self,
        expired: str | None = None,
        *,
        hold: float = _HOLD_SECONDS,
        thorough: bool = False,
        at_rest: bool = False,
    ) -> None:
        """Put small files together, bring the indexes up to date, remove versions older than ``hold`` seconds
        (``at_rest`` and where it is ``thorough`` if there are few, too), each where it is due; one request
        where nothing is. Every hour, and where it is ``thorough``, the records that ``expired`` selects are
        removed.

        Writes go on meanwhile; a step that another writer was faster than is left for the next call.
        """
        dataset = self._latest()
        if dataset is None:
            return
        now = time.monotonic()
        try:
            if expired is not None and (thorough or now >= self._next_expiry):
                self._next_expiry = now + _EXPIRY_SECONDS
                self._expire(dataset, expired)
            self._compact(dataset)
            self._index(dataset)
        except CommitConflict:
            pass
        self._clean_up(hold, at_rest=at_rest or thorough)

    def _expire(self, dataset: lance.LanceDataset, expired: str) -> None:
        with lance_errors(f"removing old records of {self._what}"):
            if dataset.count_rows(filter=expired):
                dataset.delete(expired)

    def _compact_many(self, dataset: lance.LanceDataset) -> None:
        if _below(dataset, _TIERS[-1][0]) > _MAX_SMALL_FRAGMENTS:
            # The records are written. Another writer may be at it, or the store be busy: the next write tries
            # again.
            with suppress(CommitConflict, StorageUnavailable):
                self._compact(dataset)
                self._clean_up(_HOLD_SECONDS)

    def _compact(self, dataset: lance.LanceDataset) -> None:
        with lance_errors(f"compacting {self._what}"):
            for rows, many in _TIERS:
                if _below(dataset, rows) > many:
                    dataset.optimize.compact_files(target_rows_per_fragment=rows)

    def _clean_up(self, hold: float, *, at_rest: bool = False) -> None:
        dataset = self._latest()
        if dataset is not None and self._clean_ups.due(int(dataset.version), hold, at_rest=at_rest):
            with lance_errors(f"removing versions of {self._what}"):
                remove_versions(dataset, hold=hold, keep=_KEEP_VERSIONS)

    def _index(self, dataset: lance.LanceDataset) -> None:
        names = {f"{column}_idx": column for column in self._lookups}
        if not names:
            return
        with lance_errors(f"indexing {self._what}"):
            segments = {index.name: index.segments for index in dataset.describe_indices()}
            covered = set.intersection(
                *({i for s in segments.get(name, ()) for i in s.fragment_ids} for name in names)
            )
            fragments = dataset.get_fragments()
            outside = sum(f.metadata.num_rows for f in fragments if f.fragment_id not in covered)
            if outside < _INDEX_ROWS:
                return
            # Fragments of different segments are never put together, so first those that get one now.
            dataset.optimize.compact_files(target_rows_per_fragment=_TIERS[1][0])
            for name, column in names.items():
                if name not in segments:
                    dataset.create_scalar_index(column, "BTREE", name=name)
            # New rows get a segment of their own. Where there are many, all but the first become one.
            most = max((len(segments.get(name, ())) for name in names), default=0)
            merged = most - 1 if most >= _MAX_SEGMENTS else 0
            dataset.optimize.optimize_indices(index_names=sorted(names), num_indices_to_merge=merged)
            if merged:
                dataset.optimize.compact_files(target_rows_per_fragment=_TIERS[-1][0])


def _below(dataset: lance.LanceDataset, rows: int) -> int:
    return sum(1 for f in dataset.get_fragments() if f.metadata.num_rows < rows)


def in_list(column: str, values: Sequence[str]) -> list[str]:
    """``column IN (…)`` in chunks, values quoted; no chunk for no values."""
    distinct = list(dict.fromkeys(values))
    chunks = (distinct[i : i + _IN_CHUNK] for i in range(0, len(distinct), _IN_CHUNK))
    return [f"{column} IN ({', '.join(sql_text(v) for v in chunk)})" for chunk in chunks]


def sql_time(moment: datetime) -> str:
    """A moment as a literal of Lance's SQL, in UTC."""
    return f"timestamp '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


def all_of(conditions: Sequence[str]) -> str | None:
    """The conditions joined by AND; none for none."""
    return " AND ".join(f"({c})" for c in conditions) or None


def _open_or_none(
    table_uri: str, options: dict[str, str] | None, session: lance.Session, what: str
) -> lance.LanceDataset | None:
    try:
        with lance_errors(f"opening {what}"):
            return lance.dataset(lance_uri(table_uri), storage_options=options, session=session)
    except (OSError, ValueError) as error:
        if is_missing(error):
            return None
        raise
