"""Compiled passes over what rows say, token by token, by the tables of
:mod:`mmpipe.search.kernels.text`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mmpipe.search.kernels.memory import as_i32, as_i64, as_u8
from mmpipe.search.kernels.text import (
    BASE,
    POST_START,
    ROWS,
    SAID,
    SAID_START,
    TERMS,
    TOKEN_START,
    TOKENS,
    fnv1a,
    term_of,
)

_ONE = np.uint64(1)


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], int64, int64[::1], uint64[::1], uint64[::1])", cache=True, nogil=True
)
def phrase(table: Any, data: Any, starts: Any, mask: Any, out: Any) -> None:
    """Set the rows of ``mask`` in ``out`` that say the tokens at ``data``, one after the other."""
    count = len(starts) - 1
    terms = np.empty(count, np.int64)
    for f in range(len(table)):
        lead = -1
        post_start = as_i64(table[f, POST_START])
        for t in range(count):
            terms[t] = term_of(
                table[f], data, starts[t], starts[t + 1], fnv1a(data, starts[t], starts[t + 1])
            )
            if terms[t] < 0:
                lead = -1
                break
            size = post_start[terms[t] + 1] - post_start[terms[t]]
            # Rows hold words; the mark of a field, which may stand before the first, is in no list.
            if size and (lead < 0 or size < post_start[terms[lead] + 1] - post_start[terms[lead]]):
                lead = t
        if lead < 0:
            continue
        base = table[f, BASE] >> 6
        rows, said, begins = as_i32(table[f, ROWS]), as_i32(table[f, SAID]), as_i64(table[f, SAID_START])
        for i in range(post_start[terms[lead]], post_start[terms[lead] + 1]):
            row = np.int64(rows[i])
            bit = _ONE << np.uint64(row & 63)
            if not mask[base + (row >> 6)] & bit:
                continue
            for at in range(begins[row], begins[row + 1] - count + 1):
                t = 0
                while t < count and np.int64(said[at + t]) == terms[t]:
                    t += 1
                if t == count:
                    out[base + (row >> 6)] |= bit
                    break


@njit(  # type: ignore[untyped-decorator]
    "void(int64[:, ::1], int32[::1], int64, int64[::1], int32[:, :, ::1])", cache=True, nogil=True
)
def fields(table: Any, rows: Any, data: Any, starts: Any, out: Any) -> None:
    """Count in ``out[i, t, k]`` how often row i says the token t, of those at ``data``, behind the mark of
    field k + 1. ``out`` comes in as zeros."""
    count = len(starts) - 1
    terms = np.empty(count, np.int64)
    last = -1
    for i in range(len(rows)):
        f = len(table) - 1
        while table[f, BASE] > rows[i]:
            f -= 1
        if f != last:
            last = f
            for t in range(count):
                value = fnv1a(data, starts[t], starts[t + 1])
                terms[t] = term_of(table[f], data, starts[t], starts[t + 1], value)
        row = np.int64(rows[i]) - table[f, BASE]
        said, begins = as_i32(table[f, SAID]), as_i64(table[f, SAID_START])
        token_start, letters = as_i64(table[f, TOKEN_START]), as_u8(table[f, TOKENS])
        field, marks = np.int64(-1), min(np.int64(out.shape[2]), table[f, TERMS])
        for at in range(begins[row], begins[row + 1]):
            term = np.int64(said[at])
            # The marks are the first tokens of all.
            if 0 <= term < marks and token_start[term + 1] - token_start[term] == 1:
                letter = np.int64(letters[token_start[term]])
                if 0 < letter <= out.shape[2]:
                    field = letter - 1
                    continue
            if field < 0:
                continue
            for t in range(count):
                out[i, t, field] += terms[t] == term and term >= 0
