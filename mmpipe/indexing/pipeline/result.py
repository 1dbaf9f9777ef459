"""What the pipeline hands to the committer: rows to write, rejects, counts, and which media were read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mmpipe.errors import MmpipeError, RetryableError
from mmpipe.lake.changes import Changes
from mmpipe.schemas.run import Reject, RunRecord

if TYPE_CHECKING:
    from mmpipe.indexing.sources.rows import Upload, UploadRow
    from mmpipe.schemas.feed import FeedReport

MAX_RAW_BYTES = 64 * 1024


@dataclass(slots=True)
class RunCounts:
    """Counts of one run, in the terms of :class:`RunRecord`."""

    read: int = 0
    indexed: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    rejected: int = 0
    encoded: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)

    def add(self, other: RunCounts) -> None:
        """Add another part of the same run."""
        self.read += other.read
        self.indexed += other.indexed
        self.unchanged += other.unchanged
        self.skipped += other.skipped
        self.deleted += other.deleted
        self.rejected += other.rejected
        self.encoded.update(other.encoded)
        self.pictures.update(other.pictures)

    def said(self) -> dict[str, Any]:
        """The counts by name."""
        return {
            "read": self.read,
            "indexed": self.indexed,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "deleted": self.deleted,
            "rejected": self.rejected,
            "encoded": dict(self.encoded),
            "pictures": dict(self.pictures),
        }

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> RunCounts:
        """The inverse of :meth:`said`."""
        tallies = {name: Counter(said[name]) for name in ("encoded", "pictures")}
        return cls(**{**said, **tallies})

    def into(self, record: RunRecord) -> RunRecord:
        """The record with these counts."""
        return record.model_copy(update=self.said())


WriteKind = Literal["indexed", "seen", "unchanged", "deleted"]


@dataclass(frozen=True, slots=True)
class Write:
    """What one product or deletion is to its run, so that counts can be mended when it loses to a newer
    source. ``seen``: it is as it was, told without reading it; ``unchanged``: as it was when it was read, or
    a deletion of nothing."""

    id: str
    order: str
    run_id: str
    kind: WriteKind


@dataclass(frozen=True, slots=True)
class MediaRead:
    """One medium as it was when a row was encoded; ``etag`` is None where nothing was there."""

    product_id: str
    source: Upload
    field: str
    uri: str
    etag: str | None


@dataclass(slots=True)
class ChunkResult:
    """One processed chunk: the ``changes`` to be made, of which ``writes`` has an entry per product and
    deletion. ``stocks`` are to be given to what the table holds when they are written. ``broken`` says why
    the feed broke off behind this chunk, if it did; ``reports`` what was found in whole feeds, by run;
    ``named`` the products that the rows of each run speak of, with None where a rejected row does not say
    which; ``rows`` the numbers of a feed's rows that are done with; ``repeated``, that an earlier attempt at
    the same rows has written some of them.
    """

    changes: Changes = field(default_factory=Changes)
    writes: list[Write] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    media: list[MediaRead] = field(default_factory=list)
    counts: dict[str, RunCounts] = field(default_factory=dict)
    stocks: list[UploadRow] = field(default_factory=list)
    reports: dict[str, FeedReport] = field(default_factory=dict)
    named: dict[str, set[str | None]] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    repeated: bool = False
    broken: str = ""

    def of_run(self, run_id: str) -> RunCounts:
        """The counts of one run, made on first use."""
        return self.counts.setdefault(run_id, RunCounts())

    def add(self, other: ChunkResult) -> None:
        """Append another chunk."""
        self.changes.add(other.changes)
        self.writes += other.writes
        self.rejects += other.rejects
        self.media += other.media
        for run_id, counts in other.counts.items():
            self.of_run(run_id).add(counts)
        self.stocks += other.stocks
        self.reports.update(other.reports)
        for run_id, ids in other.named.items():
            self.named.setdefault(run_id, set()).update(ids)
        self.rows += other.rows
        self.repeated |= other.repeated
        self.broken = self.broken or other.broken

    def least_order(self, run_id: str) -> str | None:
        """The least order of a row that one run wrote, told stock with or rejected."""
        orders = [w.order for w in self.writes if w.run_id == run_id]
        orders += [row.order for row in self.stocks if row.source.run_id == run_id]
        orders += [r.source_order for r in self.rejects if r.run_id == run_id and r.scope == "row"]
        return min(orders, default=None)

    def lost(self, writes: Iterable[Write]) -> None:
        """Count these writes as skipped: a newer source was in the table already."""
        for write in writes:
            counts = self.of_run(write.run_id)
            kind = "unchanged" if write.kind == "seen" else write.kind
            setattr(counts, kind, getattr(counts, kind) - 1)
            counts.skipped += 1


def reject_of_row(row: UploadRow, error: MmpipeError) -> Reject:
    """A row that became no product."""
    return _reject("row", row.source, row.order, row.row, row.raw, row.product_id or row.delete_id, error)


def reject_of_media(row: UploadRow, error: MmpipeError) -> Reject:
    """A medium the product had to do without."""
    product_id = row.product.id if row.product else row.product_id
    return _reject("media", row.source, row.order, row.row, row.raw, product_id, error)


def reject_of_source(source: Upload, error: MmpipeError) -> Reject:
    """A whole file that could not be used; its row number is 0."""
    return _reject("row", source, source.order(0), 0, "", None, error)


def _reject(
    scope: Literal["row", "media"],
    source: Upload,
    order: str,
    row: int,
    raw: str,
    product_id: str | None,
    error: MmpipeError,
) -> Reject:
    name = getattr(error, "field", "")
    # A product has one fault per medium, whichever of its row and the medium's own upload told us last.
    place = ("",) if scope == "media" else (source.uri, str(row))
    parts = (scope, *place, product_id or "", name)
    return Reject(
        reject_id=hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32],
        scope=scope,
        product_id=product_id,
        field=name,
        reason=str(error),
        error=type(error).__name__,
        retryable=isinstance(error, RetryableError),
        source_uri=source.uri,
        source_order=order,
        row=row,
        raw=cut(raw),
        run_id=source.run_id,
        created_at=datetime.now(UTC),
    )


def cut(raw: str) -> str:
    """At most 64 KiB of UTF-8, cut between characters."""
    data = raw.encode(errors="replace")
    if len(data) <= MAX_RAW_BYTES:
        return raw
    return data[:MAX_RAW_BYTES].decode(errors="ignore")
