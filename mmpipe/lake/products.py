"""One ``products`` table: every write ordered, every read from the newest version."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import lance
import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.encoders.base import Profile
from mmpipe.errors import CommitConflict, NotFound, ProfileMismatch, StorageUnavailable
from mmpipe.lake.caches import bounded_session
from mmpipe.lake.changes import STAGED_COLUMNS, Applied, Changes, Staged, WriteResult
from mmpipe.lake.checks import count
from mmpipe.lake.cleanup import CleanUps, remove_versions
from mmpipe.lake.create import create_table
from mmpipe.lake.fragments import needs_mark, open_mark, read_staged, stage
from mmpipe.lake.maintenance import (
    MaintenanceReport,
    clean_up_interval,
    create_indexes,
    maintain,
)
from mmpipe.lake.precedence import NO_ORDER, latest_per_id
from mmpipe.lake.recent import MAX_LOOKUPS, FragmentState, RecentRows
from mmpipe.lake.resolve import ADDRESS, HEAD_COLUMNS, Heads, ids_of, resolve
from mmpipe.lake.schema import Tombstone, build_tombstones, media_key, products_schema, profile_of
from mmpipe.lake.seen import SeenVersions
from mmpipe.lake.storage import is_missing, lance_errors, lance_options, lance_uri, sql_text
from mmpipe.lake.tags import LiveTags
from mmpipe.lake.writer import Writer
from mmpipe.objects import open_store, to_uri

if TYPE_CHECKING:
    from mmpipe.lake.reviewed import Reviewed
    from mmpipe.lake.stock import Restocked, Stock
    from mmpipe.settings import LakeSettings, StorageSettings

# Any other commit in between refuses a change of the schema; each look and write takes milliseconds.
_ADD_ATTEMPTS = 10
# Attempts of a commit that meets others; each one is lost to somebody's commit.
_ROUNDS = 20
_BACKOFF_SECONDS = 0.02
_MAX_KEYS = 200


class ProductTable:
    """The products of one collection under one model profile.

    Safe to share between threads; several processes may write at once, and nothing is lost: a commit that
    another one came before is decided again. Every read sees the newest committed version.
    """

    def __init__(
        self,
        dataset: lance.LanceDataset,
        name: str,
        settings: LakeSettings,
        tags: LiveTags,
        options: dict[str, str] | None = None,
    ) -> None:
        self._seen = SeenVersions(dataset)
        self._options = options
        self._settings = settings
        self._tags = tags
        # Held by whoever commits.
        self._writing = threading.RLock()
        self._lock = threading.Lock()
        self._recent = RecentRows()
        self.name = name
        self.uri: str = dataset.uri
        self.profile = profile_of(dataset.schema)
        self.dim = self.profile.dim
        self.schema = products_schema(self.dim)
        self._lacks_columns = not set(self.schema.names) <= set(dataset.schema.names)
        self._next_clean_up = 0.0
        self._clean_ups = CleanUps(int(dataset.version))
        # Tombstones by the state of a fragment: what publish checks need not count again.
        self.tombstone_counts: dict[FragmentState, int] = {}
        # Files of fragments written here whose vectors are known to be sound.
        self.sound: set[str] = set()
        # Somebody emptied its folder: a handle of its own is needed for what is created there.
        self.removed = False

    @classmethod
    def create(
        cls,
        uri: str,
        name: str,
        profile: Profile,
        settings: LakeSettings,
        storage: StorageSettings,
        session: lance.Session | None = None,
    ) -> ProductTable:
        """A new empty table with its indexes; the existing one where another writer was first."""
        with lance_errors(f"creating table {name}"):
            create_table(uri, products_schema(profile.dim, profile), storage, create_indexes)
        return cls.open(uri, name, profile, settings, storage, session)

    @classmethod
    def open(
        cls,
        uri: str,
        name: str,
        profile: Profile | None,
        settings: LakeSettings,
        storage: StorageSettings,
        session: lance.Session | None = None,
    ) -> ProductTable:
        """An existing table, read through the caches of ``session``, or of its own. Raises ``NotFound``;
        ``ProfileMismatch`` where another profile than ``profile`` filled it."""
        options = lance_options(uri, storage)
        try:
            with lance_errors(f"opening table {name}"):
                dataset = lance.dataset(
                    lance_uri(uri),
                    storage_options=options,
                    session=session or bounded_session(),
                )
        except (OSError, ValueError) as error:
            if is_missing(error):
                raise NotFound(
                    f"there is no table {name}: index a feed into this collection first"
                ) from error
            raise
        address = to_uri(uri).rstrip("/")
        table = cls(dataset, name, settings, LiveTags(open_store(address, storage), address), options)
        if profile is not None and table.profile.fingerprint != profile.fingerprint:
            raise ProfileMismatch(
                f"table {name} was encoded by profile {table.profile.name} ({table.profile.fingerprint}), "
                f"not by {profile.name} ({profile.fingerprint}): index into the table of that profile"
            )
        return table

    @property
    def version(self) -> int:
        """The newest version this handle has seen; its own writes included."""
        return self._seen.version

    def latest(self) -> lance.LanceDataset:
        """The newest version, as a Lance dataset of its own that later writes do not move. One request."""
        dataset, asked = self._seen.newest(), time.monotonic()
        try:
            with lance_errors(f"opening table {self.name}"):
                dataset.checkout_latest()
        except (OSError, ValueError) as error:
            if is_missing(error):
                self.removed = True
                raise StorageUnavailable(f"table {self.name} was removed under its writers") from error
            raise
        self._seen.see(dataset, asked)
        return dataset

    def at(self, version: int) -> lance.LanceDataset:
        """One version as a Lance dataset. Raises ``NotFound`` when it does not exist or was cleaned up."""
        try:
            with lance_errors(f"reading version {version} of table {self.name}"):
                return self._seen.newest().checkout_version(version)
        except (OSError, ValueError) as error:
            if is_missing(error):
                raise NotFound(f"table {self.name} has no version {version} (any more)") from error
            raise

    def recent(self, version: int) -> lance.LanceDataset | None:
        """One version that this handle has lately committed to or seen as the newest, without a request; it
        may have been cleaned up since. Not to be moved."""
        return self._seen.recent(version)

    def fresh(self, version: int) -> bool:
        """Whether a version came so lately, as far as this handle knows, that no clean-up removes it yet."""
        return self._seen.age(version) < self._settings.hold_versions_seconds / 2

    def upsert(self, rows: pa.Table) -> WriteResult:
        """Insert new products, replace those whose stored source is older, skip the rest.

        Which of two rows stands is said in :mod:`mmpipe.lake.precedence`; rows may repeat an id. A row that
        is older than the stock told of its id since keeps that stock. Raises ``CommitConflict`` when other
        writers kept winning, ``ValueError`` when the columns are not those of :func:`products_schema`.
        """
        return _written(rows, self.apply(Changes(rows=[rows])))

    def refresh(self, rows: pa.Table) -> WriteResult:
        """Replace rows that are still what they were when their media were read again: of the same content
        (of the same ``source_order``, where the row has no content digest). Never inserts, never revives a
        tombstone, and keeps the order and the stock that the table holds."""
        return _written(rows, self.apply(Changes(refreshed=[rows])))

    def restock(self, stocks: Sequence[tuple[str, Stock]]) -> list[Restocked]:
        """Give known products (by id) a newer availability, and say what each was to its row; an id may be
        there several times. Nothing else of a row changes, but ``updated_at``.

        Raises ``CommitConflict`` when other writers kept winning.
        """
        return list(self.apply(Changes(stocks=list(stocks))).restocked)

    def rerate(self, reviewed: Mapping[str, Reviewed]) -> Applied:
        """Give known products (by id) what their reviews come to; ``Applied.rerated`` says what each was to
        its row. Raises ``CommitConflict`` when other writers kept winning."""
        return self.apply(Changes(reviewed=dict(reviewed)))

    def stage(self, rows: pa.Table) -> list[Staged]:
        """Write whole rows, one per id, into the table's folder, in no version: :meth:`apply` brings them
        into one, for a few bytes a row. What never gets there is removed by a clean-up after seven days."""
        rows = self._conform(rows)
        with self._writing:
            if self._lacks_columns:
                self._add_columns()
            base = self.latest()
        with lance_errors(f"writing table {self.name}"):
            found, start = [], 0
            for fragment in stage(base, rows, self._options):
                claims = rows.select(STAGED_COLUMNS).slice(start, fragment.physical_rows)
                found.append(Staged(fragment, claims.combine_chunks()))
                start += fragment.physical_rows
        return found

    def staged_rows(self, staged: Staged) -> pa.Table:
        """The rows of a staged file."""
        with lance_errors(f"reading table {self.name}"):
            return self._conform(read_staged(self.latest(), staged.fragment, self._options))

    def apply(self, changes: Changes, *, accept: Callable[[int, int], None] | None = None) -> Applied:
        """Make all of these changes in one version, or none of them.

        Every change is held against the version that the new one is made of: another writer's commit in
        between is a conflict, and all is decided again. Where all ids were looked up lately (by
        :meth:`fetch`), the newest version that this handle has seen is tried first, without looking for a
        newer one. ``accept`` is called before the commit with the number of products that would be deleted
        and of those there are, and prevents it by raising. Raises ``CommitConflict`` when other writers kept
        winning.
        """
        changes = self._conformed(changes)
        if not changes:
            return Applied(self.version)
        looked = not changes.refreshed and self._recent.covers(_all_ids(changes))
        hold = self._settings.hold_versions_seconds / 2 or float("inf")
        with self._writing, ExitStack() as leases:
            for attempt in range(_ROUNDS):
                if attempt:
                    time.sleep(random.uniform(0, min(1.0, _BACKOFF_SECONDS * 2**attempt)))  # noqa: S311  no secret
                try:
                    base, since = self._seen.newest_since()
                    if attempt or not looked or time.monotonic() > since + hold / 2:
                        since = time.monotonic()
                        base = self.latest()
                    # Of what others commit from then on Lance tells as long as no clean-up has removed it.
                    until = since + hold
                    applied = self._apply_once(base, changes, accept, until)
                except _TooSlow:
                    leases.enter_context(self._leased())
                    hold = float("inf")
                    continue
                except CommitConflict:
                    continue
                if applied is not None:
                    return applied
        raise CommitConflict(f"{self.name}: other writers kept committing first")

    def fetch(
        self,
        ids: Sequence[str],
        columns: Sequence[str] | None = None,
        *,
        version: lance.LanceDataset | None = None,
    ) -> pa.Table:
        """The rows of these ids, tombstones included, in no particular order; unknown ids are left out.
        ``version`` is one that :meth:`latest` gave, for several looks at the same; where it was cleaned up
        since, ``CommitConflict`` is raised."""
        names = list(columns) if columns is not None else self.schema.names
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return pa.schema([self.schema.field(n) for n in names]).empty_table()
        dataset = self.latest() if version is None else version
        # What a commit of these products decides on is read along; but for two columns it is asked for.
        heads = set(HEAD_COLUMNS) - set(names)
        look = len(wanted) <= MAX_LOOKUPS and len(heads) <= 2
        with lance_errors(f"reading table {self.name}"):
            try:
                rows = self._by_id(dataset, wanted, [*names, *sorted(heads)] if look else names)
            except (OSError, ValueError) as error:
                if version is None or "not found" not in str(error).lower():
                    raise
                raise CommitConflict(
                    f"version {version.version} of table {self.name} was cleaned up meanwhile: read again"
                ) from error
        if look:
            self._recent.looked(dataset, wanted, rows)
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
        dataset, asked = self.latest(), time.monotonic()
        report = maintain(
            dataset,
            self._settings,
            self.name,
            clean_up=clean_up,
            thorough=thorough,
            writing=self._writing,
            leased=self._tags.leased,
        )
        self._seen.see(dataset, asked)
        if clean_up and (report.changed or thorough):
            # A clean-up reads every manifest there is, so it is not part of every round.
            with self._lock:
                self._next_clean_up = time.monotonic() + clean_up_interval(self._settings)
        return report

    def clean_up(self, *, at_rest: bool = False) -> int:
        """Remove versions that nobody needs, where there may be many or (``at_rest``) any; see
        :mod:`mmpipe.lake.cleanup`. Returns how many went; one request where nothing is due."""
        dataset, settings = self.latest(), self._settings
        hold = settings.hold_versions_seconds
        if not self._clean_ups.due(int(dataset.version), hold, at_rest=at_rest):
            return 0
        with lance_errors(f"removing versions of table {self.name}"):
            return remove_versions(
                dataset, hold=hold, keep=settings.keep_versions, leased=self._tags.leased()
            )

    @contextmanager
    def _leased(self) -> Iterator[None]:
        lease = self._tags.lease(self.version)
        try:
            yield
        finally:
            with suppress(StorageUnavailable):
                self._tags.end(lease)

    def _apply_once(
        self,
        base: lance.LanceDataset,
        changes: Changes,
        accept: Callable[[int, int], None] | None,
        until: float,
    ) -> Applied | None:
        """One attempt; None where the table had to be made ready for it first. Raises :class:`_TooSlow` where
        it was not over ``until`` then (monotonic)."""
        version = int(base.version)
        resolved = resolve(changes, partial(self._heads, base))
        if resolved.stale:
            return Applied(version, stale=frozenset(resolved.stale))
        lost, restocked = frozenset(resolved.lost), tuple(resolved.restocked)
        if not resolved:
            return Applied(version, lost=lost, restocked=restocked, rerated=resolved.rerated)
        if resolved.deleted and accept is not None:
            accept(resolved.deleted, count(self, base).rows)
        if self._lacks_columns:
            self._add_columns()
            return None
        if needs_mark(base):
            mark = Tombstone(next(ids_of(changes)), NO_ORDER, "", datetime.now(UTC))
            open_mark(base, self._conform(build_tombstones([mark], self.dim)), f"writing table {self.name}")
            return None
        seen, asked = len(resolved.seen), time.monotonic()
        with lance_errors(f"writing table {self.name}"):
            writer = Writer(base, changes, resolved, self._options)
            written = writer.run(self.tombstone_counts, partial(_in_time, until))
        # Should it have been stopped in between, it is decided again: what is there by then costs nothing.
        _in_time(until)
        self._seen.see(written, asked)
        for fragment, rows in writer.written:
            self._recent.wrote(fragment, rows)
        if changes.sound:
            self.sound |= writer.files
        return Applied(
            version=int(written.version),
            committed=True,
            visible=resolved.visible,
            inserted=resolved.inserted,
            updated=resolved.updated,
            seen=seen,
            deleted=resolved.deleted,
            lost=lost,
            restocked=restocked,
            rerated=resolved.rerated,
        )

    def _heads(self, base: lance.LanceDataset, ids: Sequence[str]) -> Heads:
        if not ids or needs_mark(base):
            return Heads(pa.table({n: pa.array([], pa.string()) for n in (*HEAD_COLUMNS, ADDRESS)}))
        read = partial(self._by_id, base, names=HEAD_COLUMNS)
        with lance_errors(f"reading table {self.name}"):
            return Heads(self._recent.heads(base, ids, lambda wanted, among: read(wanted, fragments=among)))

    def _by_id(
        self,
        dataset: lance.LanceDataset,
        ids: Sequence[str],
        names: Sequence[str],
        fragments: Sequence[lance.LanceFragment] | None = None,
    ) -> pa.Table:
        """Rows with their addresses; of at most ``MAX_LOOKUPS`` ids also of some ``fragments`` alone."""
        stored = set(dataset.schema.names)
        columns = [name for name in names if name in stored]
        if len(ids) > MAX_LOOKUPS:
            found = dataset.to_table(columns=["id"], with_row_address=True)
            hits = pc.indices_nonzero(pc.is_in(found.column("id"), value_set=pa.array(ids, pa.string())))
            rows = dataset.take(hits.to_numpy(zero_copy_only=False).tolist(), columns=columns)
            rows = rows.append_column(ADDRESS, found.column(ADDRESS).take(hits))
        else:
            rows = self._look_up(dataset, ids, columns, fragments)
        for name in names:
            if name not in stored:  # a table of an earlier release, before this column
                field = self.schema.field(name)
                rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
        return rows.select([*names, ADDRESS])

    def _look_up(
        self,
        dataset: lance.LanceDataset,
        ids: Sequence[str],
        columns: Sequence[str],
        fragments: Sequence[lance.LanceFragment] | None,
    ) -> pa.Table:
        among = dataset.get_fragments() if fragments is None else fragments
        known, others = self._recent.split(among, columns)
        wanted = pa.array(ids, pa.string())
        parts = [
            rows.filter(pc.is_in(rows.column("id"), value_set=wanted)).select([*columns, ADDRESS])
            for rows in known
        ]
        if others or not parts:
            where = f"id IN ({', '.join(sql_text(i) for i in ids)})"
            scanner = dataset.scanner(
                columns=list(columns),
                filter=where,
                with_row_address=True,
                fragments=others if known or fragments is not None else None,
            )
            parts.append(scanner.to_table())
        schema = parts[-1].schema
        return pa.concat_tables([part.cast(schema) for part in parts])

    def _conformed(self, changes: Changes) -> Changes:
        return Changes(
            rows=[latest_per_id(self._conform(rows)) for rows in changes.rows if rows.num_rows],
            staged=list(changes.staged),
            edits=[rows for rows in changes.edits if rows.num_rows],
            seen=[rows for rows in changes.seen if rows.num_rows],
            refreshed=[latest_per_id(self._conform(rows)) for rows in changes.refreshed if rows.num_rows],
            stocks=list(changes.stocks),
            reviewed=dict(changes.reviewed),
            sound=changes.sound,
        )

    def _add_columns(self) -> None:
        """Give a table of an earlier release the columns that are new since, null in every row: a change of
        its metadata alone."""
        for attempt in range(_ADD_ATTEMPTS):
            try:
                with lance_errors(f"adding columns to table {self.name}"):
                    dataset, asked = self.latest(), time.monotonic()
                    lacking = [f for f in self.schema if f.name not in dataset.schema.names]
                    if lacking:
                        dataset.add_columns(pa.schema(lacking))
                        self._seen.see(dataset, asked)
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


class _TooSlow(CommitConflict):
    """A commit took so long that versions which it may conflict with may have been cleaned up."""


def _in_time(until: float) -> None:
    if time.monotonic() > until:
        raise _TooSlow("a commit took longer than versions are held")


def _all_ids(changes: Changes) -> Iterator[str]:
    yield from ids_of(changes)
    yield from (product_id for product_id, _ in changes.stocks)
    yield from changes.reviewed


def _written(rows: pa.Table, applied: Applied) -> WriteResult:
    done = applied.inserted + applied.updated
    return WriteResult(applied.inserted, applied.updated, rows.num_rows - done, applied.version)
