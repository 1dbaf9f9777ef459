"""What of the stored rows counts: one copy of each event, nobody who was erased, nothing too old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.lake.interactions.schema import SCHEMA, Segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.schemas.people import Erasure

# What must be read of a row to tell whether it counts.
DECIDING = ("event_id", "user", "session", "occurred_at", "received_at")
# So many ids become Python objects at a time: meanwhile no other thread runs.
_AT_ONCE = 8_192


class Erased:
    """Who was erased, and up to which moment of arrival."""

    def __init__(self, erasures: Iterable[Erasure] = ()) -> None:
        self._users: dict[str, datetime] = {}
        self._sessions: dict[str, datetime] = {}
        for erasure in erasures:
            for held, names in ((self._users, erasure.users), (self._sessions, erasure.sessions)):
                for name in names:
                    held[name] = max(erasure.at, held.get(name, erasure.at))

    def __bool__(self) -> bool:
        return bool(self._users or self._sessions)

    def hits(self, table: pa.Table) -> NDArray[np.int64]:
        """The rows that are erased: of an erased user, and anonymous ones of an erased session."""
        if not self:
            return np.empty(0, np.int64)
        users = pc.is_in(table["user"], value_set=pa.array(list(self._users), pa.string()))
        sessions = pc.is_in(table["session"], value_set=pa.array(list(self._sessions), pa.string()))
        maybe = pc.or_(users, pc.and_(sessions, pc.is_null(table["user"])))
        rows: NDArray[np.int64] = np.flatnonzero(maybe.to_numpy())
        if not len(rows):
            return rows
        some = table.select(["user", "session", "received_at"]).take(rows).to_pylist()
        gone = [row["received_at"] <= self._until(row) for row in some]
        erased: NDArray[np.int64] = rows[np.asarray(gone, bool)]
        return erased

    def without(self, table: pa.Table) -> pa.Table:
        """The table without those rows."""
        rows = self.hits(table)
        if not len(rows):
            return table
        kept = np.ones(len(table), bool)
        kept[rows] = False
        return table.filter(pa.array(kept))

    def _until(self, row: Mapping[str, object]) -> datetime:
        user = row["user"]
        return self._sessions[str(row["session"])] if user is None else self._users[str(user)]


def since(table: pa.Table, moment: datetime | None) -> pa.Table:
    """The rows that occurred at ``moment`` or later."""
    if moment is None:
        return table
    return table.filter(
        pc.greater_equal(table["occurred_at"], pa.scalar(moment, SCHEMA.field("occurred_at").type))
    )


def first_copies(tables: Mapping[Segment, pa.Table]) -> pa.Table:
    """The rows of several segments in the order of their arrival, of each event the copy that came first."""
    ordered = [tables[segment] for segment in sorted(tables)]
    if not ordered:
        return SCHEMA.empty_table()
    table = pa.concat_tables(ordered).combine_chunks()
    table = table.take(pc.sort_indices(table["received_at"]))
    ids = table["event_id"]
    if pc.count_distinct(ids).as_py() == len(table):
        return table
    numbered = pa.table({"event_id": ids, "row": pa.array(np.arange(len(table)))})
    first = numbered.group_by("event_id", use_threads=False).aggregate([("row", "min")])["row_min"]
    return table.take(pa.array(np.sort(first.to_numpy())))


class Once:
    """Events that were given already, from one day to the next.

    Ids are told apart by 64-bit digests: of ten million events on different days, one in a million runs takes
    two different ids for the same.
    """

    def __init__(self) -> None:
        # Sorted runs, each more than twice as long as the next: a day costs what it holds, not all before it.
        self._runs: list[NDArray[np.int64]] = []

    def new(self, table: pa.Table) -> pa.Table:
        """The rows whose event was in no table before; within this one ids are distinct."""
        digests = _digests(table["event_id"])
        if not len(digests):
            return table
        given = np.zeros(len(digests), bool)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, digests), len(run) - 1)
            given |= run[at] == digests
        if given.any():
            table, digests = table.filter(pa.array(~given)), digests[~given]
        self._runs.append(np.sort(digests))
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")
        self._runs = [run for run in self._runs if len(run)]
        return table


def _digests(ids: pa.ChunkedArray) -> NDArray[np.int64]:
    slices = [chunk.slice(at, _AT_ONCE) for chunk in ids.chunks for at in range(0, len(chunk), _AT_ONCE)]
    parts: Sequence[NDArray[np.int64]] = [
        np.fromiter(map(hash, some.to_pylist()), np.int64, len(some)) for some in slices
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
