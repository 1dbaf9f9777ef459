"""The run ledger: which uploads were indexed, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Unpack

import pyarrow as pa

from mmpipe.lake.record_table import RecordTable, When, all_of, sql_time
from mmpipe.lake.storage import sql_text
from mmpipe.schemas.run import RunRecord, RunStatus

if TYPE_CHECKING:
    from lance import Session

    from mmpipe.settings import StorageSettings

_COLUMNS = {
    "status": pa.string(),
    "kind": pa.string(),
    "source_uri": pa.string(),
    "started_at": pa.timestamp("us", tz="UTC"),
}
# A late duplicate may report a run as running or failed that another worker finished: done stays done.
# A run does not take longer, by far.
_LONGEST = timedelta(days=7)
_NOT_BACKWARDS = "target.status <> 'done' OR source.status = 'done'"


class RunTable:
    """The runs of one collection, one row per ``run_id``."""

    def __init__(self, uri: str, storage: StorageSettings, session: Session | None = None) -> None:
        self._table = RecordTable(
            uri,
            RunRecord,
            "run_id",
            _COLUMNS,
            storage,
            lookups=("run_id", "source_uri"),
            session=session,
        )

    def put(self, *runs: RunRecord) -> int:
        """Record runs as they stand, in one commit; a run that is done stays done. Returns the rows
        written."""
        return self._table.put(runs, condition=_NOT_BACKWARDS)

    def maintain(self, *, keep: timedelta, now: datetime, **when: Unpack[When]) -> None:
        """Keep the ledger quick, and without runs that began longer ago than ``keep``; see
        :meth:`RecordTable.maintain`. A run that is not over after that time has been left behind."""
        self._table.maintain(f"started_at < {sql_time(now - keep)}", **when)

    def take_back(self, table: str, version: int, since: datetime, reason: str) -> list[RunRecord]:
        """Count as never made what was done to ``table`` after ``version``, which was published at ``since``:
        those runs are ``failed`` from now on, for ``reason``. Returns them as they were, oldest first.

        Among them are runs that ended since and wrote nothing: what they found there may be gone.
        """
        began = f"started_at >= {sql_time(since - _LONGEST)} AND status = 'done'"
        taken = [
            run
            for run in self._table.select(began)
            if (run.table == table and run.version is not None and run.version > version)
            or (run.version is None and run.table in (table, None) and (run.finished_at or since) > since)
        ]
        failed = {"status": "failed", "refused": reason}
        self._table.put([run.model_copy(update=failed) for run in taken])
        return sorted(taken, key=lambda run: (run.started_at, run.run_id))

    def get(self, run_id: str) -> RunRecord | None:
        """One run, or None."""
        return next(iter(self._table.by_key([run_id])), None)

    def get_many(self, run_ids: Sequence[str]) -> dict[str, RunRecord]:
        """The known ones of these runs, by id."""
        return {run.run_id: run for run in self._table.by_key(run_ids)}

    def is_done(self, run_id: str) -> bool:
        """Whether this run was finished, so that a repeated event has nothing to do."""
        return self._table.count(f"run_id = {sql_text(run_id)} AND status = 'done'") > 0

    def list(
        self, *, status: RunStatus | None = None, source_uri: str | None = None, limit: int = 100
    ) -> list[RunRecord]:
        """Runs, newest first, at most ``limit``."""
        conditions = [] if status is None else [f"status = {sql_text(status)}"]
        if source_uri is not None:
            conditions.append(f"source_uri = {sql_text(source_uri)}")
        heads = self._table.columns(["run_id", "started_at"], all_of(conditions))
        if heads.num_rows > limit:
            heads = heads.sort_by([("started_at", "descending"), ("run_id", "ascending")]).slice(0, limit)
        found = self._table.by_key(heads.column("run_id").to_pylist())
        return sorted(found, key=lambda run: (-run.started_at.timestamp(), run.run_id))
