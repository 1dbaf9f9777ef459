"""What a feed's workers hand back, kept until its one commit: whole rows in files of the table that no
version names, everything else in memory, and both in the run's journal.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.encoders.base import Profile
from mmpipe.errors import NotFound, ObjectNotFound, ProfileMismatch
from mmpipe.indexing.lanes.chunks import FeedJob, unpack_result
from mmpipe.indexing.pipeline.result import ChunkResult, RunCounts
from mmpipe.indexing.sources.rows import put_source
from mmpipe.indexing.sources.stores import stores
from mmpipe.indexing.writing.journal import Journal
from mmpipe.lake.changes import Staged
from mmpipe.lake.precedence import latest_per_id
from mmpipe.schemas.work import REMOVALS

if TYPE_CHECKING:
    from mmpipe.indexing.sources.readers import StoreFor
    from mmpipe.indexing.sources.rows import Upload
    from mmpipe.lake import Collection, ProductTable
    from mmpipe.objects import ObjectStat
    from mmpipe.schemas.run import RunRecord
    from mmpipe.schemas.work import WorkOrder

Progress = Callable[[int, int, int, int | None], None]
FeedWorkers = Callable[[FeedJob], Generator[bytes, None, None]]
_NOTHING_WRITTEN = dict.fromkeys(("indexed", "unchanged", "skipped", "deleted"), 0)


class Staging:
    """The results of one run. ``record`` is the run as far as it is (the ledger also has what is staged, for
    progress), ``result`` everything that is to be written, ``table`` where to; None before the first result
    of a worker."""

    def __init__(
        self, job: FeedJob, collection: Collection, record: RunRecord, progress: Progress | None
    ) -> None:
        self.record = record
        self.result = ChunkResult()
        self.table: ProductTable | None = None
        self._job = job
        self._collection = collection
        self._progress = progress
        self._profile: str | None = None
        self._pending = ChunkResult()
        self._pending_rows = 0
        self._journal = Journal(collection, job.order)
        self._adopted = False
        if job.profile is not None:
            self._open(job.profile)

    def consume(self, workers: FeedWorkers) -> str:
        """Take everything that the workers hand back, after what an earlier attempt did; returns why the feed
        broke off, or nothing."""
        self._resume()
        try:
            self._take(workers)
        except ProfileMismatch:
            if not self._adopted:
                raise
            # The earlier attempt had other models of that name: nothing of it is of use.
            self.result, self._pending, self._pending_rows = ChunkResult(), ChunkResult(), 0
            self.table, self._profile, self._adopted = None, None, False
            self._take(workers)
        self.record = self.record.model_copy(update={"feed": self.result.reports.get(self.record.run_id)})
        if not self.result.broken:
            self._report(sum(counts.read for counts in self.result.counts.values()))
        return self.result.broken

    def again(self, workers: FeedWorkers, stale: frozenset[str]) -> None:
        """Make the changes of these products anew, from the feed and the table as they are now."""
        again = ChunkResult()
        with closing(workers(replace(self._job, done=frozenset(), only=stale))) as packed:
            for data in packed:
                again.add(unpack_result(data)[0])
        # The rows are the same as before: they count once, and what told stock is still to be told.
        told = len({row.row for row in again.stocks})
        again.reports, again.broken, again.stocks = {}, "", []
        self._drop(stale, again.of_run(self.record.run_id), told)
        self.result.add(again)

    def count(self, version: int | None = None) -> None:
        """Bring the record up to date with what was written of the whole feed."""
        said = self._counted() | {"total": self.result.of_run(self.record.run_id).read}
        if version is not None:
            said["version"] = version
        self.record = self.record.model_copy(update=said)

    def add_encoded(self, other: ChunkResult) -> None:
        """Count what another result has encoded for this run."""
        for counts in other.counts.values():
            self.result.of_run(self.record.run_id).encoded.update(counts.encoded)
        self.count()

    def forget(self) -> None:
        """Remove the journal."""
        self._journal.forget()

    def _open(self, profile: Profile) -> None:
        self._profile = profile.to_json()
        self.table = self._collection.products(profile, create=True)

    def _resume(self) -> None:
        """Take over what an earlier attempt has noted."""
        for name, noted in self._journal.read(self._source_now):
            if self.table is None:
                self._adopt(name)
            if self.table is not None and self.table.name == name:
                self.result.add(noted)
                # It may have come as far as its commit, and no further.
                self.result.repeated = True

    def _adopt(self, name: str) -> None:
        """Where no profile is known before the first worker has loaded its models: that of the earlier
        attempt, until a worker says otherwise."""
        try:
            table = self._collection.table(name)
        except NotFound:
            return
        if table.profile.name == self._job.settings.indexing.profile:
            self._profile, self.table, self._adopted = table.profile.to_json(), table, True

    def _source_now(self) -> Upload:
        order = self._job.order
        return put_source(order, _stat(order, stores(self._job.settings)).last_modified)

    def _take(self, workers: FeedWorkers) -> None:
        with closing(workers(replace(self._job, done=frozenset(self.result.rows)))) as packed:
            for data in packed:
                result, profile = unpack_result(data)
                self._check_profile(profile)
                self._pending.add(result)
                self._pending_rows += sum(rows.num_rows for rows in result.changes.rows)
                self._report(None)
                if self._pending_rows >= self._job.settings.indexing.commit_rows:
                    self._flush()
        self._flush()

    def _counted(self) -> dict[str, Any]:
        said = self.result.of_run(self.record.run_id).said()
        if self.table is not None:
            said |= {"table": self.table.name, "profile": self.table.profile.name}
        return said

    def _check_profile(self, profile: str | None) -> None:
        if profile is None or profile == self._profile:
            return
        if self._profile is not None:
            raise ProfileMismatch("workers hold different models; run one release of mmpipe on all of them")
        self._open(Profile.from_json(profile))

    def _flush(self) -> None:
        pending, self._pending, self._pending_rows = self._pending, ChunkResult(), 0
        rows, pending.changes.rows = pending.changes.rows, []
        if rows and self.table is not None:
            pending.changes.staged = self.table.stage(latest_per_id(pa.concat_tables(rows)))
            self._journal.append(pending, self.table.name)
        self.result.add(pending)
        progress = self.record.model_copy(update=self._counted())
        self._collection.runs.put(progress)
        # Should the run fail, nothing was written.
        self.record = progress.model_copy(update=_NOTHING_WRITTEN)

    def _drop(self, stale: frozenset[str], again: RunCounts, told: int) -> None:
        ids = pa.array(sorted(stale), pa.string())
        changes, result = self.result.changes, self.result
        changes.edits = [_without(rows, ids) for rows in changes.edits]
        changes.seen = [_without(rows, ids) for rows in changes.seen]
        changes.rows = [_without(rows, ids) for rows in changes.rows]
        changes.staged = [
            staged
            for staged in changes.staged
            if not pc.any(pc.is_in(staged.claims.column("id"), value_set=ids)).as_py()
        ] + self._restaged(ids)
        dropped = [write for write in result.writes if write.id in stale]
        result.lost(dropped)
        counts = result.of_run(self.record.run_id)
        # Rows of these products that were no write lost to another row of the feed, or were refused.
        counts.skipped -= again.read - told - again.rejected
        counts.read -= again.read
        counts.rejected -= again.rejected
        again.pictures.clear()
        result.writes = [write for write in result.writes if write.id not in stale]

    def _restaged(self, ids: pa.Array) -> list[Staged]:
        """Staged files that hold a product which is made anew, without it."""
        found: list[Staged] = []
        for staged in self.result.changes.staged:
            if self.table is not None and pc.any(pc.is_in(staged.claims.column("id"), value_set=ids)).as_py():
                found += self.table.stage(_without(self.table.staged_rows(staged), ids))
        return found

    def _report(self, total: int | None) -> None:
        if self._progress is None:
            return
        seen = RunCounts()
        for counts in (*self.result.counts.values(), *self._pending.counts.values()):
            seen.add(counts)
        self._progress(seen.read, seen.indexed + seen.unchanged, seen.rejected, total)


def _without(rows: pa.Table, ids: pa.Array) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows.column("id"), value_set=ids)))


def _stat(order: WorkOrder, store_for: StoreFor) -> ObjectStat:
    """Of the version that would be read now."""
    uri, version = order.object.uri, order.object.version_id
    store = store_for(uri)
    if version and order.kind not in REMOVALS:
        with suppress(ObjectNotFound):
            return store.stat(uri, version_id=version)
    return store.stat(uri)
