"""What a process knows of a table's newest rows without asking for them.

A commit decides on the rows that the table holds under its ids, which the pipeline has looked up a moment
before; and the rows that are in no index yet, whose files a look-up would have to open one by one, are mostly
those that this process has written itself. Both are kept for a while, by the files they are in: a fragment
whose files are the same holds the same rows, whatever version names it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.lake.frames import FRAME_COLUMNS
from mmpipe.lake.resolve import ADDRESS, FRAGMENT_BITS, HEAD_COLUMNS
from mmpipe.lake.schema import VECTOR_COLUMNS

if TYPE_CHECKING:
    import lance
    from lance.fragment import FragmentMetadata, LanceFragment

# Above this a scan of the id column beats one index look-up per id.
MAX_LOOKUPS: Final = 1_000
# Rows of larger fragments are read where they are: there are few of those, and they are soon indexed.
MAX_ROWS: Final = 1_024
_MAX_FRAGMENTS: Final = 256
_MAX_BYTES: Final = 32 << 20
_MAX_LOOKS: Final = 32
# A vector is most of a row's bytes, and is read only where it is copied.
_LEFT_OUT: Final = frozenset((*VECTOR_COLUMNS, *FRAME_COLUMNS))
# A fragment as a version has it: its number, its files, and the file that says what is deleted of it.
FragmentState = tuple[int, tuple[str, ...], tuple[int, int] | None]
Read = Callable[[Sequence[str], "Sequence[LanceFragment] | None"], pa.Table]


@dataclass(frozen=True, slots=True)
class _Look:
    """``rows`` are the heads of ``ids`` in a version that consisted of ``states``."""

    ids: frozenset[str]
    states: frozenset[FragmentState]
    rows: pa.Table


class RecentRows:
    """Rows that were written or looked up lately. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: deque[_Look] = deque(maxlen=_MAX_LOOKS)
        self._written: OrderedDict[FragmentState, pa.Table] = OrderedDict()
        self._bytes = 0

    def wrote(self, fragment: LanceFragment, rows: pa.Table) -> None:
        """Keep the rows, without their vectors, of a fragment that was written here."""
        if rows.num_rows > MAX_ROWS:
            return
        first = fragment.fragment_id << FRAGMENT_BITS
        addresses = pa.array(range(first, first + rows.num_rows), pa.uint64())
        kept = rows.select([name for name in rows.column_names if name not in _LEFT_OUT])
        # Slices would keep the whole that they are of.
        kept = pa.table(kept.append_column(ADDRESS, addresses).take(pa.array(range(rows.num_rows))))
        with self._lock:
            self._written[state_of(fragment)] = kept
            self._bytes += kept.nbytes
            while len(self._written) > _MAX_FRAGMENTS or self._bytes > _MAX_BYTES:
                self._bytes -= self._written.popitem(last=False)[1].nbytes

    def split(
        self, fragments: Iterable[LanceFragment], columns: Sequence[str]
    ) -> tuple[list[pa.Table], list[LanceFragment]]:
        """The rows of those fragments that are known, with their addresses, and the other fragments."""
        known: list[pa.Table] = []
        others: list[LanceFragment] = []
        with self._lock:
            for fragment in fragments:
                rows = self._written.get(state_of(fragment))
                if rows is not None and set(columns) <= set(rows.column_names):
                    known.append(rows)
                else:
                    others.append(fragment)
        return known, others

    def looked(self, dataset: lance.LanceDataset, ids: Sequence[str], rows: pa.Table) -> None:
        """Remember what a version holds of all ``ids``: ``HEAD_COLUMNS`` and addresses."""
        states = frozenset(state_of(fragment) for fragment in dataset.get_fragments())
        look = _Look(frozenset(ids), states, rows.select([*HEAD_COLUMNS, ADDRESS]))
        with self._lock:
            self._looks.append(look)

    def covers(self, ids: Iterable[str]) -> bool:
        """Whether all of these have been looked up lately."""
        left = set(ids)
        with self._lock:
            looks = list(self._looks)
        for look in reversed(looks):
            left -= look.ids
            if not left:
                return True
        return not left

    def heads(self, dataset: lance.LanceDataset, ids: Sequence[str], read: Read) -> pa.Table:
        """The heads of ``ids`` in a version; of what was looked up lately only fragments that have changed
        since are asked, by ``read``."""
        with self._lock:
            looks = list(self._looks)
        left = set(ids)
        used: list[tuple[_Look, set[str]]] = []
        for look in reversed(looks):
            mine = left & look.ids
            if mine:
                used.append((look, mine))
                left -= mine
        if left or not used:
            return read(ids, None)
        fragments = dataset.get_fragments()
        same = frozenset.intersection(*(look.states for look, _ in used))
        changed = [fragment for fragment in fragments if state_of(fragment) not in same]
        if changed and len(ids) > MAX_LOOKUPS:
            return read(ids, None)
        numbers = pa.array([f.fragment_id for f in fragments if state_of(f) in same], pa.uint64())
        parts = []
        for look, mine in used:
            places = pc.shift_right(look.rows.column(ADDRESS), pa.scalar(FRAGMENT_BITS, pa.uint64()))
            wanted = pc.is_in(look.rows.column("id"), value_set=pa.array(sorted(mine), pa.string()))
            parts.append(look.rows.filter(pc.and_(wanted, pc.is_in(places, value_set=numbers))))
        if changed:
            parts.append(read(ids, changed).select([*HEAD_COLUMNS, ADDRESS]))
        return pa.concat_tables(parts)


def file_of(fragment: FragmentMetadata) -> str:
    """The file that a fragment was written in, before any column of it changed in place."""
    path: str = fragment.files[0].path
    return path


def state_of(fragment: LanceFragment) -> FragmentState:
    """What names the rows that a fragment has in a version, for good."""
    found = fragment.metadata
    gone = found.deletion_file
    # A table that was taken back can have as many deleted rows as before, and others.
    deleted = None if gone is None else (int(gone.read_version), int(gone.id))
    return fragment.fragment_id, tuple(file.path for file in found.files), deleted
