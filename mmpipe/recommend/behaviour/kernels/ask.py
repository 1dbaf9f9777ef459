"""What queries ask of a state: a shopper's latest events, items of a shopper, shoppers in common.

Each kernel takes the arrays that it needs out of their tuples once and hands none to a smaller one: in a loop
that costs more than the rest. A row counts that is alive, of the wanted kinds, and of an item.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from mmpipe.recommend.behaviour.kernels.layout import CODE, I32, I64, INDEX, ROWS, U8, Index, Rows
from mmpipe.recommend.behaviour.kernels.order import before, latest_first, make_heap, offer
from mmpipe.search.kernels.memory import prefetch

_I64 = types.int64
_I32S, _I64S, _U8S = types.int32[::1], types.int64[::1], types.uint8[::1]
# What is read at random is asked for so many steps before: memory answers many requests in the time of one.
_AHEAD = 8


@njit(_I64(ROWS, INDEX, _U8S, _I64, _I64, _I64, _I64, _I32S, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _latest_of(
    rows: Rows, index: Index, groups: U8, n: int, seq: int, owner: int, want: int, out: I32, size: int
) -> int:
    """Offer the rows of an owner to the heap ``out`` of ``size`` rows; gives its new size."""
    died, kind, items, time, event = rows.died, rows.kind, rows.item, rows.time, rows.event
    start, head_owner, before_owner = index.start, index.head_owner, index.before_owner
    base = int(start[-1])
    row = int(head_owner[owner])
    while row >= 0:
        if row < n and died[row] > seq and groups[kind[row] & CODE] & want and items[row] >= 0:
            size = offer(time, event, out, size, row)
        row = int(before_owner[row - base])
    if owner + 1 < len(start):
        for row in range(int(start[owner + 1]) - 1, int(start[owner]) - 1, -1):
            if died[row] > seq and groups[kind[row] & CODE] & want and items[row] >= 0:
                if size == len(out) and before(time, event, row, out[0]):
                    break
                size = offer(time, event, out, size, row)
    return size


@njit(_I64(ROWS, INDEX, _U8S, _I64, _I64, _I64, _I64, _I32S, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _latest_in(
    rows: Rows, index: Index, groups: U8, n: int, seq: int, session: int, want: int, out: I32, size: int
) -> int:
    """:func:`_latest_of` of a session's events, whoever owns them."""
    died, kind, items, time, event = rows.died, rows.kind, rows.item, rows.time, rows.event
    head_session, before_session = index.head_session, index.before_session
    session_start, session_rows = index.session_start, index.session_rows
    base = int(index.start[-1])
    row = int(head_session[session])
    while row >= 0:
        if row < n and died[row] > seq and groups[kind[row] & CODE] & want and items[row] >= 0:
            size = offer(time, event, out, size, row)
        row = int(before_session[row - base])
    if session + 1 < len(session_start):
        for at in range(int(session_start[session + 1]) - 1, int(session_start[session]) - 1, -1):
            row = int(session_rows[at])
            if died[row] > seq and groups[kind[row] & CODE] & want and items[row] >= 0:
                if size == len(out) and before(time, event, row, out[0]):
                    break
                size = offer(time, event, out, size, row)
    return size


