"""Numbers of products that rows are filtered, ordered and summed up by: ratings, their counts, moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmpipe.search.columns.coded import kept_for_version, row_words
from mmpipe.search.columns.layout import places_in
from mmpipe.search.kernels import prices
from mmpipe.search.kernels.memory import address, count_bits, own, words_of

if TYPE_CHECKING:
    from mmpipe.search.columns.layout import Layout

Arrays = Mapping[str, NDArray[Any]]
Words = NDArray[np.uint64]
Rows = NDArray[np.int32]
Numbers = NDArray[np.float64]
_MICROSECONDS = 1e6


def build_number(column: pa.Array) -> dict[str, NDArray[Any]]:
    """The part of one fragment's column: ``number`` float64 ``(n,)``, NaN for none, of a timestamp its Unix
    seconds, and ``present``, the rows that have one, as words."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / _MICROSECONDS
    else:
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return {"number": numbers, "present": words_of(~np.isnan(numbers))}


class NumberColumn:
    """One number of each of a version's rows. ``parts`` are what :func:`build_number` made of each fragment.

    ``present`` are the rows that have one, dead ones included. ``former`` is another version's: what it says
    of fragments that are the same here is taken over. Raises ``ValueError`` for parts that do not fit their
    rows. Bit sets that are given back are shared: nobody may write into them.
    """

    def __init__(self, parts: Sequence[Arrays], layout: Layout, former: NumberColumn | None = None) -> None:
        came = places_in(() if former is None else former._parts, parts)
        self._parts: Sequence[Arrays] = parts
        self._table: NDArray[np.int64] = np.zeros((len(parts), prices.COLUMNS), np.int64)
        if former is not None:
            self._table[came >= 0] = former._table[came[came >= 0]]
        for f in np.flatnonzero(came < 0).tolist():
            number, present = parts[f]["number"], parts[f]["present"]
            if (len(number), len(present)) != (layout.sizes[f], row_words(layout.sizes[f])) or (
                number.dtype != np.float64 or present.dtype != np.uint64
            ):
                raise ValueError("numbers do not fit their rows")
            self._table[f] = 0, len(number), address(number)
        self._table[:, prices.BASE] = layout.bases[:-1]
        self.present: Words = np.concatenate([np.zeros(0, np.uint64), *(part["present"] for part in parts)])
        self._ranges = kept_for_version(layout)

    @property
    def table(self) -> NDArray[np.int64]:
        """Where the numbers are, as kernels take it: int64 ``(F, 3)``, each fragment's first row, its rows
        and the address of its float64 numbers."""
        return self._table

    def of(self, rows: Rows) -> Numbers:
        """The numbers of some rows, float64 ``(n,)``, NaN where there is none."""
        numbers = np.empty(len(rows))
        prices.of_rows(self._table, own(rows, np.int32), numbers)
        return numbers

    def range_mask(self, gte: float | None, lte: float | None) -> Words:
        """Rows, dead ones included, that are ``present`` with at least ``gte`` and at most ``lte``."""
        low, high = -np.inf if gte is None else gte, np.inf if lte is None else lte
        words = self._ranges.get((low, high))
        if words is None:
            words = self.present.copy()
            prices.within(self._table, low, high, words)
            self._ranges.put((low, high), words)
        return words

    def distinct(self, words: Words) -> tuple[Numbers, NDArray[np.int64]]:
        """The numbers of a bit set's ``present`` rows, ascending, and how many rows have each."""
        words = words & self.present
        numbers = np.empty(count_bits(words))
        prices.of_words(self._table, words, numbers)
        values, rows = np.unique(numbers + 0.0, return_counts=True)
        return values, rows.astype(np.int64)
