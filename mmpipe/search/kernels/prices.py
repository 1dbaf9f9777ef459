"""Compiled passes over prices: of some rows, rows within a range, and ranges that hold about equally many.

A *table* is ``int64[F, 3]``: per fragment its first row, its rows, and the address of its prices (float64).
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import as_f64, as_i64, trailing_zeros

BASE, N, PRICES = range(3)
COLUMNS = 3

_ONE = np.uint64(1)
# Prices are sorted into bins by their exponent and eight bits of the mantissa, a bin for each 0.3 %: 64
# octaves from 2^-10 on, the counts of which stay in the processor's nearest cache. What is less is in the
# first bin, what is more in the last.
_BINS = 16_384
_SHIFT = 44
_FIRST = 1013 << 8


@njit("void(int64[:, ::1], int32[::1], float64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def of_rows(table: NDArray[np.int64], rows: NDArray[np.int32], out: NDArray[np.float64]) -> None:
    """The prices of some rows."""
    for i in range(len(rows)):
        f = len(table) - 1
        while table[f, BASE] > rows[i]:
            f -= 1
        out[i] = carray(as_f64(table[f, PRICES]), table[f, N])[np.int64(rows[i]) - table[f, BASE]]


@njit("void(int64[:, ::1], uint64[::1], float64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def of_words(table: NDArray[np.int64], words: NDArray[np.uint64], out: NDArray[np.float64]) -> None:
    """The prices of a bit set's rows, by row."""
    at = 0
    for f in range(len(table)):
        n, first = table[f, N], table[f, BASE] >> 6
        prices = carray(as_f64(table[f, PRICES]), n)
        for w in range((n + 63) >> 6):
            word = words[first + w]
            while word:
                out[at] = prices[(w << 6) + trailing_zeros(word)]
                at += 1
                word &= word - _ONE


@njit("void(int64[:, ::1], float64, float64, uint64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def within(table: NDArray[np.int64], low: float, high: float, words: NDArray[np.uint64]) -> None:
    """Leave of a bit set the rows whose price is at least ``low`` and at most ``high``."""
    for f in range(len(table)):
        n, first = table[f, N], table[f, BASE] >> 6
        prices = carray(as_f64(table[f, PRICES]), n)
        for w in range((n + 63) >> 6):
            if words[first + w]:
                inside = np.uint64(0)
                for j in range(min(64, n - w * 64)):
                    price = prices[w * 64 + j]
                    inside |= np.uint64((price >= low) & (price <= high)) << np.uint64(j)
                words[first + w] &= inside


@njit("int64(int64, int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _range_of(end: int, count: int, total: int, ranges: int) -> int:
    """The range of a price that ``count`` of ``total`` rows have, ``end`` being those up to it: where the
    middle of its rows is."""
    place = int((end - count / 2) / total * ranges)
    return place if place < ranges else ranges - 1


@njit("int64(int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _bin_of(bits: int) -> int:
    return min(max((bits >> _SHIFT) - _FIRST, 0), _BINS - 1)


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], uint64[::1], float64[::1], float64[::1], int64[::1])", cache=True, nogil=True
)
def ranges(
    table: NDArray[np.int64],
    words: NDArray[np.uint64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> None:
    """Divide the prices of a bit set's rows into ``len(rows)`` ranges of about equally many rows.

    ``rows`` comes in as zeros; a range that stays empty keeps its 0. The rows are counted by bin; only bins
    where a range begins or ends, or may, are looked into.
    """
    bins = np.zeros(_BINS, np.int32)
    total = 0
    for f in range(len(table)):
        n, first = table[f, N], table[f, BASE] >> 6
        bits = carray(as_i64(table[f, PRICES]), n)
        for w in range((n + 63) >> 6):
            word = words[first + w]
            while word:
                bins[_bin_of(bits[(w << 6) + trailing_zeros(word)])] += 1
                word &= word - _ONE
    for b in range(_BINS):
        total += bins[b]
    if total == 0:
        return
    low[:] = np.inf
    # At most those at, before and behind each border, the first and the last.
    marked = np.empty(8 * len(rows) + 8, np.int64)
    before = np.empty(8 * len(rows) + 8, np.int64)
    marks = 0
    end, last, last_start, last_range, last_open = 0, -1, 0, -1, True
    for b in range(_BINS):
        number = int(bins[b])
        if number == 0:
            continue
        start, end = end, end + number
        first_range = _range_of(start + 1, 1, total, len(rows))
        final_range = _range_of(end, 1, total, len(rows))
        is_open = first_range != final_range
        if is_open or last_open or first_range != last_range:
            if last >= 0 and (marks == 0 or marked[marks - 1] != last):
                marked[marks], before[marks] = last, last_start
                marks += 1
            marked[marks], before[marks] = b, start
            marks += 1
        last, last_start, last_range, last_open = b, start, final_range, is_open
    if marked[marks - 1] != last:
        marked[marks], before[marks] = last, last_start
        marks += 1
    # Per bin, the number of its mark, from 1 on.
    mark_of = np.zeros(_BINS, np.uint8)
    place = np.empty(marks + 1, np.int64)
    place[0] = 0
    for i in range(marks):
        place[i + 1] = place[i] + bins[marked[i]]
        mark_of[marked[i]] = i + 1
    end = 0
    for b in range(_BINS):
        if bins[b]:
            if mark_of[b] == 0:
                rows[_range_of(end + 1, 1, total, len(rows))] += bins[b]
            end += bins[b]
    prices = np.empty(place[marks], np.float64)
    filled = place.copy()
    for f in range(len(table)):
        n, first = table[f, N], table[f, BASE] >> 6
        bits = carray(as_i64(table[f, PRICES]), n)
        amounts = carray(as_f64(table[f, PRICES]), n)
        for w in range((n + 63) >> 6):
            word = words[first + w]
            while word:
                row = (w << 6) + trailing_zeros(word)
                word &= word - _ONE
                mark = mark_of[_bin_of(bits[row])]
                if mark:
                    prices[filled[mark - 1]] = amounts[row] + 0.0  # no negative zero
                    filled[mark - 1] += 1
    for mark in range(marks):
        part = prices[place[mark] : place[mark + 1]]
        if part.min() != part.max():
            part.sort()
        end = before[mark]
        at = 0
        while at < len(part):
            price = part[at]
            same = at
            while at < len(part) and part[at] == price:
                at += 1
            end += at - same
            r = _range_of(end, at - same, total, len(rows))
            low[r] = min(low[r], price)
            high[r] = price
            rows[r] += at - same
