"""What shoppers pay: list prices, and the sale prices that hold for a while.

A sale begins and ends while the version stays the same. So what is paid is that of a moment, which holds
until the next begin or end of a sale. Of a fragment without a running sale the list prices themselves are
read; of the others a copy is made, which versions share that share the fragment.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmpipe.search.columns.coded import kept_for_version, row_words
from mmpipe.search.kernels import prices as kernels
from mmpipe.search.kernels.memory import address, count_bits, own, set_rows, words_of

if TYPE_CHECKING:
    from mmpipe.search.columns.coded import CodedColumn
    from mmpipe.search.columns.layout import Layout

Arrays = Mapping[str, NDArray[Any]]
Words = NDArray[np.uint64]
Rows = NDArray[np.int32]
Amounts = NDArray[np.float64]
_MICROSECONDS = 1e6
# Moments whose prices are kept: that of now, and those that page cursors or tests of a clock ask for.
_MOMENTS = 4


def build_price(price: pa.Array) -> dict[str, NDArray[Any]]:
    """The part of one fragment's list prices: ``price`` float64 ``(n,)``, NaN for none, and ``priced``, the
    rows that have one, as words."""
    listed = price.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return {"price": listed, "priced": words_of(~np.isnan(listed))}


def build_sales(sale: pa.Array, start: pa.Array | None, end: pa.Array | None) -> dict[str, NDArray[Any]]:
    """The part of one fragment's columns ``sale_price``, ``sale_start`` and ``sale_end``, None where the
    table has none: ``rows`` int64, ascending, and their ``price``, ``start`` and ``end`` float64; from
    ``start`` until just before ``end`` (Unix seconds, infinite where open) the sale runs.

    Rows that an earlier release wrote may have a sale price of 0: these are none.
    """
    price = np.zeros(0) if sale.null_count == len(sale) else _floats(sale)
    rows = np.flatnonzero(price > 0)
    begins, ends = _seconds(start, rows, -np.inf), _seconds(end, rows, np.inf)
    some = begins < ends
    return {"rows": rows[some], "price": price[rows[some]], "start": begins[some], "end": ends[some]}


def _floats(column: pa.Array) -> Amounts:
    values: Amounts = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _seconds(column: pa.Array | None, rows: NDArray[np.int64], absent: float) -> Amounts:
    if column is None or column.null_count == len(column):
        return np.full(len(rows), absent)
    taken = column.take(pa.array(rows))
    moments: Amounts = taken.cast(pa.int64()).to_numpy(zero_copy_only=False) / _MICROSECONDS
    moments[taken.is_null().to_numpy(zero_copy_only=False)] = absent
    return moments


class _Part:
    """One fragment's prices, for as long as any version has them. ``rows``, ``sale``, ``start`` and ``end``
    are the sales that lower a price or are the only one."""

    def __init__(self, price: Arrays, sales: Arrays) -> None:
        self.listed: Amounts = price["price"]
        self.priced: Words = price["priced"]
        self.price, self.sales = price, sales
        rows = sales["rows"]
        if len(self.priced) != row_words(len(self.listed)) or self.listed.dtype != np.float64:
            raise ValueError("prices do not fit their rows")
        if len({len(sales[name]) for name in ("rows", "price", "start", "end")}) != 1 or not (
            len(rows) == 0 or 0 <= rows.min() <= rows.max() < len(self.listed)
        ):
            raise ValueError("sales do not fit their rows")
        # Rows that an earlier release wrote may have a sale price at or above the price: these are none.
        lower = ~(sales["price"] >= self.listed[rows])
        self.rows, self.sale = rows[lower], sales["price"][lower]
        self.start, self.end = sales["start"][lower], sales["end"][lower]
        self._latest: tuple[NDArray[np.bool_], Amounts] | None = None

    def paid(self, moment: float) -> Amounts:
        """What is paid per row; the list prices themselves where no sale runs."""
        if not len(self.rows):
            return self.listed
        running = self.running(moment)
        if not running.any():
            return self.listed
        latest = self._latest
        if latest is not None and np.array_equal(latest[0], running):
            return latest[1]
        paid = self.listed.copy()
        paid[self.rows[running]] = self.sale[running]
        self._latest = running, paid
        return paid

    def running(self, moment: float) -> NDArray[np.bool_]:
        """Which of the sales run."""
        return (self.start <= moment) & (moment < self.end)


class Prices:
    """The prices of a version for every moment from ``since`` until just before ``until`` (Unix seconds).

    ``priced`` are the rows with a price in the collection's own ``currency``, dead ones included. ``table``
    is int64 ``(F, 3)``: each fragment's first row, rows, and where its paid prices lie (float64).
    ``masks`` is room for bit sets that hold as long as these prices do. Bit sets that are given back are
    shared: nobody may write into them.
    """

    def __init__(
        self, column: PriceColumn, paid: Sequence[Amounts], priced: Words, since: float, until: float
    ) -> None:
        self._column = column
        self._paid = paid  # the table's addresses are of these
        self.table = column.table.copy()
        for f, (amounts, part) in enumerate(zip(paid, column.parts, strict=True)):
            if amounts is not part.listed:
                self.table[f, kernels.PRICES] = address(amounts)
        self.priced = priced
        self.since, self.until = since, until
        self.currency = column.currency
        self.masks = kept_for_version(column.layout)
        self._ranges = kept_for_version(column.layout)

    def at(self, moment: float) -> Prices:
        """The prices of another moment: these, while they hold."""
        return self if self.since <= moment < self.until else self._column.at(moment)

    def paid(self, rows: Rows) -> Amounts:
        """What is paid for some rows, NaN where there is no price."""
        return _prices_of(self.table, rows)

    def listed(self, rows: Rows) -> Amounts:
        """The list prices of some rows, NaN where there is none."""
        return self._column.listed(rows)

    def range_mask(
        self, gte: float | None, lte: float | None, currency: str | None = None, *, listed: bool = False
    ) -> Words:
        """Rows, dead ones included, that cost at least ``gte`` and at most ``lte`` in a currency, the
        collection's own unless given; with ``listed`` the list prices are compared. Rows without such a price
        are never among them."""
        low, high = -np.inf if gte is None else gte, np.inf if lte is None else lte
        own = currency is None or currency == self.currency
        key = low, high, None if own else currency, listed
        words = self._ranges.get(key)
        if words is None:
            column = self._column
            words = (self.priced if own and not listed else column.in_currency(currency)).copy()
            kernels.within(column.table if listed else self.table, low, high, words)
            self._ranges.put(key, words)
        return words

    def on_sale(self) -> Words:
        """Rows, dead ones included, whose sale runs."""
        words = self._ranges.get("on sale")
        if words is None:
            words = self._column.on_sale(self.since)
            self._ranges.put("on sale", words)
        return words

    def ranges(self, words: Words, number: int) -> list[tuple[float, float, int]]:
        """Lowest price, highest price and rows of up to ``number`` ranges of about equally many of a bit
        set's ``priced`` rows, from cheap to dear. A price belongs to the range where the middle of its rows
        is."""
        low, high, rows = np.zeros(number), np.zeros(number), np.zeros(number, np.int64)
        kernels.ranges(self.table, words & self.priced, low, high, rows)
        return [each for each in zip(low.tolist(), high.tolist(), rows.tolist(), strict=True) if each[2]]

    def distinct(self, words: Words) -> tuple[Amounts, NDArray[np.int64]]:
        """The prices of a bit set's ``priced`` rows, ascending, and how many rows have each."""
        words = words & self.priced
        amounts = np.empty(count_bits(words))
        kernels.of_words(self.table, words, amounts)
        values, rows = np.unique(amounts + 0.0, return_counts=True)
        return values, rows.astype(np.int64)


