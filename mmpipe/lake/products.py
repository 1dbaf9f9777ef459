"""One ``products`` table: every write ordered, every read from the newest version."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import lance
import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.encoders.base import Profile
from mmpipe.errors import CommitConflict, NotFound, ProfileMismatch
from mmpipe.lake.create import create_table
from mmpipe.lake.maintenance import (
    MaintenanceReport,
    clean_up_interval,
    create_text_and_scalar_indexes,
    maintain,
)
from mmpipe.lake.merge import merge
from mmpipe.lake.precedence import REFRESH, RESTOCK, STANDING_COLUMNS, UPSERT, latest_per_id
from mmpipe.lake.schema import media_key, products_schema, profile_of
from mmpipe.lake.stock import Restocked, Stock, with_stock
from mmpipe.lake.storage import is_missing, lance_errors, lance_options, lance_uri, sql_text

if TYPE_CHECKING:
    from mmpipe.settings import LakeSettings, StorageSettings

# Any other commit in between refuses a change of the schema; each look and write takes milliseconds.
_ADD_ATTEMPTS = 10
# Rounds of a write that meets others; each round is lost to somebody's commit within milliseconds.
_ROUNDS = 10
# Whole rows are held for it.
_RESTOCK_ROWS = 2_000
# Above this a scan of the id column beats one index look-up per id.
_MAX_LOOKUPS = 1_000
_MAX_KEYS = 200
# Lance's own defaults let one table's caches grow to gigabytes.
_INDEX_CACHE_BYTES = 256 << 20
_METADATA_CACHE_BYTES = 128 << 20
_STOCK_COLUMNS = (*STANDING_COLUMNS, "availability", "stock")


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What one write did. ``skipped`` rows lost to an equal or newer source, or to a newer row of the same
    call."""

    inserted: int
    updated: int
    skipped: int
    version: int


