"""The best of many, in order: by score, by id, by a number. Equals go by the place of their ids.

Only as many as are asked for are kept while passing over the others, so a page costs what it passes over.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import as_f64, count_bits, test, trailing_zeros

Rows = NDArray[np.int32]
Ranks = NDArray[np.int32]
Words = NDArray[np.uint64]
Keys = NDArray[np.float64]
Places = NDArray[np.int64]
Table = NDArray[np.int64]

_ONE = np.uint64(1)
# What equals go by is one number: behind a second number that falls, up to this, the place of the id.
_MOST_SECOND = (1 << 31) - 1
_NO_TABLE: Table = np.zeros((0, 3), np.int64)
# A walk in id order may meet this many times the rows that it should, before the set is collected instead.
_PATIENCE = 8


@njit("boolean(float64, int64, float64, int64)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _before(key: float, rank: int, other_key: float, other_rank: int) -> bool:
    return key > other_key or (key == other_key and rank < other_rank)


@njit("void(float64[::1], int64[::1], int64[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _sift(keys: Keys, ranks: Places, places: Places, at: int, size: int) -> None:
    """Restore the heap, whose root is the last in order, from ``at`` downwards."""
    key, rank, place = keys[at], ranks[at], places[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and _before(keys[child], ranks[child], keys[child + 1], ranks[child + 1]):
            child += 1
        if not _before(key, rank, keys[child], ranks[child]):
            break
        keys[at], ranks[at], places[at] = keys[child], ranks[child], places[child]
        at = child
    keys[at], ranks[at], places[at] = key, rank, place


@njit("int64(float64[::1], int64[::1], int64[::1], int64, float64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _offer(keys: Keys, ranks: Places, places: Places, size: int, key: float, rank: int, place: int) -> int:
    """Keep one more, if it is among the first; gives how many are kept."""
    if size < len(keys):
        keys[size], ranks[size], places[size] = key, rank, place
        size += 1
        if size == len(keys):
            for at in range(size // 2 - 1, -1, -1):
                _sift(keys, ranks, places, at, size)
    elif _before(key, rank, keys[0], ranks[0]):
        keys[0], ranks[0], places[0] = key, rank, place
        _sift(keys, ranks, places, 0, size)
    return size


@njit("void(float64[::1], int64[::1], int64[::1], int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _in_order(keys: Keys, ranks: Places, places: Places, size: int) -> None:
    for at in range(size // 2 - 1, -1, -1):
        _sift(keys, ranks, places, at, size)
    for end in range(size - 1, 0, -1):
        keys[0], keys[end] = keys[end], keys[0]
        ranks[0], ranks[end] = ranks[end], ranks[0]
        places[0], places[end] = places[end], places[0]
        _sift(keys, ranks, places, 0, end)


@njit("int64[::1](int32[::1], float64[::1], int32[::1], int64, float64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _top_scores(rows: Rows, scores: Keys, rank: Ranks, k: int, key: float, place: int) -> Places:
    kept = min(k, len(rows))
    keys, ranks, places = np.empty(kept), np.empty(kept, np.int64), np.empty(kept, np.int64)
    size = 0
    if kept:
        for i in range(len(rows)):
            score = scores[i]
            # Most are out by their score alone: their rank, somewhere in memory, is not looked at.
            if size == kept and score < keys[0]:
                continue
            r = rank[rows[i]]
            if score < key or (score == key and r >= place):
                size = _offer(keys, ranks, places, size, score, r, i)
        _in_order(keys, ranks, places, size)
    return places[:size].copy()


@njit("int32[::1](uint64[::1], int32[::1], int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _walk(words: Words, order: Rows, k: int, place: int, steps: int) -> Rows:
    """The first ``k`` of the set in id order from ``place``; one more than ``k`` entries of -1 where
    ``steps`` were not enough."""
    found = np.empty(k, np.int32)
    size = 0
    for at in range(place, len(order)):
        if at - place >= steps:
            return np.full(k + 1, -1, np.int32)
        row = order[at]
        if test(words, row):
            found[size] = row
            size += 1
            if size == k:
                break
    return found[:size].copy()


@njit("int32[::1](uint64[::1], int32[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _collected(words: Words, rank: Ranks, k: int, place: int) -> Rows:
    keys, ranks, rows = np.empty(k), np.empty(k, np.int64), np.empty(k, np.int64)
    size = 0
    for w in range(len(words)):
        word = words[w]
        while word:
            row = w * 64 + trailing_zeros(word)
            word &= word - _ONE
            if rank[row] >= place:
                size = _offer(keys, ranks, rows, size, 0.0, rank[row], row)
    _in_order(keys, ranks, rows, size)
    return rows[:size].astype(np.int32)


@njit("int64(float64, int32)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def tie(second: float, rank: int) -> int:
    """What equals go by, ascending: the second number falling, then the place of the id. NaN is as 0, and so
    is less; more than 2^31 - 1 is that much."""
    number = np.int64(0)
    if second >= _MOST_SECOND:
        number = np.int64(_MOST_SECOND)
    elif second > 0:
        number = np.int64(second)
    return int(((np.int64(_MOST_SECOND) - number) << np.int64(32)) | np.int64(rank))


@njit(
    "int32[::1](uint64[::1], int64[:, ::1], int64[:, ::1], int32[::1], int64, float64, float64, int64)",
    cache=True,
    nogil=True,
)  # type: ignore[untyped-decorator]
def _by_number(
    words: Words, table: Table, seconds: Table, rank: Ranks, k: int, sign: float, key: float, place: int
) -> Rows:
    keys, ranks, rows = np.empty(k), np.empty(k, np.int64), np.empty(k, np.int64)
    size = 0
    for f in range(len(table)):
        base, n = table[f, 0], table[f, 1]
        numbers = carray(as_f64(table[f, 2]), n)
        second = carray(as_f64(seconds[f, 2] if len(seconds) else table[f, 2]), n)
        for w in range(base >> 6, (base + n + 63) >> 6):
            word = words[w]
            while word:
                row = w * 64 + trailing_zeros(word)
                word &= word - _ONE
                number = sign * numbers[row - base]
                if size == k and number < keys[0]:
                    continue
                # A comparison with NaN, no number, is never true.
                if number <= key:
                    at = tie(second[row - base], rank[row]) if len(seconds) else np.int64(rank[row])
                    if number < key or at >= place:
                        size = _offer(keys, ranks, rows, size, number, at, row)
    _in_order(keys, ranks, rows, size)
    return rows[:size].astype(np.int32)


def top_scores(rows: Rows, scores: Keys, rank: Ranks, k: int, key: float = np.inf, place: int = 0) -> Places:
    """Where the ``k`` best of ``rows`` are among them, int64, best first: by falling score, then rising rank.

    Only those behind ``key`` count: with a lower score, or an equal one and a rank of ``place`` or more.
    """
    found: Places = _top_scores(rows, scores, rank, k, key, place)
    return found


def first_in_order(words: Words, order: Rows, rank: Ranks, k: int, place: int = 0) -> Rows:
    """The first ``k`` rows of a set by rising rank, from rank ``place`` on, int32. ``order`` is the
    inverse of ``rank``."""
    count = count_bits(words)
    if not count or not k:
        return np.zeros(0, np.int32)
    steps = _PATIENCE * (k * len(order) // count + 1)
    if steps < len(words) + 4 * count:
        found: Rows = _walk(words, order, k, place, steps)
        if len(found) <= k:
            return found
    collected: Rows = _collected(words, rank, k, place)
    return collected


def by_number(
    words: Words,
    numbers: Table,
    rank: Ranks,
    k: int,
    descending: bool,
    key: float = np.nan,
    place: int = 0,
    seconds: Table | None = None,
    second: float = 0.0,
) -> Rows:
    """The first ``k`` rows of a set by a number, then by a second one falling where there are ``seconds``,
    then by rising rank, int32; rows without a number are left out. :func:`tie` says how seconds compare.

    ``numbers`` is a table int64 ``(F, 3)``: each fragment's first row, its rows and the address of their
    float64 numbers; ``seconds`` likewise. With a ``key`` only rows behind it count: further on, or of an
    equal number and behind ``second`` and a rank of ``place`` or more.
    """
    sign = 1.0 if descending else -1.0
    behind = np.inf if np.isnan(key) else sign * key
    at = place if seconds is None else int(tie(second, 0)) + place
    found: Rows = _by_number(
        words, numbers, _NO_TABLE if seconds is None else seconds, rank, k, sign, behind, at
    )
    return found
