"""Compiled passes over dictionary-encoded rows: bit sets of values, counts of values, the commonest of them.

A *table* is ``int64[F, COLUMNS]``: one row per fragment with its first row, its sizes and the addresses of
its arrays, so that one call passes over all of them. A row has one code in ``CODES`` (uint16 or uint32 by
``WIDTH``; 0 for none, ``k`` for value ``k - 1``), further ones in the lists at ``LIST_ROWS`` and
``LIST_CODES`` (int32, by row; value ``k`` is ``k``), and none twice. ``MAP`` has the dictionary's code of
each value, -1 for none. ``TOTALS`` (int64 per code in ``CODES``) says how often each is there in all rows, so
that of a bit set with most of a fragment's rows the others are counted.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import (
    as_i32,
    as_i64,
    as_u8,
    as_u16,
    as_u32,
    bit_count,
    trailing_zeros,
)

BASE, N, CODES, WIDTH, MAP, VALUES, TOTALS, LIST_ROWS, LIST_CODES, LIST_SIZE = range(10)
COLUMNS = 10
# The columns of a dictionary's addresses, for :func:`commonest`.
KEY_START, KEYS, NAME_START, NAMES, NAME_KEY, TEXT_START, TEXT = range(7)

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_SIX = np.uint64(6)
_LOW = np.uint64(63)


@njit("void(int64, int64, int64, uint8[::1], uint64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mask_codes(codes: int, width: int, n: int, allowed: NDArray[np.uint8], out: NDArray[np.uint64]) -> None:
    """Set the bits in ``out`` of the ``n`` rows whose code is allowed; ``allowed`` has an entry per code."""
    if width == 2:
        narrow = carray(as_u16(codes), n)
        for w in range(len(out)):
            word = np.uint64(0)
            for j in range(min(64, n - w * 64)):
                word |= np.uint64(allowed[narrow[w * 64 + j]]) << np.uint64(j)
            out[w] |= word
    else:
        wide = carray(as_u32(codes), n)
        for w in range(len(out)):
            word = np.uint64(0)
            for j in range(min(64, n - w * 64)):
                word |= np.uint64(allowed[wide[w * 64 + j]]) << np.uint64(j)
            out[w] |= word


@njit("void(int64, int64, int64, uint8[::1], uint64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mask_list(rows: int, codes: int, size: int, allowed: NDArray[np.uint8], out: NDArray[np.uint64]) -> None:
    """Set the bits in ``out`` of the listed rows whose value is allowed; ``allowed[k + 1]`` is value k's."""
    at, value = carray(as_i32(rows), size), carray(as_i32(codes), size)
    for i in range(size):
        row = np.uint64(at[i])
        out[row >> _SIX] |= np.uint64(allowed[value[i] + 1]) << (row & _LOW)


