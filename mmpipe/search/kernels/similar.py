"""Words of a vocabulary that are like one that is not in it, as typing errors are.

The distance is that of optimal string alignment: letters put in, left out, exchanged for another, and two
neighbours that changed places, each 1 (Damerau, "A technique for computer detection and correction of
spelling errors", CACM 7(3), 1964). Few words pass the looks at length and letters that go before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mmpipe.search.kernels.memory import as_i64, as_u8, bit_count

# UTF-8 of scripts without letters in our sense begins at this byte; Latin, Greek and Cyrillic are below.
_BEYOND = 0xE0
_FIRST = ord("a")
_MOST_LETTERS = 40
_FIRST_ROOM = 64
_ONE = np.uint64(1)


@njit("int64(int32[::1], int64, int32[::1], int64, int64, int64[:, ::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _distance(one: Any, n: Any, other: Any, m: Any, most: Any, rows: Any) -> Any:
    """Of two words of ``n`` and ``m`` letters; above ``most`` anything above it. ``rows`` is room for three
    lines."""
    for j in range(m + 1):
        rows[0, j] = j
    for i in range(1, n + 1):
        now, last, before = i % 3, (i - 1) % 3, (i - 2) % 3
        rows[now, 0] = i
        least = i
        for j in range(1, m + 1):
            cost = 0 if one[i - 1] == other[j - 1] else 1
            value = min(rows[last, j] + 1, rows[now, j - 1] + 1, rows[last, j - 1] + cost)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                value = min(value, rows[before, j - 2] + 1)
            rows[now, j] = value
            least = min(least, value)
        if least > most:
            return most + 1
    return rows[n % 3, m]


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int64[::1], int64[::1]))(int64, int64, int64, int32[::1], int64)", cache=True, nogil=True
)
def similar(token_start: Any, token_bytes: Any, terms: Any, letters: Any, most: Any) -> Any:
    """Places of the terms, of ``terms`` in the order of their UTF-8, at a distance of 1 to ``most`` from
    ``letters`` (code points), and their distances. Terms that begin with no letter, or with one beyond two
    bytes of UTF-8, are left out."""
    starts, data = as_i64(token_start), as_u8(token_bytes)
    n = len(letters)
    wanted = np.uint64(0)
    for i in range(n):
        wanted |= _ONE << np.uint64(letters[i] & 63)
    places, distances = np.empty(_FIRST_ROOM, np.int64), np.empty(_FIRST_ROOM, np.int64)
    found = 0
    word = np.empty(2 * _MOST_LETTERS, np.int32)
    rows = np.empty((3, 2 * _MOST_LETTERS + 1), np.int64)
    low, high = np.int64(0), np.int64(terms)
    while low < high:
        middle = (low + high) >> 1
        start = starts[middle]
        if starts[middle + 1] > start and data[start] >= _FIRST:
            high = middle
        else:
            low = middle + 1
    for term in range(low, terms):
        start, end = starts[term], starts[term + 1]
        if data[start] >= _BEYOND:
            break
        if end - start < n - most or end - start > 2 * (n + most) or end - start > 2 * _MOST_LETTERS:
            continue
        size, own = 0, np.uint64(0)
        at = start
        while at < end:
            first = np.int32(data[at])
            if first < 0x80:
                letter = first
                at += 1
            elif first < _BEYOND and at + 1 < end:
                letter = ((first & 0x1F) << 6) | (np.int32(data[at + 1]) & 0x3F)
                at += 2
            else:
                size = -1
                break
            word[size] = letter
            own |= _ONE << np.uint64(letter & 63)
            size += 1
        # One edit changes at most two of the letters that a word has at all.
        if size < n - most or size > n + most or bit_count(own ^ wanted) > 2 * most:
            continue
        distance = _distance(letters, n, word, size, most, rows)
        if 0 < distance <= most:
            if found == len(places):
                more, others = np.empty(2 * found, np.int64), np.empty(2 * found, np.int64)
                more[:found] = places
                others[:found] = distances
                places, distances = more, others
            places[found] = term
            distances[found] = distance
            found += 1
    return places[:found].copy(), distances[:found].copy()
