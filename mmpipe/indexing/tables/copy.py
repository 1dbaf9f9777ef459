"""Rows of one products table into another of the same collection, encoded again by that one's models.

A row is told by its source's order and the time it was last written: what the target lacks, holds of an
older source, or holds as it was before a medium was read again, is due. Nothing else remembers how far the
work is, so it can be ended at any moment and begun again, and it never overwrites a newer row.

Order, run, time and transcript of a row go over as they are, deletions too. Vectors of a modality that both
profiles encode alike are copied; for the others the media are read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from mmpipe.encoders.base import MODALITIES, Modality
from mmpipe.errors import InvalidMedia, InvalidRow
from mmpipe.indexing.pipeline.due import Work
from mmpipe.indexing.pipeline.held import WHOLE_COLUMNS, HeldRows
from mmpipe.indexing.pipeline.media import MediaPlan, plan_media
from mmpipe.indexing.pipeline.pipeline import Pipeline
from mmpipe.indexing.pipeline.result import ChunkResult, reject_of_media, reject_of_row
from mmpipe.indexing.sources.rows import Upload, UploadRow, root_of
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.writing.photographing import settle_photos
from mmpipe.lake.changes import Changes, Seen, basis_of, seen_table
from mmpipe.lake.schema import Tombstone, build_tombstones, hash_column
from mmpipe.lake.storage import lance_errors
from mmpipe.media import media_root
from mmpipe.schemas.product import Product

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.indexing.pipeline.ready import Ready
    from mmpipe.lake import Collection, ProductTable, WriteResult
    from mmpipe.settings import Settings

CopyProgress = Callable[[int, int], None]
_STATE = ["id", "source_order", "deleted", "updated_at", "content"]
# Review photos that are read between two commits.
PHOTOS = 1_024
_FIELDS: dict[Modality, str] = {"image": "image_link", "audio": "audio_link", "video": "video_link"}


@dataclass(frozen=True, slots=True)
class Due:
    """Ids to carry: ``newer`` ones that the target lacks or holds of an older source, ``refreshed`` ones of
    which only the media were read again or the stock was told, ``seen`` ones that a newer source told the
    same of, and ``gone`` ones that the source has no row of any more, not even their deletion."""

    newer: Sequence[str] = ()
    refreshed: Sequence[str] = ()
    seen: Sequence[str] = ()
    gone: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.newer) + len(self.refreshed) + len(self.seen) + len(self.gone)


@dataclass(slots=True)
class Carried:
    """What was done: ``written`` products, ``deleted`` tombstones, by modality inputs ``encoded`` and vectors
    ``copied``, media ``rejected``."""

    written: int = 0
    deleted: int = 0
    rejected: int = 0
    encoded: Counter[str] = field(default_factory=Counter)
    copied: Counter[str] = field(default_factory=Counter)

    def add(self, other: Carried) -> None:
        """Add another part."""
        self.written += other.written
        self.deleted += other.deleted
        self.rejected += other.rejected
        self.encoded.update(other.encoded)
        self.copied.update(other.copied)


class RowCarrier:
    """Carries rows from ``source`` to ``target``, whose models are ``loaded``. For one thread at a time."""

    def __init__(
        self,
        collection: Collection,
        source: ProductTable,
        target: ProductTable,
        loaded: LoadedEncoders,
        settings: Settings,
    ) -> None:
        # What was said in a recording is carried over, so nobody listens again.
        speech = settings.speech.model_copy(update={"transcribe_products": False})
        self._settings = settings.model_copy(update={"speech": speech})
        self._collection = collection
        self._source = source
        self._target = target
        self._pipeline = Pipeline(self._settings, loaded, stores(settings))
        self._encodable = frozenset(settings.indexing.modalities).intersection(loaded.encoders)
        before, after = source.profile.encoders, target.profile.encoders
        self._same = frozenset(m for m in self._encodable if before.get(m) == after.get(m))
        self._seen: pa.Table | None = None
        self._uris: dict[str, str] = {}

    @property
    def copies(self) -> frozenset[Modality]:
        """The modalities that both profiles encode alike."""
        return self._same

    def close(self) -> None:
        """End the fetching threads."""
        self._pipeline.close()

    def look(self, *, live_target: bool = False) -> Due:
        """What is due now.

        The first look compares with the target, later ones with the look before, so that a medium that cannot
        be read is not tried for ever. With ``live_target`` others write to the target too: what they wrote
        later stays.
        """
        now = _state(self._source)
        then, self._seen = self._seen, now
        if then is not None:
            return _changes(now, then, pc.not_equal)
        there = _state(self._target)
        due = _changes(now, there, pc.greater if live_target else pc.not_equal)
        # Others write to a live target, so what is not here may be new there.
        gone = () if live_target else _alive_alone(there, now)
        return replace(due, refreshed=self._with_other_media(due.refreshed), gone=gone)

    def carry(self, due: Due, progress: CopyProgress | None = None) -> Carried:
        """Write what is due, ``commit_rows`` at a time.

        Raises ``RetryableError`` where a store fails; what was committed by then is not due again.
        """
        total = Carried()
        done = 0
        for ids, write in ((due.newer, self._target.upsert), (due.refreshed, self._target.refresh)):
            for pending, size in self._parts(ids):
                done += size
                total.add(self._write(pending, write))
                if progress is not None:
                    progress(done, len(due))
        # What the target holds otherwise than the source did when it was looked at last goes over whole.
        for pending, _ in self._parts(self._move_orders(due.seen)):
            total.add(self._write(pending, self._target.upsert))
        total.deleted += self._delete(due.gone)
        return total

    def carry_photos(self) -> None:
        """Encode the photos of reviews by the target's models, as far as they are not yet."""
        profile = self._target.profile
        settle_photos(
            self._collection, self._source, profile, lambda: self._pipeline, thorough=True, most=PHOTOS
        )

    def _move_orders(self, ids: Sequence[str]) -> list[str]:
        """Move the orders of those that the target holds as the source does; returns the others."""
        others: set[str] = set()
        while left := [product_id for product_id in ids if product_id not in others]:
            rows = self._source.fetch(left, ["id", "source_order", "item_group_id", "content", "media_asked"])
            seen = [
                Seen(
                    row["id"],
                    row["source_order"],
                    row["item_group_id"],
                    basis_of(row["content"], row["source_order"]),
                    media_asked=row["media_asked"],
                )
                for row in rows.to_pylist()
            ]
            stale = self._target.apply(Changes(seen=[seen_table(seen)])).stale if seen else ()
            if not stale:
                break
            others.update(stale)
        return sorted(others)

    def _delete(self, ids: Sequence[str]) -> int:
        rows = self._target.fetch(ids, ["id", "source_order", "run_id"]).to_pylist()
        now = datetime.now(UTC)
        # Right after the row itself: whatever anybody uploads is newer.
        tombstones = [Tombstone(r["id"], f"{r['source_order']}0", r["run_id"], now) for r in rows]
        if tombstones:
            self._target.upsert(build_tombstones(tombstones, self._target.dim))
        return len(tombstones)

    def _with_other_media(self, ids: Sequence[str]) -> list[str]:
        """Those whose media, stock or reviews differ: the target may have been filled from the same feed."""
        columns = ["id", "stock", "reviewed", *(hash_column(m) for m in sorted(self._encodable))]
        here, there = (self._source.fetch(ids, columns=columns), self._target.fetch(ids, columns=columns))
        known = {row.pop("id"): row for row in there.to_pylist()}
        return sorted(str(row["id"]) for row in here.to_pylist() if known.get(row["id"]) != _without_id(row))

    def _parts(self, ids: Sequence[str]) -> Iterator[tuple[tuple[ChunkResult, Carried], int]]:
        step = self._pipeline.chunk_rows
        result, carried, held = ChunkResult(), Carried(), 0
        for start in range(0, len(ids), step):
            chunk = list(ids[start : start + step])
            carried.add(self._encode(chunk, result))
            held += len(chunk)
            if held >= self._settings.indexing.commit_rows or start + step >= len(ids):
                yield (result, carried), held
                result, carried, held = ChunkResult(), Carried(), 0

    def _write(self, part: tuple[ChunkResult, Carried], write: Callable[[pa.Table], WriteResult]) -> Carried:
        result, carried = part
        if result.changes.rows:
            write(pa.concat_tables(result.changes.rows))
        self._collection.rejects.put(result.rejects)
        return carried

    def _encode(self, ids: list[str], result: ChunkResult) -> Carried:
        rows = self._fetch(ids)
        dead = rows.filter(rows.column("deleted"))
        rows = rows.filter(pc.invert(rows.column("deleted")))
        carried = Carried(deleted=dead.num_rows)
        if dead.num_rows:
            columns = dead.select(["id", "source_order", "run_id", "updated_at", "item_group_id", "stock"])
            tombstones = [Tombstone(**row) for row in columns.to_pylist()]
            built = build_tombstones(tombstones, self._target.dim)
            result.changes.rows.append(_as_in(dead, built, "reviewed"))
        if not rows.num_rows:
            return carried
        rejects = len(result.rejects)
        part = ChunkResult()
        known = HeldRows(self._copied_alone(rows), self._target.dim)
        held = HeldRows(rows, self._source.dim)
        found = [self._work(row, i, held, part) for i, row in enumerate(self._heads(rows))]
        works = [work for work in found if work is not None]
        carried.written = len(works)
        for batch in self._pipeline.preparation.prepare(works, known):
            for ready in batch:
                _carry_over(ready, held)
                carried.copied.update(ready.gathered.copied.keys())
            self._pipeline.encoding.finish(batch, part)
        result.changes.rows += [_as_in(rows, table, "updated_at", "reviewed") for table in part.changes.rows]
        result.rejects += part.rejects
        for counts in part.counts.values():
            carried.encoded.update(counts.encoded)
        carried.rejected = len(result.rejects) - rejects
        return carried

    def _fetch(self, ids: list[str]) -> pa.Table:
        rows = self._source.fetch(ids, columns=[*WHOLE_COLUMNS, "run_id", "updated_at", "reviewed"])
        self._remember_uploads(rows)
        return rows

    def _copied_alone(self, rows: pa.Table) -> pa.Table:
        """The rows as if they had only the modalities whose vectors still hold."""
        for modality in MODALITIES:
            if modality not in self._same:
                name = hash_column(modality)
                position = rows.schema.get_field_index(name)
                rows = rows.set_column(position, name, pa.nulls(rows.num_rows, pa.string()))
        return rows

    def _heads(self, rows: pa.Table) -> list[dict[str, str]]:
        head: list[dict[str, str]] = rows.select(["id", "source_order", "run_id", "document"]).to_pylist()
        return head

    def _work(self, row: dict[str, str], number: int, held: HeldRows, result: ChunkResult) -> Work | None:
        uri = self._uris.get(row["run_id"], "")
        root = root_of(uri, self._collection.name) if uri else None
        source = Upload(row["run_id"], uri, root or f"{self._collection.uri}/", datetime.now(UTC), "")
        source_row = UploadRow(source, 0, row["source_order"], row["document"], product_id=row["id"])
        try:
            product = Product.model_validate_json(row["document"])
        except ValidationError as error:
            # Written by a release that allowed more: it stays in the table it is in.
            fault = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in fault["loc"])
            result.rejects.append(
                reject_of_row(source_row, InvalidRow(field, f"{fault['msg']}; upload it again"))
            )
            return None
        root = media_root(product, held.media_uris(number), root) or source.root
        source_row = replace(source_row, source=replace(source, uri=uri or root, root=root), product=product)
        plan = plan_media(product, {}, root, self._settings.media, self._encodable)
        hashes = held.hashes(number)
        wanted = [m for m in plan.refs if m not in self._same or m not in hashes]
        for modality in self._lost(plan, hashes):
            lost = InvalidMedia(
                _FIELDS[modality],
                "came inside the feed, where it cannot be read again: upload the feed again",
            )
            result.rejects.append(reject_of_media(source_row, lost))
        again = frozenset(r.uri for m in wanted for r in plan.refs[m])
        stock, content = held.stock(number), held.content(number)
        return Work(source_row, product, number, again, whole=True, stock=stock, content=content)

    def _lost(self, plan: MediaPlan, hashes: dict[Modality, str]) -> list[Modality]:
        refused = {error.field.partition("[")[0].replace("additional_", "") for error in plan.errors}
        return [
            m
            for m in hashes
            if m in _FIELDS
            and m in self._encodable
            and m not in self._same
            and m not in plan.refs
            and _FIELDS[m] not in refused
        ]

    def _remember_uploads(self, rows: pa.Table) -> None:
        runs = set(rows.column("run_id").to_pylist()) - self._uris.keys() - {None}
        if runs:
            found = self._collection.runs.get_many(sorted(runs))
            self._uris.update({run: found[run].source_uri if run in found else "" for run in runs})


