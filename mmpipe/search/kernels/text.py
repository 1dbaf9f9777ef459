"""Compiled passes over inverted lists: building them, looking tokens up, matching and scoring rows.

A *table* is ``int64[F, COLUMNS]``: one row per fragment with its first row, its sizes and the addresses of
its arrays. *Lists* are ``int64[F, m, 4]``: of each of m words the address of its rows in a fragment, how many
they are (0 for a word it lacks), the address of their counts, and how many of these are one occurrence.

A row that holds at least k of the m words a fragment has holds one of the m - k + 1 rarest of them. So only
the rows of those lists are looked at, in ascending order; the other lists are probed from where the last
probe ended, by doubling steps (Bentley and Yao, "An almost optimal algorithm for unbounded searching", IPL
5(3), 1976), rare ones first, until k is out of reach. The cost follows the rare tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from mmpipe.search.kernels.memory import as_i32, as_i64, as_u8, as_u16, as_u64, bit_count

BASE, N, TERMS, TOKEN_START, TOKENS, SLOTS, SLOT_COUNT, POST_START, ROWS, COUNTS, LENGTHS, LIVE = range(12)
SAID_START, SAID = 12, 13
COLUMNS = 14
AT, SIZE, COUNTED, UNIT = range(4)
LIST = 4
# A merged list counts in parts of one occurrence.
PARTS = 64
# How rare a word is, its best ways say: those whose factor is at least this part of the highest.
BEST = 0.9
K1 = 1.2
B = 0.75

_MOST = 0xFFFF
_END = np.int32(0x7FFFFFFF)
_ONE = np.uint64(1)
_OFFSET = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_FIRST_ROOM = 1024


@njit("uint64(int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fnv1a(data: Any, start: Any, end: Any) -> Any:
    """FNV-1a, 64 bits, of the bytes at an address from ``start`` to ``end``."""
    value, letters = _OFFSET, as_u8(data)
    for i in range(start, end):
        value = (value ^ np.uint64(letters[i])) * _PRIME
    return value


@njit(  # type: ignore[untyped-decorator]
    "int32[::1](int64[::1], int64, int64)", cache=True, nogil=True
)
def hash_table(starts: Any, data: Any, size: Any) -> Any:
    """Places of tokens in a table of ``size`` slots, a power of two above their number; -1 is empty."""
    slots = np.full(size, -1, np.int32)
    for term in range(len(starts) - 1):
        slot = np.int64(fnv1a(data, starts[term], starts[term + 1]) & np.uint64(size - 1))
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = term
    return slots


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int64[::1], int32[::1], uint16[::1], uint16[::1], int64))(int32[::1], int64[::1], int64,"
    " int64[::1])",
    cache=True,
    nogil=True,
)
def invert(codes: Any, starts: Any, terms: Any, weights: Any) -> Any:
    """Inverted lists of rows whose terms are ``codes[starts[row] : starts[row + 1]]``, -1 for none: starts
    per term, rows, counts, the rows' lengths and the sum of these. Counts and lengths saturate. A term whose
    place in ``weights`` is above 0 is no word: those behind it count so many times, until the next."""
    n = len(starts) - 1
    post_start = np.zeros(terms + 1, np.int64)
    last = np.full(terms, -1, np.int32)
    lengths = np.zeros(n, np.uint16)
    total = np.int64(0)
    for row in range(n):
        length, weight = 0, 1
        for i in range(starts[row], starts[row + 1]):
            code = codes[i]
            if code >= 0 and weights[code]:
                weight = weights[code]
            elif code >= 0:
                length += weight
                if last[code] != row:
                    last[code] = row
                    post_start[code + 1] += 1
        lengths[row] = min(length, _MOST)
        total += min(length, _MOST)
    for term in range(terms):
        post_start[term + 1] += post_start[term]
    place = post_start[:-1].copy()
    rows = np.empty(post_start[terms], np.int32)
    counts = np.empty(post_start[terms], np.uint16)
    last[:] = -1
    for row in range(n):
        weight = 1
        for i in range(starts[row], starts[row + 1]):
            code = codes[i]
            if code >= 0 and weights[code]:
                weight = weights[code]
            elif code >= 0:
                at = place[code]
                if last[code] != row:
                    last[code] = row
                    rows[at] = row
                    counts[at] = weight
                    place[code] = at + 1
                else:
                    counts[at - 1] = min(np.int64(counts[at - 1]) + weight, _MOST)
    return post_start, rows, counts, lengths, total


@njit("boolean(int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def ascending(starts: Any, count: Any, end: Any) -> Any:
    """Whether ``count`` int64 starts begin at 0, never fall, and stop at ``end``."""
    values = carray(as_i64(starts), count)
    if values[0] != 0 or values[count - 1] != end:
        return False
    falls = 0
    for i in range(1, count):
        falls += values[i] < values[i - 1]
    return falls == 0


@njit("boolean(int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def terms_within(slots: Any, count: Any, terms: Any) -> Any:
    """Whether the slots hold nothing but -1 and terms, and at least one is empty."""
    values = carray(as_i32(slots), count)
    empty, outside = 0, 0
    for i in range(count):
        empty += values[i] == -1
        outside += (values[i] < -1) | (values[i] >= terms)
    return empty > 0 and outside == 0


@njit("Tuple((int64, int64))(int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def living(alive: Any, lengths: Any, n: Any) -> Any:
    """How many of a fragment's ``n`` rows are alive, and the sum of their lengths."""
    words, tokens = carray(as_u64(alive), (n + 63) >> 6), carray(as_u16(lengths), n)
    documents, total = np.int64(0), np.int64(0)
    for word in words:
        documents += bit_count(word)
    for row in range(n):
        total += np.int64(tokens[row]) * np.int64((words[row >> 6] >> np.uint64(row & 63)) & _ONE)
    return documents, total


