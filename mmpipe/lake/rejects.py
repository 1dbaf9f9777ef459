"""Rows and media that could not be used, until they are mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

import pyarrow as pa

from mmpipe.lake.record_table import RecordTable, When, all_of, in_list
from mmpipe.lake.storage import sql_text
from mmpipe.schemas.run import Reject, RejectScope

if TYPE_CHECKING:
    from lance import Session

    from mmpipe.settings import StorageSettings

_COLUMNS = {
    "scope": pa.string(),
    "product_id": pa.string(),
    "field": pa.string(),
    "reason": pa.string(),
    "error": pa.string(),
    "retryable": pa.bool_(),
    "source_uri": pa.string(),
    "source_order": pa.string(),
    "run_id": pa.string(),
    "created_at": pa.timestamp("us", tz="UTC"),
}
_LOOKUPS = ("reject_id", "product_id", "run_id", "source_uri")


_MAX_LOOKUPS = 1_000


class RejectTable:
    """The rejects of one collection, one per ``reject_id``: the same fault twice is one row."""

    def __init__(self, uri: str, storage: StorageSettings, session: Session | None = None) -> None:
        self._table = RecordTable(
            uri, Reject, "reject_id", _COLUMNS, storage, lookups=_LOOKUPS, session=session
        )

    def put(self, rejects: Sequence[Reject]) -> int:
        """Record rejects; returns the rows written. One from an older source than the stored one is
        skipped, and so is the same fault told again: the one stored knows the row it came from."""
        newer = "source.source_order > target.source_order"
        other = "source.source_order = target.source_order AND source.reason != target.reason"
        return self._table.put(rejects, condition=f"{newer} OR ({other})")

    def get(self, reject_id: str) -> Reject | None:
        """One reject, or None."""
        return next(iter(self._table.by_key([reject_id])), None)

    def list(
        self,
        *,
        product_id: str | None = None,
        scope: RejectScope | None = None,
        error: str | None = None,
        run_id: str | None = None,
        source_uri: str | None = None,
        retryable: bool | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Reject]:
        """Rejects that match every given value, newest first, at most ``limit`` after ``offset``."""
        texts = {
            "product_id": product_id,
            "scope": scope,
            "error": error,
            "run_id": run_id,
            "source_uri": source_uri,
        }
        conditions = [f"{name} = {sql_text(value)}" for name, value in texts.items() if value is not None]
        if retryable is not None:
            conditions.append(f"retryable = {str(retryable).lower()}")
        heads = self._table.columns(["reject_id", "created_at"], all_of(conditions))
        if heads.num_rows > limit or offset:
            heads = heads.sort_by([("created_at", "descending"), ("reject_id", "ascending")])
            heads = heads.slice(offset, limit)
        found = self._table.by_key(heads.column("reject_id").to_pylist())
        return sorted(found, key=lambda r: (-r.created_at.timestamp(), r.reject_id))

    def resolve(
        self,
        indexed: Mapping[str, str],
        *,
        error: str | None = None,
        scope: RejectScope | None = None,
    ) -> int:
        """Forget rejects of products that were since indexed well, but for photos of their reviews; with
        ``error`` or ``scope`` those of that class or scope alone.

        ``indexed`` gives each product's new ``source_order``; rejects of strictly older sources go, those
        of the same source (a medium of the row just indexed) stay. Returns how many went. Nothing is
        written when none match.
        """
        if not indexed:
            return 0
        wanted = ["scope != 'photo'"] if scope is None else [f"scope = {sql_text(scope)}"]
        wanted += [] if error is None else [f"error = {sql_text(error)}"]
        # Looking all rejects through is quicker than looking thousands of products up.
        every = len(indexed) > _MAX_LOOKUPS
        wheres = (
            [all_of(wanted)]
            if every
            else [all_of([i, *wanted]) for i in in_list("product_id", list(indexed))]
        )
        stale: list[str] = []
        for where in wheres:
            rows = self._table.columns(["reject_id", "product_id", "source_order"], where).to_pylist()
            stale += [
                r["reject_id"] for r in rows if r["source_order"] < indexed.get(r["product_id"] or "", "")
            ]
        return self._table.delete(stale) if stale else 0

    def replaced(self, source_uri: str, *, row_order: str | None, file_order: str) -> int:
        """Forget what was wrong with older contents of a file that has been read anew; returns how many went.

        Its rows' rejects go where they are of an older source than ``row_order`` (the least order of a row in
        the new content; None where it has none), the reject of the whole file where it is older than
        ``file_order``. Those of media stay: they are of products, whichever file named them.
        """
        where = all_of([f"source_uri = {sql_text(source_uri)}", "scope = 'row'"])
        names = ["reject_id", "product_id", "field", "source_order"]
        stale = []
        for row in self._table.columns(names, where).to_pylist():
            whole_file = row["product_id"] is None and not row["field"]
            limit = file_order if whole_file else row_order
            if limit is not None and row["source_order"] < limit:
                stale.append(row["reject_id"])
        return self._table.delete(stale) if stale else 0

    def maintain(self, **when: Unpack[When]) -> None:
        """Keep the table quick; see :meth:`RecordTable.maintain`. A reject stays until it is mended."""
        self._table.maintain(**when)

    def delete(self, reject_ids: Sequence[str]) -> int:
        """Forget these rejects; returns how many there were."""
        return self._table.delete(reject_ids) if reject_ids else 0

    def count(self, *, run_id: str | None = None, source_uri: str | None = None) -> int:
        """How many rejects there are, of one run, of one source, or altogether."""
        texts = {"run_id": run_id, "source_uri": source_uri}
        conditions = [f"{name} = {sql_text(value)}" for name, value in texts.items() if value is not None]
        return self._table.count(all_of(conditions))
