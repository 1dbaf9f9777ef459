"""What shoppers pay: list prices, and the sale prices that hold for a while.

A sale begins and ends while the version stays the same. So the rows with a sale price, few as a rule, are
kept beside the list prices, and the two become one array of prices that holds until the next begin or end of
a sale: queries compare and show plain numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmpipe.search.dictionaries import NULL, Codes, Dictionary

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
Amounts = NDArray[np.float64]
_MICROSECONDS = 1e6


@dataclass(frozen=True)
class Sales:
    """The rows with a sale price, ascending, and from when until just before when each holds, in Unix
    seconds; infinite where open."""

    rows: Rows
    price: Amounts
    start: Amounts
    end: Amounts

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, chosen: Mask) -> Sales:
        """Those of them that are ``chosen``."""
        return Sales(self.rows[chosen], self.price[chosen], self.start[chosen], self.end[chosen])

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.rows.nbytes + self.price.nbytes + self.start.nbytes + self.end.nbytes


_NOTHING = np.zeros(0, np.float64)
NO_SALES = Sales(np.zeros(0, np.int64), _NOTHING, _NOTHING, _NOTHING)


@dataclass(frozen=True)
class Prices:
    """What is paid per row, NaN for no price, and which rows have a price in the collection's own currency:
    for every moment from ``since`` until just before ``until`` (Unix seconds)."""

    paid: Amounts
    priced: Mask
    since: float
    until: float

    def hold(self, moment: float) -> bool:
        """Whether they are right at ``moment``."""
        return self.since <= moment < self.until


class PriceList:
    """The list prices and sales of one version, and the collection's own ``currency``: that of most of its
    priced products, None where none is. The moment does not count for it: a sale changes no currency."""

    def __init__(
        self, listed: Amounts, sales: Sales, alive: Mask, codes: Codes, currencies: Dictionary
    ) -> None:
        # Rows that an earlier release wrote may have a sale price at or above the price: these are none.
        reduced = ~(sales.price >= listed[sales.rows])
        self._sales = sales.only(alive[sales.rows] & reduced)
        self.listed = listed
        priced: Mask = ~np.isnan(listed)
        priced[self._sales.rows] = True
        counts = np.bincount(codes[alive & priced & (codes != NULL)], minlength=1)
        names = currencies.values
        self.currency = min(((-n, names[c]) for c, n in enumerate(counts.tolist()) if n), default=(0, None))[
            1
        ]
        own = [] if self.currency is None else [self.currency]
        self._priced: Mask = priced & currencies.allowed(own)[codes]

    def at(self, moment: float) -> Prices:
        """The prices of one moment. Where no sale runs ``paid`` is ``listed`` itself, not a copy."""
        sales = self._sales
        edges = np.concatenate([sales.start, sales.end])
        past = edges <= moment
        since, until = np.max(edges[past], initial=-np.inf), np.min(edges[~past], initial=np.inf)
        running = sales.only((sales.start <= moment) & (moment < sales.end))
        paid, priced = self.listed, self._priced
        if len(running):
            paid = paid.copy()
            paid[running.rows] = running.price
        # Only a row without a list price has no price while its sale does not run.
        if np.isnan(self.listed[sales.rows]).any():
            priced = priced & ~np.isnan(paid)
        return Prices(paid, priced, float(since), float(until))


def read_sales(sale: pa.Array, start: pa.Array | None, end: pa.Array | None) -> Sales:
    """The sales of one block: columns ``sale_price``, ``sale_start`` and ``sale_end`` (None where the table
    has none). Those that do not lower the price are among them: :class:`PriceList` tells.

    Rows that an earlier release wrote may have a sale price of 0: these are none.
    """
    if sale.null_count == len(sale):
        return NO_SALES
    price = sale.to_numpy(zero_copy_only=False).astype(np.float64)
    rows = np.flatnonzero(price > 0)
    sales = Sales(rows, price[rows], _seconds(start, rows, -np.inf), _seconds(end, rows, np.inf))
    return sales.only(sales.start < sales.end)


def join(parts: Sequence[Sales], starts: Sequence[int]) -> Sales:
    """The sales of several blocks, the first row of each block being ``starts[i]``."""
    found = [(part, start) for part, start in zip(parts, starts, strict=True) if len(part)]
    if not found:
        return NO_SALES
    return Sales(
        np.concatenate([part.rows + start for part, start in found]),
        np.concatenate([part.price for part, _ in found]),
        np.concatenate([part.start for part, _ in found]),
        np.concatenate([part.end for part, _ in found]),
    )


def _seconds(column: pa.Array | None, rows: Rows, absent: float) -> Amounts:
    if column is None or column.null_count == len(column):
        return np.full(len(rows), absent)
    taken = column.take(pa.array(rows))
    moments: Amounts = taken.cast(pa.int64()).to_numpy(zero_copy_only=False) / _MICROSECONDS
    moments[taken.is_null().to_numpy(zero_copy_only=False)] = absent
    return moments
