"""Compiled passes over the matches of one query: two lists become one, and scores are split."""

from __future__ import annotations

import numpy as np
from numba import carray, njit
from numpy.typing import NDArray

from mmpipe.search.kernels.memory import as_u64

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]


@njit(  # type: ignore[untyped-decorator]
    "int64(int32[::1], int32[::1], float32[::1], int32[::1], float32[::1], int32[::1])",
    cache=True,
    nogil=True,
)
def unite(near: Rows, text: Rows, text_scores: Scores, rows: Rows, scores: Scores, lacking: Rows) -> int:
    """Rows of two ascending lists, once each: first all of ``near``, then those of ``text`` alone, with their
    text scores. Gives how many rows of ``near`` are not in ``text``: their places in ``near`` are the first
    of ``lacking``, and their scores are left as they are."""
    at, missing, size = 0, 0, len(near)
    for i in range(len(text)):
        while at < len(near) and near[at] < text[i]:
            rows[at] = near[at]
            lacking[missing] = at
            missing += 1
            at += 1
        if at < len(near) and near[at] == text[i]:
            rows[at], scores[at] = near[at], text_scores[i]
            at += 1
        else:
            rows[size], scores[size] = text[i], text_scores[i]
            size += 1
    while at < len(near):
        rows[at] = near[at]
        lacking[missing] = at
        missing += 1
        at += 1
    return missing


@njit(  # type: ignore[untyped-decorator]
    "void(float64[:, ::1], int64[::1], int32[::1], float64[::1], boolean)", cache=True, nogil=True
)
def split(
    parts: NDArray[np.float64],
    present: NDArray[np.int64],
    rows: Rows,
    share: NDArray[np.float64],
    signed: bool,
) -> None:
    """Change ``parts`` (modalities × rows, what each is thought to have earned) so that a row's sum to its
    ``share``. ``present`` are the addresses of the bit sets of rows that have each modality.

    ``signed``: the difference goes to those present in equal parts. Else the share is split in proportion to
    the positive parts; where there is none, among those present alike.
    """
    count = len(parts)
    there = np.zeros(count)
    for i in range(len(rows)):
        row = np.int64(rows[i])
        held, total = 0.0, 0.0
        for m in range(count):
            word = carray(as_u64(present[m]), (row >> 6) + 1)[row >> 6]
            there[m] = np.float64((word >> np.uint64(row & 63)) & np.uint64(1))
            held += there[m]
            total += parts[m, i] if signed else max(parts[m, i], 0.0)
        if signed:
            for m in range(count):
                parts[m, i] += (share[i] - total) * there[m] / max(held, 1.0)
        elif total > 0:
            for m in range(count):
                parts[m, i] = share[i] * max(parts[m, i], 0.0) / total
        else:
            for m in range(count):
                parts[m, i] = share[i] * there[m] / held if held > 0 else 0.0