class PriceColumn:
    """The prices of a version: ``prices`` and ``sales`` are what :func:`build_price` and :func:`build_sales`
    made of each fragment.

    ``currency`` is the collection's own, that of most of its living priced products, None where none is. The
    moment does not count for it: a sale changes no currency.
    """

    def __init__(
        self,
        prices: Sequence[Arrays],
        sales: Sequence[Arrays],
        layout: Layout,
        alive: Words,
        currency: CodedColumn,
        former: PriceColumn | None = None,
    ) -> None:
        held: Sequence[_Part] = () if former is None else former.parts
        known = {(id(part.price), id(part.sales)): (f, part) for f, part in enumerate(held)}
        found = [known.get((id(price), id(sale))) for price, sale in zip(prices, sales, strict=True)]
        self.parts: list[_Part] = [
            _Part(price, sale) if same is None else same[1]
            for same, price, sale in zip(found, prices, sales, strict=True)
        ]
        self.layout: Layout = layout
        bases = layout.bases[:-1].tolist()
        self.table: NDArray[np.int64] = np.zeros((len(bases), kernels.COLUMNS), np.int64)
        for f, (same, part) in enumerate(zip(found, self.parts, strict=True)):
            if former is not None and same is not None:
                self.table[f] = former.table[same[0]]
            else:
                self.table[f] = 0, len(part.listed), address(part.listed)
        self.table[:, kernels.BASE] = layout.bases[:-1]
        rows, starts, ends = self._living_sales(alive, bases)
        self._edges = np.unique(np.concatenate([starts, ends]))
        unlisted = np.isnan(self.listed(rows))
        self._unlisted = rows[unlisted], starts[unlisted], ends[unlisted]
        priced = np.concatenate([np.zeros(0, np.uint64), *(part.priced for part in self.parts)])
        if len(rows):
            priced |= set_rows(rows, layout.rows)
        counts = currency.spellings(priced & alive)
        self.currency: str | None = min(((-n, name) for name, n in counts.items()), default=(0, None))[1]
        self._currencies = currency
        self._priced = priced & self.in_currency(None)
        self._moments: list[Prices] = []
        self._lock = threading.Lock()

    def at(self, moment: float) -> Prices:
        """The prices of a moment (Unix seconds): the same object for all of its interval."""
        with self._lock:
            held = next((prices for prices in self._moments if prices.since <= moment < prices.until), None)
            if held is None:
                held = self._prices(moment)
                self._moments = [held, *self._moments[: _MOMENTS - 1]]
            return held

    def listed(self, rows: Rows) -> Amounts:
        """The list prices of some rows, NaN where there is none."""
        return _prices_of(self.table, rows)

    def in_currency(self, currency: str | None) -> Words:
        """Rows whose prices, where they have any, are in a currency; in the collection's own for None."""
        wanted = self.currency if currency is None else currency
        return self._currencies.mask([] if wanted is None else [wanted])

    def on_sale(self, moment: float) -> Words:
        """Rows whose sale runs at a moment."""
        bases = self.layout.bases[:-1].tolist()
        rows = [part.rows[part.running(moment)] + base for part, base in zip(self.parts, bases, strict=True)]
        return set_rows(np.concatenate([np.zeros(0, np.int64), *rows]), self.layout.rows)

    def _prices(self, moment: float) -> Prices:
        place = int(np.searchsorted(self._edges, moment, side="right"))
        since = self._edges[place - 1] if place else -np.inf
        until = self._edges[place] if place < len(self._edges) else np.inf
        rows, starts, ends = self._unlisted
        priced = self._priced
        over = ~((starts <= moment) & (moment < ends))
        if over.any():
            # Only a row without a list price has no price while its sale does not run.
            priced = priced & ~set_rows(rows[over], self.layout.rows)
        paid = [part.paid(moment) for part in self.parts]
        return Prices(self, paid, priced, float(since), float(until))

    def _living_sales(self, alive: Words, bases: Sequence[int]) -> tuple[Rows, Amounts, Amounts]:
        rows: list[Rows] = [np.zeros(0, np.int32)]
        starts, ends = [np.zeros(0)], [np.zeros(0)]
        for part, base in zip(self.parts, bases, strict=True):
            if len(part.rows):
                found = part.rows + base
                living = (alive[found >> 6] >> (found & 63).astype(np.uint64)) & np.uint64(1) != 0
                rows.append(found[living].astype(np.int32))
                starts.append(part.start[living])
                ends.append(part.end[living])
        return np.concatenate(rows), np.concatenate(starts), np.concatenate(ends)


def _prices_of(table: NDArray[np.int64], rows: Rows) -> Amounts:
    amounts = np.empty(len(rows))
    kernels.of_rows(table, own(rows, np.int32), amounts)
    return amounts