@njit("int32[::1](int64, int64, int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def living_rows(alive: Any, post_start: Any, post_rows: Any, terms: Any) -> Any:
    """Of each term of a fragment, how many of its rows are alive."""
    starts, rows, words = as_i64(post_start), as_i32(post_rows), as_u64(alive)
    out = np.empty(terms, np.int32)
    for term in range(terms):
        count = np.int64(0)
        for i in range(starts[term], starts[term + 1]):
            row = np.int64(rows[i])
            count += np.int64((words[row >> 6] >> np.uint64(row & 63)) & _ONE)
        out[term] = count
    return out


@njit("int64(int64[::1], int64, int64, int64, uint64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def term_of(fragment: Any, data: Any, start: Any, end: Any, value: Any) -> Any:
    """The term of one fragment whose UTF-8 is at ``data`` from ``start`` to ``end`` and has the hash
    ``value``; -1 where it has none."""
    letters, slots, tokens = as_u8(data), as_i32(fragment[SLOTS]), as_u8(fragment[TOKENS])
    token_start, size = as_i64(fragment[TOKEN_START]), end - start
    last = fragment[SLOT_COUNT] - 1
    slot = np.int64(value & np.uint64(last))
    while True:
        term = np.int64(slots[slot])
        if term < 0:
            return np.int64(-1)
        other = token_start[term]
        if token_start[term + 1] - other == size:
            i = 0
            while i < size and tokens[other + i] == letters[start + i]:
                i += 1
            if i == size:
                return term
        slot = (slot + 1) & last


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], int64, int64[::1], int64[:, :, ::1], int64[::1])", cache=True, nogil=True
)
def look_up(table: Any, data: Any, starts: Any, lists: Any, found: Any) -> None:
    """The lists of tokens whose UTF-8 is at ``data``, from ``starts[t]`` to ``starts[t + 1]``, each token
    being one word; ``found`` is how many living rows hold each."""
    for t in range(len(starts) - 1):
        value = fnv1a(data, starts[t], starts[t + 1])
        living = np.int64(0)
        for f in range(len(table)):
            term = term_of(table[f], data, starts[t], starts[t + 1], value)
            lists[f, t, AT] = 0
            lists[f, t, SIZE] = 0
            lists[f, t, COUNTED] = 0
            lists[f, t, UNIT] = 1
            if term < 0:
                continue
            post_start = as_i64(table[f, POST_START])
            length = post_start[term + 1] - post_start[term]
            lists[f, t, AT] = table[f, ROWS] + 4 * post_start[term]
            lists[f, t, SIZE] = length
            lists[f, t, COUNTED] = table[f, COUNTS] + 2 * post_start[term]
            live = table[f, LIVE]
            living += length if live == 0 else np.int64(as_i32(live)[term])
        found[t] = living


