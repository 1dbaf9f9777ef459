"""One row for each group of variants: the first of those that a search found, and what else is of a group.

``group_of`` is a row's group, int32, -1 for none; ``best`` int64 has an entry per group, comes in as zeros
and is left as zeros.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import as_f64, trailing_zeros
from mmpipe.search.kernels.order import tie

Rows = NDArray[np.int32]
Codes = NDArray[np.int32]
Words = NDArray[np.uint64]
Places = NDArray[np.int64]
Table = NDArray[np.int64]
Keys = NDArray[np.float64]

_ONE = np.uint64(1)
_NO_TABLE: Table = np.zeros((0, 3), np.int64)


@njit("int64[::1](int32[::1], float64[::1], int32[::1], int32[::1], int64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def best_by_score(rows: Rows, scores: Keys, rank: Rows, group_of: Codes, best: Places) -> Places:
    """Places of ``rows`` that stand for their group, ascending: of each the one with the highest score, of
    equals the lowest rank; and all rows without a group."""
    for i in range(len(rows)):
        group = group_of[rows[i]]
        if group >= 0:
            held = best[group] - 1
            if (
                held < 0
                or scores[i] > scores[held]
                or (scores[i] == scores[held] and rank[rows[i]] < rank[rows[held]])
            ):
                best[group] = i + 1
    kept, size = np.empty(len(rows), np.int64), 0
    for i in range(len(rows)):
        group = group_of[rows[i]]
        if group < 0 or best[group] == i + 1:
            kept[size] = i
            size += 1
            if group >= 0:
                best[group] = 0
    return kept[:size].copy()


@njit("void(uint64[::1], uint64[::1], int32[::1], int64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _keep(words: Words, out: Words, group_of: Codes, best: Places) -> None:
    for w in range(len(words)):
        word, found = words[w], np.uint64(0)
        while word:
            bit = word & (~word + _ONE)
            row = w * 64 + trailing_zeros(word)
            word ^= bit
            group = group_of[row]
            if group < 0:
                found |= bit
            elif best[group] == row + 1:
                found |= bit
                best[group] = 0
        out[w] = found


@njit("void(uint64[::1], int32[::1], int32[::1], int64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _lowest(words: Words, rank: Rows, group_of: Codes, best: Places) -> None:
    for w in range(len(words)):
        word = words[w]
        while word:
            row = w * 64 + trailing_zeros(word)
            word &= word - _ONE
            group = group_of[row]
            if group >= 0:
                held = best[group] - 1
                if held < 0 or rank[row] < rank[held]:
                    best[group] = row + 1


@njit(  # type: ignore[untyped-decorator]
    "void(uint64[::1], uint64[::1], int64[:, ::1], int64[:, ::1], float64, int32[::1], int32[::1],"
    " int64[::1], float64[::1], int64[::1])",
    cache=True,
    nogil=True,
)
def _foremost(
    words: Words,
    present: Words,
    table: Table,
    seconds: Table,
    sign: float,
    rank: Rows,
    group_of: Codes,
    best: Places,
    keys: Keys,
    ties: Places,
) -> None:
    for f in range(len(table)):
        base, n = table[f, 0], table[f, 1]
        numbers = carray(as_f64(table[f, 2]), n)
        second = carray(as_f64(seconds[f, 2] if len(seconds) else table[f, 2]), n)
        for w in range(base >> 6, (base + n + 63) >> 6):
            word, there = words[w], present[w]
            while word:
                bit = word & (~word + _ONE)
                row = w * 64 + trailing_zeros(word)
                word ^= bit
                group = group_of[row]
                if group < 0:
                    continue
                key, at = -np.inf, np.int64(rank[row])
                if there & bit:
                    key = sign * numbers[row - base]
                    if len(seconds):
                        at = tie(second[row - base], rank[row])
                if best[group] == 0 or key > keys[group] or (key == keys[group] and at < ties[group]):
                    best[group] = row + 1
                    keys[group], ties[group] = key, at


@njit("int32[::1](int32[::1], uint8[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def members(group_of: Codes, wanted: NDArray[np.uint8]) -> Rows:
    """Rows whose group is ``wanted``, ascending. It has an entry per group and one more, 0, for none."""
    none = len(wanted) - 1
    size = 0
    for row in range(len(group_of)):
        group = group_of[row]
        size += wanted[group if group >= 0 else none]
    found, at = np.empty(size, np.int32), 0
    for row in range(len(group_of)):
        if at == size:
            break
        group = group_of[row]
        if wanted[group if group >= 0 else none]:
            found[at] = row
            at += 1
    return found


def best_by_id(words: Words, rank: Rows, group_of: Codes, best: Places) -> Words:
    """Of a bit set the rows without a group, and of each group the one with the lowest rank."""
    _lowest(words, rank, group_of, best)
    out = np.empty_like(words)
    _keep(words, out, group_of, best)
    return out


def best_by_number(
    words: Words,
    present: Words,
    numbers: Table,
    rank: Rows,
    descending: bool,
    seconds: Table | None,
    group_of: Codes,
    best: Places,
    keys: Keys,
    ties: Places,
) -> Words:
    """The same by a number, as :func:`mmpipe.search.kernels.order.by_number` orders rows, those that are not
    ``present`` last. ``keys`` float64 and ``ties`` int64 have an entry per group and need not be zeros."""
    sign = 1.0 if descending else -1.0
    _foremost(
        words,
        present,
        numbers,
        _NO_TABLE if seconds is None else seconds,
        sign,
        rank,
        group_of,
        best,
        keys,
        ties,
    )
    out = np.empty_like(words)
    _keep(words, out, group_of, best)
    return out