class ProductTable:
    """The products of one collection under one model profile.

    Safe to share between threads; several processes may write at once, and nothing is lost: Lance runs a
    merge again when another one committed first. Every read sees the newest committed version.
    """

    def __init__(self, dataset: lance.LanceDataset, name: str, settings: LakeSettings) -> None:
        self._dataset = dataset
        self._settings = settings
        self._lock = threading.RLock()
        self.name = name
        self.uri: str = dataset.uri
        self.profile = profile_of(dataset.schema)
        self.dim = self.profile.dim
        self.schema = products_schema(self.dim)
        self._lacks_columns = not set(self.schema.names) <= set(dataset.schema.names)
        self._next_clean_up = 0.0
        # Tombstones by (fragment, its deletions): what publish checks need not count again.
        self.tombstone_counts: dict[tuple[int, int], int] = {}

    @classmethod
    def create(
        cls, uri: str, name: str, profile: Profile, settings: LakeSettings, storage: StorageSettings
    ) -> ProductTable:
        """A new empty table with its full-text and scalar indexes; the existing one where another writer
        was first."""
        with lance_errors(f"creating table {name}"):
            create_table(uri, products_schema(profile.dim, profile), storage, create_text_and_scalar_indexes)
        return cls.open(uri, name, profile, settings, storage)

    @classmethod
    def open(
        cls, uri: str, name: str, profile: Profile | None, settings: LakeSettings, storage: StorageSettings
    ) -> ProductTable:
        """An existing table. Raises ``NotFound``; ``ProfileMismatch`` where another profile than
        ``profile`` filled it."""
        try:
            with lance_errors(f"opening table {name}"):
                dataset = lance.dataset(
                    lance_uri(uri),
                    storage_options=lance_options(uri, storage),
                    index_cache_size_bytes=_INDEX_CACHE_BYTES,
                    metadata_cache_size_bytes=_METADATA_CACHE_BYTES,
                )
        except (OSError, ValueError) as error:
            if is_missing(error):
                raise NotFound(
                    f"there is no table {name}: index a feed into this collection first"
                ) from error
            raise
        table = cls(dataset, name, settings)
        if profile is not None and table.profile.fingerprint != profile.fingerprint:
            raise ProfileMismatch(
                f"table {name} was encoded by profile {table.profile.name} ({table.profile.fingerprint}), "
                f"not by {profile.name} ({profile.fingerprint}): index into the table of that profile"
            )
        return table

    @property
    def version(self) -> int:
        """The newest version this handle has seen; its own writes included."""
        with self._lock:
            return int(self._dataset.version)

    def latest(self) -> lance.LanceDataset:
        """The newest version, as a Lance dataset of its own that later writes do not move."""
        with self._lock, lance_errors(f"opening table {self.name}"):
            self._dataset.checkout_latest()
            return self._dataset.checkout_version(int(self._dataset.version))

    def at(self, version: int) -> lance.LanceDataset:
        """One version as a Lance dataset. Raises ``NotFound`` when it does not exist or was cleaned up."""
        with self._lock:
            try:
                with lance_errors(f"reading version {version} of table {self.name}"):
                    return self._dataset.checkout_version(version)
            except (OSError, ValueError) as error:
                if is_missing(error):
                    raise NotFound(f"table {self.name} has no version {version} (any more)") from error
                raise

    def upsert(self, rows: pa.Table) -> WriteResult:
        """Insert new products, replace those whose stored source is older, skip the rest.

        Which of two rows stands is said in :mod:`mmpipe.lake.precedence`; rows may repeat an id. A row that
        is older than the stock told of its id since keeps that stock. Raises ``CommitConflict`` when other
        writers kept winning, ``ValueError`` when the columns are not those of :func:`products_schema`.
        """
        return self._merge(rows, UPSERT, insert=True)

    def refresh(self, rows: pa.Table) -> WriteResult:
        """Replace rows that still carry exactly this ``source_order``; never inserts, never revives a
        tombstone, and keeps the stock that was told since."""
        return self._merge(rows, REFRESH, insert=False)

    def restock(self, stocks: Sequence[tuple[str, Stock]]) -> list[Restocked]:
        """Give known products (by id) a newer availability, and say what each was to its row; an id may be
        there several times. Nothing else of a row changes, but ``updated_at``.

        Raises ``CommitConflict`` when other writers kept winning.
        """
        found: list[Restocked] = []
        for start in range(0, len(stocks), _RESTOCK_ROWS):
            found += self._restock(stocks[start : start + _RESTOCK_ROWS])
        return found

    def fetch(self, ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of these ids, tombstones included, in no particular order; unknown ids are left out."""
        names = list(columns) if columns is not None else self.schema.names
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return pa.schema([self.schema.field(n) for n in names]).empty_table()
        dataset = self.latest()
        stored = set(dataset.schema.names)
        present = [name for name in names if name in stored]
        with lance_errors(f"reading table {self.name}"):
            if len(wanted) > _MAX_LOOKUPS:
                rows = _take_by_id(dataset, wanted, present)
            else:
                literals = ", ".join(sql_text(i) for i in wanted)
                rows = dataset.to_table(columns=present, filter=f"id IN ({literals})")
        for name in names:
            if name not in stored:  # a table of an earlier release, before this column
                rows = rows.append_column(
                    self.schema.field(name), pa.nulls(rows.num_rows, self.schema.field(name).type)
                )
        return rows.select(names)

    def using_media(self, uris: Sequence[str]) -> list[str]:
        """Ids of the live products that name any of these resolved media addresses, sorted."""
        wanted = list(dict.fromkeys(uris))
        if not wanted:
            return []
        found: set[str] = set()
        dataset = self.latest()
        with lance_errors(f"reading table {self.name}"):
            for start in range(0, len(wanted), _MAX_KEYS):
                chunk = set(wanted[start : start + _MAX_KEYS])
                rows = dataset.scanner(
                    columns=["id", "media_uris"],
                    full_text_query={"columns": ["media_keys"], "query": " ".join(map(media_key, chunk))},
                    disable_scoring_autoprojection=True,
                ).to_table()
                # The key is a digest: the address itself decides.
                named = zip(rows.column("id").to_pylist(), rows.column("media_uris").to_pylist(), strict=True)
                found.update(product_id for product_id, media in named if not chunk.isdisjoint(media or ()))
        return sorted(found)

    def older_than(self, order: str) -> list[str]:
        """Ids of the live products whose ``source_order`` is less than this one, sorted."""
        dataset = self.latest()
        with lance_errors(f"reading table {self.name}"):
            found = dataset.to_table(
                columns=["id"], filter=f"deleted = false AND source_order < {sql_text(order)}"
            )
        return sorted(found.column("id").to_pylist())

    def count_live(self) -> int:
        """Products that are not deleted."""
        dataset = self.latest()
        with lance_errors(f"counting table {self.name}"):
            return int(dataset.count_rows() - dataset.count_rows(filter="deleted = true"))

    def maintain(self, *, thorough: bool = False) -> MaintenanceReport:
        """Bring indexes up to date, compact small files and remove old versions where it is due; see
        :func:`mmpipe.lake.maintenance.maintain`. Publish afterwards to let readers have the result.

        ``thorough`` is for a timetable: old versions are removed whatever else was due.
        """
        # On a handle of its own: building an index takes seconds, and writes go on meanwhile.
        with self._lock:
            clean_up = thorough or time.monotonic() >= self._next_clean_up
        report = maintain(self.latest(), self._settings, self.name, clean_up=clean_up, thorough=thorough)
        if clean_up and (report.changed or thorough):
            # A clean-up reads every manifest there is, so it is not part of every round.
            with self._lock:
                self._next_clean_up = time.monotonic() + clean_up_interval(self._settings)
        return report

    def _merge(self, rows: pa.Table, condition: str, *, insert: bool) -> WriteResult:
        source = latest_per_id(self._conform(rows))
        inserted = updated = 0
        with self._lock:
            for _ in range(_ROUNDS):
                if not source.num_rows:
                    break
                new, replaced = self._merge_once(source, condition, insert=insert)
                inserted, updated = inserted + new, updated + replaced
                if new + replaced == source.num_rows:
                    break
                source = self._with_newer_stock(source)
            else:
                raise CommitConflict(f"{self.name}: the stock of what is written keeps changing")
            version = int(self._dataset.version)
        return WriteResult(inserted, updated, rows.num_rows - inserted - updated, version)

    def _merge_once(self, source: pa.Table, condition: str, *, insert: bool) -> tuple[int, int]:
        if self._lacks_columns:
            self._add_columns()
        return merge(self._dataset, "id", source, condition, insert=insert, what=f"writing table {self.name}")

    def _with_newer_stock(self, rows: pa.Table) -> pa.Table:
        """Those rows that were refused since they do not know the stock told of them, knowing it now."""
        stored = self.fetch(rows.column("id").to_pylist(), ["id", "source_order", "deleted", "stock"])
        told = {row["id"]: row for row in stored.to_pylist() if row["stock"] is not None}
        if not told:
            return rows.slice(0, 0)
        behind = []
        for product_id, order, stock in zip(
            *(rows.column(name).to_pylist() for name in ("id", "source_order", "stock")), strict=True
        ):
            row = told.get(product_id)
            lost = row is not None and row["source_order"] > order and not row["deleted"]
            behind.append(row is not None and not lost and row["stock"] > max(order, stock or ""))
        stocks = {product_id: Stock.decode(row["stock"]) for product_id, row in told.items()}
        return with_stock(rows.filter(pa.array(behind, pa.bool_())), stocks)

    def _restock(self, stocks: Sequence[tuple[str, Stock]]) -> list[Restocked]:
        found: dict[int, Restocked] = {}
        pending: Sequence[int] = range(len(stocks))
        for _ in range(_ROUNDS):
            rows = self.fetch([stocks[place][0] for place in pending])
            heads = {row["id"]: row for row in rows.select(["id", *_STOCK_COLUMNS]).to_pylist()}
            due: dict[str, int] = {}
            for place in pending:
                product_id, stock = stocks[place]
                row = heads.get(product_id)
                if place in found and row is not None and row["stock"] == stock.encode():
                    continue  # written by an earlier round
                found[place] = stock.against(row)
                if found[place] in ("same", "changed"):
                    other = due.setdefault(product_id, place)
                    if other != place:
                        older, due[product_id] = sorted((other, place), key=lambda i: stocks[i][1].order)
                        found[older] = "older"
            if not due:
                break
            pending = list(due.values())
            with self._lock:
                source = self._told(rows, {product_id: stocks[place][1] for product_id, place in due.items()})
                if self._merge_once(source, RESTOCK, insert=False)[1] == source.num_rows:
                    break
        else:
            raise CommitConflict(f"{self.name}: what stock is told of keeps changing")
        return [found[place] for place in range(len(stocks))]

    def _told(self, rows: pa.Table, stocks: Mapping[str, Stock]) -> pa.Table:
        ids = pa.array(list(stocks), pa.string())
        rows = with_stock(rows.filter(pc.is_in(rows.column("id"), value_set=ids)), stocks)
        position = rows.schema.get_field_index("updated_at")
        field = rows.schema.field(position)
        now = pa.array([datetime.now(UTC)] * rows.num_rows, field.type)
        return self._conform(rows.set_column(position, field, now))

    def _add_columns(self) -> None:
        """Give a table of an earlier release the columns that are new since, null in every row: a change of
        its metadata alone."""
        for attempt in range(_ADD_ATTEMPTS):
            try:
                with lance_errors(f"adding columns to table {self.name}"):
                    self._dataset.checkout_latest()
                    lacking = [f for f in self.schema if f.name not in self._dataset.schema.names]
                    if lacking:
                        self._dataset.add_columns(pa.schema(lacking))
                break
            except CommitConflict:
                if attempt == _ADD_ATTEMPTS - 1:
                    raise
        self._lacks_columns = False

    def _conform(self, rows: pa.Table) -> pa.Table:
        if set(rows.column_names) != set(self.schema.names):
            differing = sorted(set(rows.column_names) ^ set(self.schema.names))
            raise ValueError(
                f"rows: the columns differ from the table's in {differing}; use schema.build_table"
            )
        return rows.select(self.schema.names).cast(self.schema)


def _take_by_id(dataset: lance.LanceDataset, ids: Sequence[str], columns: list[str]) -> pa.Table:
    found = dataset.to_table(columns=["id"])
    hits = pc.indices_nonzero(pc.is_in(found.column("id"), value_set=pa.array(ids, pa.string())))
    return dataset.take(hits.to_numpy(zero_copy_only=False).tolist(), columns=columns)