def _carry_over(ready: Ready, held: HeldRows) -> None:
    """What was said in a recording goes over as it is."""
    number = ready.work.known_row
    if number is not None:
        transcript, transcript_by = held.transcript(number)
        ready.row = replace(ready.row, transcript=transcript, transcript_by=transcript_by)


def _state(table: ProductTable) -> pa.Table:
    dataset = table.latest()
    with lance_errors(f"reading table {table.name}"):
        return dataset.to_table(columns=_STATE)


def _changes(
    now: pa.Table, then: pa.Table, later: Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.ChunkedArray]
) -> Due:
    """Rows of ``now`` whose source is newer than in ``then``, or of the same source and written ``later``.
    What a newer source left as it was has the time of writing that it had."""
    both = now.join(then, "id", join_type="left outer", right_suffix="_then")
    order, order_then = both.column("source_order"), both.column("source_order_then")
    deleted, deleted_then = both.column("deleted"), pc.fill_null(both.column("deleted_then"), False)
    newer = pc.fill_null(pc.greater(order, order_then), True)
    again = pc.and_(
        pc.fill_null(pc.equal(order, order_then), False),
        pc.fill_null(later(both.column("updated_at"), both.column("updated_at_then")), False),
    )
    # A deletion that was meant for another product gives way to an older one, too.
    revived = pc.and_(pc.invert(deleted), deleted_then)
    newer = pc.or_(newer, pc.or_(revived, pc.and_(again, deleted)))
    same = pc.and_(
        pc.fill_null(pc.equal(both.column("content"), both.column("content_then")), False),
        pc.fill_null(pc.equal(both.column("updated_at"), both.column("updated_at_then")), False),
    )
    seen = pc.and_(newer, pc.and_not(same, pc.or_(deleted, deleted_then)))
    return Due(
        _ids(both, pc.and_not(newer, seen)),
        _ids(both, pc.and_not(again, deleted)),
        _ids(both, seen),
    )


def _alive_alone(rows: pa.Table, others: pa.Table) -> list[str]:
    """Ids of products that only ``rows`` has any row of."""
    unknown = pc.invert(pc.is_in(rows.column("id"), value_set=others.column("id").combine_chunks()))
    return _ids(rows, pc.and_not(unknown, rows.column("deleted")))


def _without_id(row: dict[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in row.items() if name != "id"}


def _ids(rows: pa.Table, chosen: pa.ChunkedArray) -> list[str]:
    return sorted(rows.column("id").filter(chosen).to_pylist())


def _as_in(rows: pa.Table, table: pa.Table, *names: str) -> pa.Table:
    """The encoded rows with what the source's rows hold in these columns: the times they were written at, and
    what their reviews come to, which their documents show."""
    places = pc.index_in(table.column("id"), value_set=rows.column("id").combine_chunks())
    for name in names:
        position = table.schema.get_field_index(name)
        table = table.set_column(position, table.schema.field(position), rows.column(name).take(places))
    return table