@njit("int64(int64, int64, int64, int32)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _seek(rows: Any, at: Any, size: Any, row: Any) -> Any:
    """The first place from ``at`` on, at most ``size``, whose row is not before ``row``."""
    values = as_i32(rows)
    if at >= size or values[at] >= row:
        return at
    low, step = at, np.int64(1)
    while low + step < size and values[low + step] < row:
        low += step
        step += step
    high = min(low + step, size)
    # values[low] < row, and high is the end or not before it.
    while high - low > 1:
        middle = (low + high) >> 1
        if values[middle] < row:
            low = middle
        else:
            high = middle
    return high


@njit(  # type: ignore[untyped-decorator]
    "float32(float64[::1], float64, int64[::1], int64[:, ::1], uint16)",
    cache=True,
    nogil=True,
    inline="always",
)
def _score(weights: Any, average: Any, places: Any, lists: Any, length: Any) -> Any:
    """BM25 of one row: its counts at ``places`` (-1 for a word it lacks), summed in the words' order."""
    norm = K1 * (1.0 - B + B * np.float64(length) / average)
    score = 0.0
    for t in range(len(weights)):
        if places[t] >= 0:
            count = np.float64(as_u16(lists[t, COUNTED])[places[t]]) / np.float64(lists[t, UNIT])
            score += weights[t] * (K1 + 1.0) * count / (count + norm)
    return np.float32(score)


@njit("int64(int64[:, ::1], int64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rarest_first(lists: Any, order: Any) -> Any:
    """The tokens of one fragment's lists that it has, rarest first; how many."""
    held = 0
    for t in range(len(lists)):
        size = lists[t, SIZE]
        if size:
            place = held
            while place > 0 and lists[order[place - 1], SIZE] > size:
                order[place] = order[place - 1]
                place -= 1
            order[place] = t
            held += 1
    return held


@njit(  # type: ignore[untyped-decorator]
    "int64(int64[:, ::1], int64[::1], int64, int64, int64[::1], int64[::1])", cache=True, nogil=True
)
def _next_of_way(lists: Any, way: Any, start: Any, end: Any, at: Any, count: Any) -> Any:
    """The next row that holds all of ``way[start:end]``, places in ``lists``, from where ``at`` stands, or
    the end; ``at`` is moved behind it, ``count[0]`` is the least of their counts there."""
    first = way[start]
    size = lists[first, SIZE]
    rows = as_i32(lists[first, AT])
    while at[start] < size:
        row = rows[at[start]]
        least = np.int64(as_u16(lists[first, COUNTED])[at[start]])
        at[start] += 1
        holds = True
        for i in range(start + 1, end):
            other = way[i]
            at[i] = _seek(lists[other, AT], at[i], lists[other, SIZE], row)
            if at[i] >= lists[other, SIZE]:
                return np.int64(_END)
            if as_i32(lists[other, AT])[at[i]] != row:
                holds = False
                break
            least = min(least, np.int64(as_u16(lists[other, COUNTED])[at[i]]))
        if holds:
            count[0] = least
            return np.int64(row)
    return np.int64(_END)


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int64[::1], int32[::1], uint16[::1], int64))(int64[:, ::1], int64[:, :, ::1], int64[::1],"
    " int64[::1], float64[::1], int64)",
    cache=True,
    nogil=True,
)
def merge(table: Any, lists: Any, way: Any, starts: Any, factors: Any, alive: Any) -> Any:
    """One list of the rows that hold a word in any of several ways: way w is all of the tokens
    ``way[starts[w] : starts[w + 1]]``, places in the lists of tokens. Where each fragment's rows begin, the
    rows ascending, their counts (in :data:`PARTS`, the most that a way earns by its factor, at least one
    part), and how many of them are alive in the bit set at ``alive`` and hold it in one of the best ways."""
    ways = len(factors)
    good = BEST * factors.max()
    room = np.int64(0)
    order = way.copy()
    for f in range(len(table)):
        for w in range(ways):
            least = lists[f, way[starts[w]], SIZE]
            for i in range(starts[w], starts[w + 1]):
                least = min(least, lists[f, way[i], SIZE])
            room += least
    rows, counts = np.empty(room, np.int32), np.empty(room, np.uint16)
    begins = np.zeros(len(table) + 1, np.int64)
    at, heads, tf = np.empty(len(way), np.int64), np.empty(ways, np.int64), np.empty(ways, np.int64)
    count = np.zeros(1, np.int64)
    found, living = np.int64(0), np.int64(0)
    for f in range(len(table)):
        words = as_u64(alive + (table[f, BASE] >> 3))
        at[:] = 0
        for w in range(ways):
            # The rarest goes first.
            for i in range(starts[w], starts[w + 1]):
                order[i] = way[i]
                if lists[f, order[i], SIZE] < lists[f, order[starts[w]], SIZE]:
                    order[i], order[starts[w]] = order[starts[w]], order[i]
            heads[w] = _next_of_way(lists[f], order, starts[w], starts[w + 1], at, count)
            tf[w] = count[0]
        while True:
            row = np.int64(_END)
            for w in range(ways):
                row = min(row, heads[w])
            if row == _END:
                break
            best, counted = 1.0, False
            for w in range(ways):
                if heads[w] == row:
                    counted |= factors[w] >= good
                    best = max(best, factors[w] * np.float64(tf[w]) * PARTS)
                    heads[w] = _next_of_way(lists[f], order, starts[w], starts[w + 1], at, count)
                    tf[w] = count[0]
            rows[found] = row
            rounded: Any = np.int64(best + 0.5)
            counts[found] = np.uint16(min(rounded, _MOST))
            if counted:
                living += np.int64((words[row >> 6] >> np.uint64(row & 63)) & _ONE)
            found += 1
        begins[f + 1] = found
    return begins, rows[:found].copy(), counts[:found].copy(), living


