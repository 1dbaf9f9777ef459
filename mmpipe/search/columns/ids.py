"""Ids: the order that settles ties, and the way from an id to its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.search.columns.layout import Layout, places_in
from mmpipe.search.columns.pack import DamagedPack
from mmpipe.search.kernels import ids as kernels
from mmpipe.search.kernels.memory import address, words_of

Arrays = Mapping[str, NDArray[Any]]
Rows = NDArray[np.int32]
Words = NDArray[np.uint64]


def build_rows(ids: pa.Array, deleted: pa.Array) -> dict[str, NDArray[Any]]:
    """The ids of a fragment's rows and which of them are tombstones: ``id_start`` int64 ``(n + 1,)``,
    ``id_bytes`` uint8, ``id_order`` int32 ``(n,)`` (offsets by id, then offset), ``tombstone`` words. Null
    is the empty id, and no tombstone."""
    text = ids.fill_null("").cast(pa.large_string())
    rows = len(text)
    start = (
        np.frombuffer(text.buffers()[1], np.int64, rows + 1, text.offset * 8)
        if rows
        else np.zeros(1, np.int64)
    )
    data = text.buffers()[2]
    first, last = int(start[0]), int(start[-1])
    used = np.frombuffer(data, np.uint8)[first:last] if last > first else np.zeros(0, np.uint8)
    marks = deleted.fill_null(False).to_numpy(zero_copy_only=False).astype(np.bool_)
    return {
        "id_start": start - first,
        "id_bytes": used,
        # Arrow's sort is stable and compares bytes.
        "id_order": pc.array_sort_indices(text).to_numpy().astype(np.int32),
        "tombstone": words_of(marks),
    }


class IdColumn:
    """The ids of a version's rows, deleted ones included: several rows may have one id, of which at most one
    is alive.

    ``order`` int32 lists the rows by the UTF-8 bytes of their ids, equal ones by row; ``rank`` int32
    ``(layout.rows,)`` is its inverse, 0 for padding. From ``former``, the column of another version, the
    order of fragments that both have is taken over.
    """

    def __init__(self, parts: Sequence[Arrays], layout: Layout, former: IdColumn | None = None) -> None:
        self._layout = layout
        self._parts = parts
        came = places_in(() if former is None else former._parts, parts)
        self._table = np.zeros((len(parts), 5), np.int64)
        if former is not None:
            self._table[came >= 0] = former._table[came[came >= 0]]
        for f in np.flatnonzero(came < 0).tolist():
            self._table[f] = _entry(parts[f], f, layout.sizes[f])
        self._table[:, 0] = layout.bases[:-1]
        self._owner = np.repeat(np.arange(len(parts), dtype=np.int32), np.diff(layout.bases) // 64)
        self.order: Rows = self._ordered(former, came)
        self.rank: Rows = np.zeros(layout.rows, np.int32)
        kernels.invert(self.order, self.rank)

    def find(self, product_id: str, alive: Words) -> int | None:
        """The living row of an id."""
        key = _key(product_id)
        wanted = key.tobytes()
        place = kernels.place_of(self._table, self._owner, self.order, key, False)
        for row in map(int, self.order[place:]):
            if self._bytes(row) != wanted:
                break
            if int(alive[row >> 6]) >> (row & 63) & 1:
                return row
        return None

    def place(self, product_id: str) -> int:
        """How many rows have this id or a lower one."""
        return int(kernels.place_of(self._table, self._owner, self.order, _key(product_id), True))

    def beginning(self, prefix: str) -> Rows:
        """The rows whose ids begin with a text, dead ones included."""
        key = _key(prefix)
        first = kernels.place_of(self._table, self._owner, self.order, key, False)
        # No UTF-8 has this byte, and all order before it.
        last = kernels.place_of(self._table, self._owner, self.order, np.append(key, np.uint8(0xFF)), False)
        return self.order[first:last]

    def ids(self, rows: Rows) -> list[str]:
        """The ids of some rows."""
        return [self._bytes(row).decode() for row in rows.tolist()]

    def _bytes(self, row: int) -> bytes:
        fragment = int(self._owner[row >> 6])
        start, data = self._parts[fragment]["id_start"], self._parts[fragment]["id_bytes"]
        offset = row - int(self._layout.bases[fragment])
        return data[start[offset] : start[offset + 1]].tobytes()

    def _ordered(self, former: IdColumn | None, came: NDArray[np.int64]) -> Rows:
        every = np.arange(len(self._parts))
        if former is None:
            return self._merged(every)
        shared = np.flatnonzero(came >= 0)
        # Equal ids are in the order of their rows, which fragments that changed places would break.
        if not len(shared) or (np.diff(came[shared]) <= 0).any():
            return self._merged(every)
        steps = np.full(len(former._parts), kernels.GONE)
        steps[came[shared]] = self._table[shared, 0] - former._table[came[shared], 0]
        count = int(self._table[shared, 1].sum())
        if count == len(former.order) and not steps.any():
            kept = former.order
        else:
            kept = kernels.moved(former.order, steps[former._owner], count)
        fresh = np.flatnonzero(came < 0)
        if not len(fresh):
            return kept
        order: Rows = kernels.inserted(self._table, self._owner, kept, self._merged(fresh))
        return order

    def _merged(self, fragments: NDArray[np.int64]) -> Rows:
        order: Rows = kernels.merged(self._table, fragments)
        return order


def _entry(part: Arrays, fragment: int, size: int) -> tuple[int, ...]:
    """A fragment's row of the kernels' table, but for its first row."""
    start, data, order = part["id_start"], part["id_bytes"], part["id_order"]
    if len(start) != size + 1 or len(order) != size or start[0] != 0 or start[-1] != len(data):
        raise DamagedPack(f"the ids of fragment {fragment} are not those of {size:,} rows")
    return 0, size, address(start), address(data), address(order)


def _key(product_id: str) -> NDArray[np.uint8]:
    # A lone surrogate is no UTF-8, so no id has one; asked for, it is not found.
    return np.array(bytearray(product_id.encode(errors="surrogatepass")), np.uint8)
