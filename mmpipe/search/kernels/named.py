"""Compiled passes over titles and categories: whether a row is what a word names, or only says the word of
something else, by the tables of :mod:`mmpipe.search.kernels.text`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mmpipe.search.kernels.memory import as_i32, as_i64, as_u8, as_u16
from mmpipe.search.kernels.text import BASE, SAID, SAID_START, TERMS, TOKEN_START, TOKENS, fnv1a, term_of

# What a term may be to a title: a thing, or a word behind which is told what that is for, or what it has.
THING, RELATION = 1, 2
# A pair of characters that ends in one that names things: one too, where no further character follows.
PART = 4
NAMED, ROLES = range(2)
# The numbers of the fields' marks.
_TITLE, _CATEGORY, _FIELDS = 1, 3, 8
# The first byte of Chinese, Japanese and Korean tokens.
_HAN, _HAN_BYTES = 0xE3, 3


@njit(  # type: ignore[untyped-decorator]
    "void(int64[::1], int64, int64[::1], uint8[::1], uint8[::1])", cache=True, nogil=True
)
def mark(fragment: Any, data: Any, starts: Any, roles: Any, out: Any) -> None:
    """Set in ``out``, which has a byte for each term of a fragment, the roles of the tokens at ``data``."""
    for t in range(len(starts) - 1):
        term = term_of(fragment, data, starts[t], starts[t + 1], fnv1a(data, starts[t], starts[t + 1]))
        if term >= 0:
            out[term] |= roles[t]


@njit("void(int64[::1], uint8[:, ::1], uint8[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mark_parts(fragment: Any, characters: Any, out: Any) -> None:
    """Set :data:`PART` in ``out`` at the terms of two characters that end in one of those given in UTF-8."""
    letters, token_start = as_u8(fragment[TOKENS]), as_i64(fragment[TOKEN_START])
    for term in range(fragment[TERMS]):
        begin = token_start[term]
        if token_start[term + 1] - begin != 2 * _HAN_BYTES or letters[begin] < _HAN:
            continue
        for i in range(len(characters)):
            same = True
            for k in range(_HAN_BYTES):
                same &= letters[begin + _HAN_BYTES + k] == characters[i, k]
            if same:
                out[term] |= PART
                break


@njit("boolean(int64, int64[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _among(term: Any, way: Any, start: Any, stop: Any) -> Any:
    found = False
    for i in range(start, stop):
        found |= way[i] == term
    return found


@njit(  # type: ignore[untyped-decorator]
    "boolean(int64, int64, int64, int64[::1], int64, int64)", cache=True, nogil=True
)
def _holds(said: Any, begin: Any, end: Any, way: Any, start: Any, stop: Any) -> Any:
    """Whether all of a way stand in a stretch of what a row says; a term of -1 stands nowhere."""
    tokens = as_i32(said)
    for i in range(start, stop):
        found = False
        for at in range(begin, end):
            if way[i] >= 0 and np.int64(tokens[at]) == way[i]:
                found = True
                break
        if not found:
            return False
    return True


@njit("boolean(int64[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _runs_on(fragment: Any, term: Any, following: Any) -> Any:
    """Whether a pair of characters begins with the last of another; none of a term of -1."""
    if term < 0:
        return False
    letters, token_start = as_u8(fragment[TOKENS]), as_i64(fragment[TOKEN_START])
    end, begin = token_start[term + 1], token_start[following]
    if letters[begin] < _HAN or end - token_start[term] < _HAN_BYTES:
        return False
    same = True
    for k in range(_HAN_BYTES):
        same &= letters[end - _HAN_BYTES + k] == letters[begin + k]
    return same


@njit(  # type: ignore[untyped-decorator]
    "boolean(int64[::1], int64, int64, int64, int64[::1], int64, int64)", cache=True, nogil=True
)
def _is_named(fragment: Any, roles: Any, first: Any, last: Any, way: Any, start: Any, stop: Any) -> Any:
    """Whether a word of a way is what a stretch of a title names: no other thing follows it, nor does it
    stand behind a relation. Long titles say one word a thousand times: what follows is looked at once, from
    the end."""
    said, role = as_i32(fragment[SAID]), as_u8(roles)
    letters, token_start = as_u8(fragment[TOKENS]), as_i64(fragment[TOKEN_START])
    border = last
    for at in range(first + 1, last):
        term = np.int64(said[at])
        if term >= 0 and role[term] & RELATION:
            border = at + 1
            break
    # Whether nothing that follows is another thing: for a word in Chinese a title in another language ends.
    named, named_in_han = True, True
    for back in range(last - first):
        at = last - 1 - back
        term = np.int64(said[at])
        if term < 0:
            continue
        han = letters[token_start[term]] >= _HAN
        if _among(term, way, start, stop):
            if at < border and (named_in_han if han else named):
                return True
            continue
        if role[term] & RELATION:
            named, named_in_han = True, True
            continue
        is_thing = (role[term] & THING) > 0
        if not is_thing and role[term] & PART and at > first:
            following = np.int64(said[at + 1]) if at + 1 < last else np.int64(-1)
            is_thing = _runs_on(fragment, np.int64(said[at - 1]), term) and not (
                following >= 0 and _runs_on(fragment, term, following)
            )
        if not han:
            named_in_han = True
        elif is_thing:
            named_in_han = False
        if is_thing:
            named = False
    return False


@njit(  # type: ignore[untyped-decorator]
    "int64(int64[::1], int64, int64, int64[::1], int64)", cache=True, nogil=True
)
def _end_of(fragment: Any, at: Any, stop: Any, marks: Any, count: Any) -> Any:
    """Where the field ends that begins at a place of what rows say: at the next mark, or at ``stop``."""
    said = as_i32(fragment[SAID])
    while at < stop and not (0 <= said[at] < count and marks[np.int64(said[at])]):
        at += 1
    return at


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], int64[:, ::1], int32[::1], int64, int64[::1], int64[::1], float64[::1],"
    " float64[::1])",
    cache=True,
    nogil=True,
)
def named(
    table: Any, more: Any, rows: Any, data: Any, starts: Any, ways: Any, factors: Any, out: Any
) -> None:
    """For each row the factor of the first way that its title names it by, where there is none of the first
    that the last label of its category does and its title does not say at all, else 0. Way w is all of the
    tokens at ``data`` from the place ``ways[w]`` to ``ways[w + 1]``, one at least. ``more`` has for each
    fragment the addresses of how many tokens of titles are of the name, and of the terms' roles."""
    terms = np.empty(len(starts) - 1, np.int64)
    marks = np.zeros(_FIELDS, np.int64)
    if not len(table):
        return
    last, count = -1, np.int64(0)
    fragment, own = table[0], more[0]
    for i in range(len(rows)):
        # Rising rows are fastest.
        f = max(last, 0)
        while table[f, BASE] > rows[i]:
            f -= 1
        while f + 1 < len(table) and table[f + 1, BASE] <= rows[i]:
            f += 1
        if f != last:
            last, fragment, own = f, table[f], more[f]
            for t in range(len(terms)):
                value = fnv1a(data, starts[t], starts[t + 1])
                terms[t] = term_of(fragment, data, starts[t], starts[t + 1], value)
            letters, token_start = as_u8(fragment[TOKENS]), as_i64(fragment[TOKEN_START])
            # The marks are the first tokens of all; 0 is no field's.
            count = min(np.int64(_FIELDS), fragment[TERMS])
            marks[:] = 0
            for term in range(count):
                letter = np.int64(letters[token_start[term]])
                if token_start[term + 1] - token_start[term] == 1 and 0 < letter <= _FIELDS:
                    marks[term] = letter
        row = np.int64(rows[i]) - fragment[BASE]
        said, begins = as_i32(fragment[SAID]), as_i64(fragment[SAID_START])
        stop = begins[row + 1]
        if begins[row] == stop or not 0 <= said[begins[row]] < count:
            continue
        field = marks[np.int64(said[begins[row]])]
        begin: Any = begins[row] + 1
        end: Any = _end_of(fragment, begin, stop, marks, count)
        found = False
        if field == _TITLE:
            behind = min(begin + np.int64(as_u16(own[NAMED])[row]), end)
            for w in range(len(factors)):
                if not _holds(fragment[SAID], begin, end, terms, ways[w], ways[w + 1]):
                    continue
                if _is_named(fragment, own[ROLES], begin, behind, terms, ways[w], ways[w + 1]) or _is_named(
                    fragment, own[ROLES], behind, end, terms, ways[w], ways[w + 1]
                ):
                    out[i] = factors[w]
                    found = True
                    break
        if found:
            continue
        title, title_end = (begin, end) if field == _TITLE else (begin, begin)
        while field < _CATEGORY and end < stop:
            field, begin = marks[np.int64(said[end])], end + 1
            end = _end_of(fragment, begin, stop, marks, count)
        if field != _CATEGORY or begin == end:
            continue
        for w in range(len(factors)):
            if (
                _among(np.int64(said[end - 1]), terms, ways[w], ways[w + 1])
                and _holds(fragment[SAID], begin, end, terms, ways[w], ways[w + 1])
                and not _holds(fragment[SAID], title, title_end, terms, ways[w], ways[w + 1])
            ):
                out[i] = factors[w]
                break