@njit("void(int64[:, ::1], int64[:, :, ::1], uint64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def exclude(table: Any, lists: Any, mask: Any) -> None:
    """Take the rows out of ``mask`` that hold any of the words."""
    for f in range(len(table)):
        base = table[f, BASE] >> 6
        for t in range(lists.shape[1]):
            rows = as_i32(lists[f, t, AT])
            for i in range(lists[f, t, SIZE]):
                row = np.int64(rows[i])
                mask[base + (row >> 6)] &= ~(_ONE << np.uint64(row & 63))


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int64, int32[::1], float32[::1]))(int64[:, ::1], int64[:, :, ::1], int64, float64[::1], float64,"
    " int64, boolean, boolean)",
    cache=True,
    nogil=True,
)
def _gather(
    table: Any, lists: Any, mask: Any, weights: Any, average: Any, least: Any, rising: Any, collect: Any
) -> Any:
    """Rows set in ``mask`` that hold ``least`` words and their scores, and the most words that one holds, 0
    where none holds ``least``. ``rising``: of those, only the ones that hold the most. Without ``collect``
    no rows are given."""
    m = lists.shape[1]
    order, places = np.empty(m, np.int64), np.empty(m, np.int64)
    address, at, sizes = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m, np.int64)
    heads = np.empty(m, np.int32)
    rows, scores = np.empty(_FIRST_ROOM, np.int32), np.empty(_FIRST_ROOM, np.float32)
    found, best = 0, np.int64(0)
    for f in range(len(table)):
        held = _rarest_first(lists[f], order)
        if held < least:
            continue
        base = table[f, BASE]
        words, lengths = as_u64(mask + (base >> 3)), as_u16(table[f, LENGTHS])
        for t in range(m):
            places[t] = -1
        for j in range(held):
            address[j] = lists[f, order[j], AT]
            sizes[j] = lists[f, order[j], SIZE]
            at[j] = 0
            heads[j] = as_i32(address[j])[0]
        looked_at = held - least + 1
        while True:
            row = heads[0]
            for j in range(1, looked_at):
                row = min(row, heads[j])
            if row == _END:
                break
            allowed = (words[row >> 6] >> np.uint64(row & 63)) & _ONE
            holds = np.int64(0)
            for j in range(looked_at):
                if heads[j] == row:
                    places[order[j]] = at[j]
                    at[j] += 1
                    heads[j] = as_i32(address[j])[at[j]] if at[j] < sizes[j] else _END
                    holds += 1
                else:
                    places[order[j]] = -1
            if not allowed:
                continue
            j = looked_at
            while j < held and holds + held - j >= least:
                place = _seek(address[j], at[j], sizes[j], row)
                at[j] = place
                if place < sizes[j] and as_i32(address[j])[place] == row:
                    places[order[j]] = place
                    holds += 1
                else:
                    places[order[j]] = -1
                j += 1
            if holds < least:
                continue
            if holds > best:
                best = holds
                if rising:
                    found = 0
                    least = holds if collect else holds + 1
                    # Lists that are looked at no more are probed from here on.
                    looked_at = held - least + 1
            if collect:
                if found == len(rows):
                    more_rows, more_scores = np.empty(2 * found, np.int32), np.empty(2 * found, np.float32)
                    more_rows[:found] = rows
                    more_scores[:found] = scores
                    rows, scores = more_rows, more_scores
                rows[found] = base + row
                scores[found] = _score(weights, average, places, lists[f], lengths[row])
                found += 1
            if looked_at < 1:
                break
    return best, rows[:found], scores[:found]


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int64, int32[::1], float32[::1]))(int64[:, ::1], int64[:, :, ::1], int64, float64[::1], float64,"
    " int64, boolean)",
    cache=True,
    nogil=True,
)
def match(table: Any, lists: Any, mask: Any, weights: Any, average: Any, required: Any, collect: Any) -> Any:
    """Rows set in the bit set at ``mask`` that hold at least ``required`` tokens, ascending, and their
    scores; for 0, those that hold the most that any holds. First of all is the most tokens that one of them
    holds, 0 where there is none. Without ``collect`` the rows are left out."""
    if required:
        return _gather(table, lists, mask, weights, average, required, False, collect)
    top: Any = np.int64(1)
    for f in range(len(table)):
        held = np.int64(0)
        for t in range(lists.shape[1]):
            held += lists[f, t, SIZE] > 0
        top = max(top, held)
    # Where no row holds as many, twice as many tokens are given up the next time, so that passes are few.
    given_up: Any = np.int64(0)
    while True:
        least = max(top - given_up, 1)
        result = _gather(table, lists, mask, weights, average, least, True, collect)
        if result[0] or least == 1:
            return result
        given_up = max(2 * given_up, 1)


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], int64[:, :, ::1], float64[::1], float64, int64, float32[::1])",
    cache=True,
    nogil=True,
)
def score(table: Any, lists: Any, weights: Any, average: Any, asked: Any, out: Any) -> None:
    """Scores of the int32 rows at an address, 0 where a row holds no token. Rising rows are fastest."""
    m, count = lists.shape[1], len(out)
    rows = carray(as_i32(asked), count)
    at, places = np.zeros(m, np.int64), np.empty(m, np.int64)
    f, last = 0, np.int64(-1)
    for i in range(count):
        row = np.int64(rows[i])
        if row < last:
            f = 0
            at[:] = 0
        last = row
        while f + 1 < len(table) and table[f + 1, BASE] <= row:
            f += 1
            at[:] = 0
        offset = np.int32(row - table[f, BASE])
        for t in range(m):
            address, size = lists[f, t, AT], lists[f, t, SIZE]
            at[t] = _seek(address, at[t], size, offset)
            held = at[t] < size and as_i32(address)[at[t]] == offset
            places[t] = at[t] if held else -1
        length = as_u16(table[f, LENGTHS])[offset] if offset < table[f, N] else np.uint16(0)
        out[i] = _score(weights, average, places, lists[f], length)