@njit("int64(int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def largest_code(codes: int, width: int, n: int) -> int:
    """The largest of ``n`` codes, 0 where there are none."""
    found = 0
    if width == 2:
        narrow = carray(as_u16(codes), n)
        for i in range(n):
            found = max(found, int(narrow[i]))
    else:
        wide = carray(as_u32(codes), n)
        for i in range(n):
            found = max(found, int(wide[i]))
    return found


@njit("void(int64[:, ::1], int32[::1], int32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def codes_of(table: NDArray[np.int64], rows: NDArray[np.int32], out: NDArray[np.int32]) -> None:
    """The dictionary's code of some rows, -1 for none; codes in lists are not looked at."""
    for i in range(len(rows)):
        f = len(table) - 1
        while table[f, BASE] > rows[i]:
            f -= 1
        offset = np.int64(rows[i]) - table[f, BASE]
        if table[f, WIDTH] == 2:
            code = np.int64(carray(as_u16(table[f, CODES]), table[f, N])[offset])
        else:
            code = np.int64(carray(as_u32(table[f, CODES]), table[f, N])[offset])
        out[i] = -1 if code == 0 else carray(as_i32(table[f, MAP]), table[f, VALUES])[code - 1]


@njit(  # type: ignore[untyped-decorator]
    "int64(int64[:, ::1], uint64[::1], int64[::1], int32[::1], int32[::1])", cache=True, nogil=True
)
def count(
    table: NDArray[np.int64],
    words: NDArray[np.uint64],
    counts: NDArray[np.int64],
    touched: NDArray[np.int32],
    local: NDArray[np.int32],
) -> int:
    """Rows of a bit set per code of the dictionary.

    ``counts`` and ``local`` come in as zeros; ``counts`` has an entry per code of the dictionary, ``local``
    one more than the most values of a fragment. The codes that were counted are in ``touched``; given back is
    their number. ``local`` is left as zeros.
    """
    found = 0
    for f in range(len(table)):
        n, first = table[f, N], table[f, BASE] >> 6
        size = (n + 63) >> 6
        bits = words[first : first + size]
        rows = 0
        for w in range(size):
            rows += bit_count(bits[w])
        if rows == 0:
            continue
        values = table[f, VALUES]
        target = carray(as_i32(table[f, MAP]), values)
        if table[f, CODES] != 0:
            others = 2 * rows > n
            flip = _ALL if others else np.uint64(0)
            narrow = carray(as_u16(table[f, CODES]), n)
            wide = carray(as_u32(table[f, CODES]), n)
            is_narrow = table[f, WIDTH] == 2
            if others or 2 * rows > values:
                for w in range(size):
                    word = bits[w] ^ flip
                    if w == size - 1 and n & 63:
                        word &= (_ONE << np.uint64(n & 63)) - _ONE
                    at = w << 6
                    if is_narrow:
                        while word:
                            local[narrow[at + trailing_zeros(word)]] += 1
                            word &= word - _ONE
                    else:
                        while word:
                            local[wide[at + trailing_zeros(word)]] += 1
                            word &= word - _ONE
                totals = carray(as_i64(table[f, TOTALS]), values + 1)
                local[0] = 0
                for k in range(1, values + 1):
                    number = int(totals[k] - local[k]) if others else int(local[k])
                    local[k] = 0
                    if number:
                        code = target[k - 1]
                        if code >= 0:
                            if counts[code] == 0:
                                touched[found] = code
                                found += 1
                            counts[code] += number
            else:
                for w in range(size):
                    word = bits[w]
                    at = w << 6
                    while word:
                        row = at + trailing_zeros(word)
                        word &= word - _ONE
                        k = int(narrow[row]) if is_narrow else int(wide[row])
                        if k:
                            code = target[k - 1]
                            if code >= 0:
                                if counts[code] == 0:
                                    touched[found] = code
                                    found += 1
                                counts[code] += 1
        listed = table[f, LIST_SIZE]
        if listed == 0:
            continue
        at_row, value = (
            carray(as_i32(table[f, LIST_ROWS]), listed),
            carray(as_i32(table[f, LIST_CODES]), listed),
        )
        if rows * 16 < listed:
            low = 0
            for w in range(size):
                word = bits[w]
                while word:
                    row = (w << 6) + trailing_zeros(word)
                    word &= word - _ONE
                    high = listed
                    while low < high:
                        middle = (low + high) >> 1
                        if at_row[middle] < row:
                            low = middle + 1
                        else:
                            high = middle
                    while low < listed and at_row[low] == row:
                        code = target[value[low]]
                        low += 1
                        if code >= 0:
                            if counts[code] == 0:
                                touched[found] = code
                                found += 1
                            counts[code] += 1
        else:
            for i in range(listed):
                row = int(at_row[i])
                bit = (bits[row >> 6] >> np.uint64(row & 63)) & _ONE
                local[value[i] + 1] += np.int32(bit)
            for k in range(1, values + 1):
                number = int(local[k])
                local[k] = 0
                if number:
                    code = target[k - 1]
                    if code >= 0:
                        if counts[code] == 0:
                            touched[found] = code
                            found += 1
                        counts[code] += number
    return found


@njit("boolean(int64, int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _before(text: int, start: int, a: int, b: int) -> bool:
    """Whether text ``a`` comes before text ``b``, by bytes of UTF-8, which is by code points."""
    starts = carray(as_i64(start), max(a, b) + 2)
    letters = carray(as_u8(text), max(starts[a + 1], starts[b + 1]))
    size_a, size_b = starts[a + 1] - starts[a], starts[b + 1] - starts[b]
    for i in range(min(size_a, size_b)):
        x, y = letters[starts[a] + i], letters[starts[b] + i]
        if x != y:
            return bool(x < y)
    return bool(size_a < size_b)


@njit(  # type: ignore[untyped-decorator]
    "int64(int64[::1], int32[::1], int64[::1], int64[::1], int64[::1], int32[::1], int32[::1], int32[::1],"
    " int32[::1], int64[::1])",
    cache=True,
    nogil=True,
)
def commonest(
    dictionary: NDArray[np.int64],
    codes: NDArray[np.int32],
    counts: NDArray[np.int64],
    totals: NDArray[np.int64],
    spelled: NDArray[np.int64],
    best: NDArray[np.int32],
    names: NDArray[np.int32],
    keys: NDArray[np.int32],
    out: NDArray[np.int32],
    rows: NDArray[np.int64],
) -> int:
    """The keys with the most rows, each by its commonest name: by falling rows, then by name.

    ``counts[code]`` are the rows of each of ``codes``. ``totals`` and ``best`` (an entry per key) and
    ``spelled`` (one per name) come in as zeros and are left so, and so is ``counts``; ``names`` and ``keys``
    are room for as many numbers. At most ``len(out)`` names are written to ``out``, with their ``rows``;
    given back is how many.
    """
    key_start, key_items = as_i32(dictionary[KEY_START]), as_i32(dictionary[KEYS])
    name_start, name_items = as_i32(dictionary[NAME_START]), as_i32(dictionary[NAMES])
    start, text = dictionary[TEXT_START], dictionary[TEXT]
    name_key = carray(as_i32(dictionary[NAME_KEY]), len(spelled))
    named = 0
    for i in range(len(codes)):
        code = np.int64(codes[i])
        number = counts[code]
        counts[code] = 0
        edges = carray(key_start, code + 2)
        items = carray(key_items, edges[code + 1])
        for j in range(edges[code], edges[code + 1]):
            totals[items[j]] += number
        edges = carray(name_start, code + 2)
        items = carray(name_items, edges[code + 1])
        for j in range(edges[code], edges[code + 1]):
            name = items[j]
            if spelled[name] == 0:
                names[named] = name
                named += 1
            spelled[name] += number
    found = 0
    for i in range(named):
        name = names[i]
        key = name_key[name]
        other = best[key] - 1
        if other < 0:
            keys[found] = key
            found += 1
            best[key] = name + 1
        elif spelled[name] > spelled[other] or (
            spelled[name] == spelled[other] and _before(text, start, name, other)
        ):
            best[key] = name + 1
    kept, limit = 0, len(out)
    for i in range(found):
        key = keys[i]
        name, number = best[key] - 1, totals[key]
        place = kept
        while place > 0 and (
            number > rows[place - 1]
            or (number == rows[place - 1] and _before(text, start, name, out[place - 1]))
        ):
            place -= 1
        if place == limit:
            continue
        kept = min(kept + 1, limit)
        for j in range(kept - 1, place, -1):
            out[j], rows[j] = out[j - 1], rows[j - 1]
        out[place], rows[place] = name, number
    # Keys that only labels have are not among those found, so all are cleared by their codes.
    for i in range(len(codes)):
        code = np.int64(codes[i])
        edges = carray(key_start, code + 2)
        items = carray(key_items, edges[code + 1])
        for j in range(edges[code], edges[code + 1]):
            totals[items[j]] = 0
    for i in range(named):
        spelled[names[i]] = 0
        best[name_key[names[i]]] = 0
    return kept
