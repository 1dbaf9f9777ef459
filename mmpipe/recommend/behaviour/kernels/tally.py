"""Counts over living rows, kept up to date row by row."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from mmpipe.recommend.behaviour.kernels.layout import (
    ALIVE,
    CLICKED,
    CODE,
    I32,
    I64,
    INDEX,
    LATEST,
    MEANING,
    ROWS,
    SHIFT,
    SHOWN,
    TALLY,
    Index,
    Meaning,
    Rows,
    Tally,
)

_I64 = types.int64
# Half-lives ago, after which an event's part of a trend rounds to nothing.
_EARLIEST = -40.0


@njit(types.boolean(ROWS, INDEX, MEANING, _I64, _I64, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _paired(rows: Rows, index: Index, meaning: Meaning, owner: int, item: int, group: int) -> bool:
    """Whether the owner has a living event of the group with the item. Looks through the owner's rows and the
    item's by turns, until either has no more: however many the other has."""
    groups, items, died, kind, owner_of = meaning.groups, rows.item, rows.died, rows.kind, rows.owner
    before_owner, before_item, item_rows = index.before_owner, index.before_item, index.item_rows
    base = int(index.start[-1])
    own_first, own_last = 0, -1
    if owner + 1 < len(index.start):
        own_first, own_last = int(index.start[owner]), int(index.start[owner + 1]) - 1
    its_first, its_last = 0, -1
    if item + 1 < len(index.item_start):
        its_first, its_last = int(index.item_start[item]), int(index.item_start[item + 1]) - 1
    own_recent, its_recent = int(index.head_owner[owner]), int(index.head_item[item])
    while True:
        if own_recent >= 0:
            row = own_recent
            own_recent = int(before_owner[row - base])
        elif own_last >= own_first:
            row = own_last
            own_last -= 1
        else:
            return False
        if items[row] == item and died[row] == ALIVE and groups[kind[row] & CODE] & group:
            return True
        if its_recent >= 0:
            row = its_recent
            its_recent = int(before_item[row - base])
        elif its_last >= its_first:
            row = int(item_rows[its_last])
            its_last -= 1
        else:
            return False
        if owner_of[row] == owner and died[row] == ALIVE and groups[kind[row] & CODE] & group:
            return True


@njit(
    types.int64(types.int64, types.int64, types.int64, types.float64, types.float64), cache=True, nogil=True
)  # type: ignore[untyped-decorator]
def _part(weight: int, time: int, received: int, half_life: float, reference: float) -> int:
    """What an event adds to a trend. It decays from when it happened, or arrived if its clock was ahead; one
    that arrived far in the future of ``reference`` is not believed and adds nothing."""
    lives = (np.float64(min(time, received)) * 1e-6 - reference) / half_life
    if not (_EARLIEST < lives <= LATEST):
        return 0
    return int(np.rint(np.float64(weight) * 2.0 ** (lives + SHIFT)))


@njit(types.void(ROWS, INDEX, TALLY, MEANING, _I64, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_row(rows: Rows, index: Index, tally: Tally, meaning: Meaning, row: int, sign: int) -> None:
    """Count a row in (1), before it is linked to its owner and item, or out (-1), after it died."""
    item, owner = int(rows.item[row]), int(rows.owner[row])
    kind = int(rows.kind[row])
    groups = int(meaning.groups[kind & CODE])
    tally.sums[2] += sign
    for g in range(2):
        if groups & (1 << g):
            was = tally.acts[g, owner]
            tally.acts[g, owner] += sign
            if was == 0 or was + sign == 0:
                tally.sums[g] += sign
            if item >= 0 and not _paired(rows, index, meaning, owner, item, 1 << g):
                tally.shoppers[g, item] += sign
    if item < 0:
        return
    if groups & SHOWN:
        tally.shown[item] += sign
    if kind & CLICKED:
        tally.clicked[item] += sign
    weight = meaning.weight[kind & CODE]
    tally.weight[item] += sign * weight
    for t in range(len(meaning.half_life)):
        tally.trend[t, item] += sign * _part(
            weight, rows.time[row], rows.received[row], meaning.half_life[t], meaning.reference[t]
        )


@njit(types.void(ROWS, MEANING, _I64, _I64, types.int64[::1]), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def trend_of(rows: Rows, meaning: Meaning, n: int, trend: int, out: I64) -> None:
    """Add every living row's part of one trend to its item's entry."""
    half_life, reference = meaning.half_life[trend], meaning.reference[trend]
    for row in range(n):
        item = rows.item[row]
        if item >= 0 and rows.died[row] == ALIVE:
            weight = meaning.weight[rows.kind[row] & CODE]
            if weight:
                out[item] += _part(weight, rows.time[row], rows.received[row], half_life, reference)


@njit(types.void(ROWS, INDEX, TALLY, MEANING, types.int32[::1]), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def count_base(rows: Rows, index: Index, tally: Tally, meaning: Meaning, mark: I32) -> None:
    """Count all base rows, every one of them alive; ``mark`` has a 0 per actor. Trends are left alone."""
    base = int(index.start[-1])
    tally.sums[2] = base
    for row in range(base):
        kind = int(rows.kind[row])
        groups = int(meaning.groups[kind & CODE])
        for g in range(2):
            if groups & (1 << g):
                if tally.acts[g, rows.owner[row]] == 0:
                    tally.sums[g] += 1
                tally.acts[g, rows.owner[row]] += 1
        if rows.session[row] >= 0:
            tally.held[rows.session[row]] += 1
        item = rows.item[row]
        if item >= 0:
            tally.weight[item] += meaning.weight[kind & CODE]
            if groups & SHOWN:
                tally.shown[item] += 1
            if kind & CLICKED:
                tally.clicked[item] += 1
    for item in range(len(index.item_start) - 1):
        for g in range(2):
            stamp = np.int32(2 * item + g + 1)
            for at in range(index.item_start[item], index.item_start[item + 1]):
                row = index.item_rows[at]
                if meaning.groups[rows.kind[row] & CODE] & (1 << g) and mark[rows.owner[row]] != stamp:
                    mark[rows.owner[row]] = stamp
                    tally.shoppers[g, item] += 1
