"""What a model is asked about: the rows of a version, or of a table that is being trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.model.ids import NO_ITEM
from mmpipe.search.kernels.memory import has, rows_of, set_rows

if TYPE_CHECKING:
    from mmpipe.recommend.model.ids import Codes, ItemIds
    from mmpipe.search import Version

Rows = NDArray[np.int32]
Vectors = NDArray[np.float32]

_FEW = 512
IN_STOCK = frozenset({"in_stock", "preorder", "backorder"})


class Shelf(Protocol):
    """Products by row. ``fingerprint`` is that of the profile that made their vectors."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def rows(self) -> int:
        """Rows, those included that nobody can find."""
        ...

    def items(self, ids: ItemIds) -> Codes:
        """Each living row's item, int32 ``(rows,)``; ``NO_ITEM`` for others."""
        ...

    def described(self) -> Rows:
        """The living rows that have a fused vector, ascending."""
        ...

    def stored(self) -> Iterator[tuple[object, Rows]]:
        """All rows, by what they are stored in: an object that is the same in every version that has it."""
        ...

    def find(self, product_ids: Sequence[str]) -> Rows:
        """Each product's living row, -1 where there is none."""
        ...

    def dot(self, rows: Rows, query: Vectors) -> Vectors:
        """The products of some rows' fused vectors with ``query`` of any length. The rows ascend, and all of
        them have one."""
        ...

    def vectors(self, rows: Rows) -> tuple[Vectors, NDArray[np.bool_]]:
        """Some rows' fused vectors, zero where absent, and which are there."""
        ...

    def prices(self, rows: Rows) -> NDArray[np.float64]:
        """What is paid for some rows, NaN where that is not known."""
        ...

    def available(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of some rows can be bought."""
        ...


class VersionShelf:
    """A version's rows. ``former``, the shelf of an earlier version for the same model, lends what it knows
    of fragments that both have."""

    def __init__(self, version: Version, former: VersionShelf | None = None) -> None:
        self.version = version
        self._known: dict[int, tuple[object, Codes]] = {} if former is None else former._known

    @property
    def fingerprint(self) -> str:
        return self.version.fingerprint

    @property
    def rows(self) -> int:
        return self.version.layout.rows

    def items(self, ids: ItemIds) -> Codes:
        found = np.full(self.rows, NO_ITEM, np.int32)
        known: dict[int, tuple[object, Codes]] = {}
        bases = self.version.layout.bases.tolist()
        for base, fragment in zip(bases, self.version.fragments.values(), strict=False):
            part = fragment.part("rows")
            held = self._known.get(id(part))
            codes = held[1] if held is not None else ids.find_all(part["id_start"], part["id_bytes"])
            # The part is kept with it, so that no other one takes its place in memory.
            known[id(part)] = (part, codes)
            found[base : base + len(codes)] = codes
        self._known = known
        marks = np.unpackbits(self.version.alive.view(np.uint8), bitorder="little")
        found[marks[: self.rows] == 0] = NO_ITEM
        return found

    def described(self) -> Rows:
        return rows_of(self.version.fused.present)

    def stored(self) -> Iterator[tuple[object, Rows]]:
        layout = self.version.layout
        for base, size, fragment in zip(
            layout.bases.tolist(), layout.sizes, self.version.fragments.values(), strict=False
        ):
            yield fragment.part("rows"), np.arange(base, base + size, dtype=np.int32)

    def find(self, product_ids: Sequence[str]) -> Rows:
        found = (self.version.find(each) for each in product_ids)
        return np.fromiter((-1 if row is None else row for row in found), np.int32, len(product_ids))

    def dot(self, rows: Rows, query: Vectors) -> Vectors:
        length = float(np.linalg.norm(query))
        if length == 0.0:
            return np.zeros(len(rows), np.float32)
        fused, unit = self.version.fused, query / np.float32(length)
        # One pass over the part in which vectors lie costs a quarter of looking them up row by row.
        if len(rows) > _FEW:
            scores = fused.scan(unit, set_rows(rows, self.rows))[1]
        else:
            scores = fused.score(rows, unit)
        scores *= np.float32(length)
        return scores

    def vectors(self, rows: Rows) -> tuple[Vectors, NDArray[np.bool_]]:
        return self.version.fused.gather(rows)

    def prices(self, rows: Rows) -> NDArray[np.float64]:
        return self.version.prices.paid(rows)

    def available(self, rows: Rows) -> NDArray[np.bool_]:
        return has(self.version.coded["availability"].mask(IN_STOCK), rows)


class TableShelf:
    """Arrays by row, for training: ``ids`` are distinct, ``vectors`` float32 ``(n, f)`` with a row of zeros
    where there is none, ``prices`` NaN where there is none."""

    def __init__(
        self,
        fingerprint: str,
        ids: Sequence[str],
        vectors: Vectors,
        prices: NDArray[np.float64],
        available: NDArray[np.bool_],
    ) -> None:
        self.fingerprint = fingerprint
        self.ids = list(ids)
        self.rows = len(self.ids)
        self._row = {product_id: row for row, product_id in enumerate(self.ids)}
        self._vectors, self._prices, self._available = vectors, prices, available
        self._there = np.any(vectors != 0, axis=1) if vectors.shape[1] else np.zeros(self.rows, np.bool_)

    def items(self, ids: ItemIds) -> Codes:
        return ids.find(self.ids)

    def described(self) -> Rows:
        return np.flatnonzero(self._there).astype(np.int32)

    def stored(self) -> Iterator[tuple[object, Rows]]:
        yield self, np.arange(self.rows, dtype=np.int32)

    def find(self, product_ids: Sequence[str]) -> Rows:
        return np.fromiter((self._row.get(each, -1) for each in product_ids), np.int32, len(product_ids))

    def dot(self, rows: Rows, query: Vectors) -> Vectors:
        found: Vectors = self._vectors[rows] @ query
        return found

    def vectors(self, rows: Rows) -> tuple[Vectors, NDArray[np.bool_]]:
        return self._vectors[rows], self._there[rows]

    def prices(self, rows: Rows) -> NDArray[np.float64]:
        return self._prices[rows]

    def available(self, rows: Rows) -> NDArray[np.bool_]:
        return self._available[rows]
