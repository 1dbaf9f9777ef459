"""A base from events in any order: each event once, owners, and the three indexes, by counting."""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.kernels.hashing import slot
from mmpipe.recommend.behaviour.kernels.layout import I32, I64, IDENTIFIED, U8, U64
from mmpipe.recommend.behaviour.kernels.order import latest_first, make_heap, own

_I64 = types.int64
_I32S, _I64S, _U8S, _U64S = types.int32[::1], types.int64[::1], types.uint8[::1], types.uint64[::1]


@njit(types.void(_U64S, _I64S, _I32S, types.boolean[::1]), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def first_copies(event: U64, received: I64, slots: I32, keep: NDArray[np.bool_]) -> None:
    """Mark the copy of every event that was received first, the first of equal ones. ``slots`` is an empty
    table with room."""
    for i in range(len(event)):
        at = slot(slots, event, event[i])
        other = slots[at]
        keep[i] = other < 0 or received[i] < received[other]
        if keep[i]:
            if other >= 0:
                keep[other] = False
            slots[at] = np.int32(i)


@njit(types.void(_I64S, _U64S, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def untie(time: I64, event: U64, order: I32) -> None:
    """Put rows that are ordered by time into the order by time and event."""
    first = 0
    while first < len(order):
        end = first + 1
        while end < len(order) and time[order[end]] == time[order[first]]:
            end += 1
        if end - first > 1:
            run = order[first:end]
            make_heap(time, event, run, len(run))
            latest_first(time, event, run, len(run))
            for i in range(len(run) // 2):
                run[i], run[len(run) - 1 - i] = run[len(run) - 1 - i], run[i]
        first = end


@njit(types.void(_I32S, _I32S, _I32S, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def grouped(order: I32, group: I32, start: I32, out: I32) -> None:
    """The rows of ``order`` by their group, in their order within it, and where each group starts; ``start``
    comes in as zeros and has one entry more than there are groups. Rows of group -1 are left out."""
    for row in order:
        if group[row] >= 0:
            start[group[row] + 1] += 1
    for g in range(len(start) - 1):
        start[g + 1] += start[g]
    place = start[:-1].copy()
    for row in order:
        g = group[row]
        if g >= 0:
            out[place[g]] = row
            place[g] += 1


@njit(types.void(_I64S, _U8S, _I32S, _I32S, _I32S, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def owned(time: I64, kind: U8, user: I32, start: I32, rows: I32, owner: I32) -> None:
    """The owner of every row, where ``rows`` holds each session's in their order from ``start`` on."""
    owner[:] = user
    for session in range(len(start) - 1):
        first, end = start[session], start[session + 1]
        if first < end:
            own_rows = rows[first:end]
            owners = np.empty(end - first, np.int32)
            own(time, kind, user, own_rows, end - first, session, owners)
            for i in range(end - first):
                owner[own_rows[i]] = owners[i]


@njit(types.void(_I32S, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def places(order: I32, out: I32) -> None:
    """Where each row is in an order."""
    for place in range(len(order)):
        out[order[place]] = place


@njit(types.void(_I32S, _U8S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def identify(user: I32, kind: U8) -> None:
    """Mark the rows that name a user."""
    for row in range(len(user)):
        if user[row] >= 0:
            kind[row] |= IDENTIFIED