@njit(_I64(ROWS, INDEX, _U8S, _I64, _I64, _I64, _I64, _I64, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def latest(
    rows: Rows, index: Index, groups: U8, n: int, seq: int, user: int, session: int, want: int, out: I32
) -> int:
    """The latest rows of a shopper, the latest first, at most ``len(out)``; gives how many.

    Of a user: what the user owns, and with a session also what that owns itself. Of a session alone: all of
    its events. -1 stands for no user or no session.
    """
    time, event = rows.time, rows.event
    size = 0
    if user >= 0:
        size = _latest_of(rows, index, groups, n, seq, user, want, out, size)
        if session >= 0:
            size = _latest_of(rows, index, groups, n, seq, session, want, out, size)
    elif session >= 0:
        size = _latest_in(rows, index, groups, n, seq, session, want, out, size)
    if size < len(out):
        make_heap(time, event, out, size)
    latest_first(time, event, out, size)
    return size


@njit(types.Tuple((_I32S, _U8S))(ROWS, INDEX, _U8S, _I64, _I64, _I64, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def done(rows: Rows, index: Index, groups: U8, n: int, seq: int, user: int, session: int) -> tuple[I32, U8]:
    """The items of all of a shopper's events, ascending, and all that the events of each count as; whose as
    in :func:`latest`."""
    died, kind, items = rows.died, rows.kind, rows.item
    start, head_owner, before_owner = index.start, index.head_owner, index.before_owner
    head_session, before_session = index.head_session, index.before_session
    session_start, session_rows = index.session_start, index.session_rows
    base = int(start[-1])
    alone = user < 0 and session >= 0
    size = 0
    out, counts = np.empty(64, np.int32), np.empty(64, np.uint8)
    for owner in (user, session):
        if owner < 0:
            continue
        row = int(head_session[owner]) if alone else int(head_owner[owner])
        at, end = 0, 0
        if alone and owner + 1 < len(session_start):
            at, end = int(session_start[owner]), int(session_start[owner + 1])
        elif not alone and owner + 1 < len(start):
            at, end = int(start[owner]), int(start[owner + 1])
        while row >= 0 or at < end:
            if row >= 0:
                this = row
                row = int(before_session[row - base]) if alone else int(before_owner[row - base])
            else:
                this = int(session_rows[at]) if alone else at
                at += 1
            if this >= n or died[this] <= seq or items[this] < 0:
                continue
            if size == len(out):
                more, others = np.empty(4 * size, np.int32), np.empty(4 * size, np.uint8)
                more[:size], others[:size] = out, counts
                out, counts = more, others
            out[size], counts[size] = items[this], groups[kind[this] & CODE]
            size += 1
    order = np.argsort(out[:size])
    found, marks = np.empty(size, np.int32), np.zeros(size, np.uint8)
    last = -1
    for at in order:
        if last < 0 or found[last] != out[at]:
            last += 1
            found[last] = out[at]
        marks[last] |= counts[at]
    return found[: last + 1].copy(), marks[: last + 1].copy()


@njit(_I64(_I32S, _I64), cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _enter(seen: I32, owner: int) -> int:
    """1 where the owner is new to a set, whose size is a power of two."""
    at = (owner * 2654435761) & (len(seen) - 1)
    while seen[at] >= 0:
        if seen[at] == owner:
            return 0
        at = (at + 1) & (len(seen) - 1)
    seen[at] = np.int32(owner)
    return 1


@njit(_I64(ROWS, INDEX, _U8S, _I64, _I64, _I64, _I64, _I64, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _shoppers_of(
    rows: Rows, index: Index, groups: U8, n: int, seq: int, item: int, want: int, walk: int, out: I32
) -> int:
    """The different owners of the item's latest ``walk`` events of the wanted kinds, the latest first, at
    most ``len(out)``; gives how many."""
    died, kind, items = rows.died, rows.kind, rows.item
    time, event, owner_of = rows.time, rows.event, rows.owner
    head_item, before_item = index.head_item, index.before_item
    item_start, item_rows = index.item_start, index.item_rows
    base = int(index.start[-1])
    room = 8
    while room < 2 * len(out):
        room *= 2
    seen = np.full(room, np.int32(-1))
    count = 0
    row = int(head_item[item])
    while row >= 0:
        if row < n and died[row] > seq and groups[kind[row] & CODE] & want and items[row] >= 0:
            count += 1
        row = int(before_item[row - base])
    recent = np.empty(min(count, walk), np.int32)
    size = 0
    if count:
        row = int(head_item[item])
        while row >= 0:
            if row < n and died[row] > seq and groups[kind[row] & CODE] & want and items[row] >= 0:
                size = offer(time, event, recent, size, row)
            row = int(before_item[row - base])
        latest_first(time, event, recent, size)
    at, first = -1, 0
    if item + 1 < len(item_start):
        at, first = int(item_start[item + 1]) - 1, int(item_start[item])
    ahead = at
    found, next_recent = 0, 0
    while walk > 0 and found < len(out):
        while ahead >= first and ahead > at - _AHEAD:
            row = int(item_rows[ahead])
            prefetch(died.ctypes.data + 4 * row)
            prefetch(kind.ctypes.data + row)
            prefetch(items.ctypes.data + 4 * row)
            prefetch(owner_of.ctypes.data + 4 * row)
            ahead -= 1
        while at >= first and not (
            died[item_rows[at]] > seq
            and groups[kind[item_rows[at]] & CODE] & want
            and items[item_rows[at]] >= 0
        ):
            at -= 1
        if next_recent < size and (at < first or before(time, event, item_rows[at], recent[next_recent])):
            row = int(recent[next_recent])
            next_recent += 1
        elif at >= first:
            row = int(item_rows[at])
            at -= 1
        else:
            break
        walk -= 1
        if _enter(seen, int(owner_of[row])):
            out[found] = owner_of[row]
            found += 1
    return found


@njit(_I64(ROWS, INDEX, _U8S, _I64, _I64, _I64, _I64, _I64, _I32S, _I64S, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _items_of(
    rows: Rows,
    index: Index,
    groups: U8,
    n: int,
    seq: int,
    item: int,
    want: int,
    each: int,
    owners: I32,
    counts: I64,
    codes: I32,
) -> int:
    """How many of ``owners`` have each other item among their latest ``each`` events of the wanted kinds.

    ``counts`` has a 0 per item and gets the counts, in its lower 32 bits; the items that have one are written
    to ``codes``, in no order; gives how many.
    """
    died, kind, items = rows.died, rows.kind, rows.item
    start, head_owner = index.start, index.head_owner
    some = np.empty(each, np.int32)
    found = 0
    for o in range(-2 * _AHEAD, len(owners)):
        # What is read of an owner two steps from here, and of the events of one that is one step from here.
        if o + 2 * _AHEAD < len(owners):
            owner = int(owners[o + 2 * _AHEAD])
            prefetch(start.ctypes.data + 4 * owner + 4)
            prefetch(head_owner.ctypes.data + 4 * owner)
        if 0 <= o + _AHEAD < len(owners):
            owner = int(owners[o + _AHEAD])
            if owner + 1 < len(start):
                row = int(start[owner + 1]) - 1
                prefetch(died.ctypes.data + 4 * row)
                prefetch(kind.ctypes.data + row)
                prefetch(items.ctypes.data + 4 * row)
        if o < 0:
            continue
        owner = int(owners[o])
        size = 0
        if head_owner[owner] >= 0:
            size = _latest_of(rows, index, groups, n, seq, owner, want, some, 0)
        elif owner + 1 < len(start):
            row = int(start[owner + 1]) - 1
            while row >= start[owner] and size < each:
                if died[row] > seq and groups[kind[row] & CODE] & want and items[row] >= 0:
                    some[size] = row
                    size += 1
                row -= 1
        for i in range(size):
            other = int(items[some[i]])
            # Above the count is who was counted last.
            count = counts[other]
            if other != item and count >> 32 != o + 1:
                if count == 0:
                    codes[found] = other
                    found += 1
                counts[other] = (count & 0xFFFFFFFF) + 1 + ((o + 1) << 32)
    return found


@njit(  # type: ignore[untyped-decorator]
    types.UniTuple(_I64, 2)(
        ROWS, INDEX, _U8S, _I64, _I64, _I64, _I64, _I64, _I64, _I64, _I32S, _I64S, _I32S, _I32S
    ),
    cache=True,
    nogil=True,
)
def together(
    rows: Rows,
    index: Index,
    groups: U8,
    n: int,
    seq: int,
    item: int,
    want: int,
    walk: int,
    each: int,
    least: int,
    owners: I32,
    counts: I64,
    codes: I32,
    both: I32,
) -> tuple[int, int]:
    """How many of an item's latest shoppers have each other item among their latest ``each`` events of the
    wanted kinds, of those that at least ``least`` of them have.

    The shoppers, at most ``len(owners)``, are those of the item's latest ``walk`` events. ``counts`` has a 0
    per item, and has again afterwards; the items are written to ``codes``, ascending, how many shoppers have
    each to ``both``. Gives how many shoppers and how many items there are.
    """
    sampled = _shoppers_of(rows, index, groups, n, seq, item, want, walk, owners)
    found = _items_of(rows, index, groups, n, seq, item, want, each, owners[:sampled], counts, codes)
    kept = 0
    for i in range(found):
        code = codes[i]
        if counts[code] & 0xFFFFFFFF >= least:
            codes[kept] = code
            kept += 1
        else:
            counts[code] = 0
    codes[:kept].sort()
    for i in range(kept):
        both[i] = counts[codes[i]] & 0xFFFFFFFF
        counts[codes[i]] = 0
    return sampled, kept


@njit(types.void(ROWS, INDEX, _I64, _I64, _I32S, _I64S, _I64S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def spans(rows: Rows, index: Index, n: int, seq: int, items: I32, first: I64, last: I64) -> None:
    """When each item's first and last living event was, in microseconds; left alone where it has none."""
    died, time = rows.died, rows.time
    head_item, before_item = index.head_item, index.before_item
    item_start, item_rows = index.item_start, index.item_rows
    base = int(index.start[-1])
    for i in range(len(items)):
        item = int(items[i])
        low, high = np.int64(np.iinfo(np.int64).max), np.int64(np.iinfo(np.int64).min)
        if item + 1 < len(item_start):
            start, end = int(item_start[item]), int(item_start[item + 1])
            for at in range(start, end):
                if died[item_rows[at]] > seq:
                    low = time[item_rows[at]]
                    break
            for at in range(end - 1, start - 1, -1):
                if died[item_rows[at]] > seq:
                    high = time[item_rows[at]]
                    break
        row = int(head_item[item])
        while row >= 0:
            if row < n and died[row] > seq:
                low, high = min(low, time[row]), max(high, time[row])
            row = int(before_item[row - base])
        if low <= high:
            first[i], last[i] = low, high
