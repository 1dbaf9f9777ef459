"""New events behind those that are there: duplicates, joins of sessions to users, counts."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from mmpipe.recommend.behaviour.kernels.hashing import find, slot
from mmpipe.recommend.behaviour.kernels.layout import (
    ALIVE,
    BATCH,
    I32,
    IDENTIFIED,
    INDEX,
    JOINED,
    KEYS,
    MEANING,
    ROWS,
    TALLY,
    Batch,
    Index,
    Keys,
    Meaning,
    Rows,
    Tally,
)
from mmpipe.recommend.behaviour.kernels.order import before, own
from mmpipe.recommend.behaviour.kernels.tally import count_row

_I64, _I32S = types.int64, types.int32[::1]


@njit(_I32S(ROWS, KEYS, BATCH, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def touched(rows: Rows, keys: Keys, batch: Batch, sessions: I32) -> I32:
    """The sessions, by rising code, whose events change by a batch."""
    found = np.empty(2 * len(sessions), np.int32)
    size = 0
    for i in range(len(sessions)):
        if sessions[i] >= 0:
            found[size] = sessions[i]
            size += 1
        row = find(keys.rows, rows.event, batch.event[i])
        if row >= 0 and rows.session[row] >= 0:
            found[size] = rows.session[row]
            size += 1
    return np.unique(found[:size])


@njit(_I64(TALLY, _I32S, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def most_moved(tally: Tally, sessions: I32, arriving: int) -> int:
    """The most rows that change their owner where so many arrive in some sessions."""
    most = 0
    for session in sessions:
        if tally.held[session] <= JOINED + arriving:
            most += tally.held[session]
    return most


@njit(types.void(ROWS, INDEX, TALLY, MEANING, _I64, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _end(rows: Rows, index: Index, tally: Tally, meaning: Meaning, row: int, seq: int) -> None:
    rows.died[row] = np.int32(seq)
    if rows.session[row] >= 0:
        tally.held[rows.session[row]] -= 1
    count_row(rows, index, tally, meaning, row, -1)


@njit(types.void(INDEX, TALLY, _I64, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _into_session(index: Index, tally: Tally, row: int, session: int) -> None:
    base = int(index.start[-1])
    index.before_session[row - base] = index.head_session[session]
    index.head_session[session] = np.int32(row)
    tally.held[session] += 1


@njit(_I64(ROWS, INDEX, _I64, _I32S), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _of_session(rows: Rows, index: Index, session: int, out: I32) -> int:
    """The living rows of a session, in their order; in any where it is not to be joined."""
    base = int(index.start[-1])
    size = 0
    if session + 1 < len(index.session_start):
        for at in range(index.session_start[session], index.session_start[session + 1]):
            row = int(index.session_rows[at])
            if rows.died[row] == ALIVE:
                out[size] = row
                size += 1
    first = size
    row = int(index.head_session[session])
    while row >= 0:
        if rows.died[row] == ALIVE:
            out[size] = row
            size += 1
        row = int(index.before_session[row - base])
    if size > JOINED:
        return size
    # The latest arrival came first: turned round, these are nearly in order, as the first ones are.
    for i in range((size - first) // 2):
        out[first + i], out[size - 1 - i] = out[size - 1 - i], out[first + i]
    for i in range(max(first, 1), size):
        row = int(out[i])
        at = i
        while at > 0 and before(rows.time, rows.event, row, out[at - 1]):
            out[at] = out[at - 1]
            at -= 1
        out[at] = row
    return size


@njit(_I64(ROWS, INDEX, TALLY, KEYS, MEANING, _I64, _I64, _I64, _I64), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _settle(
    rows: Rows,
    index: Index,
    tally: Tally,
    keys: Keys,
    meaning: Meaning,
    session: int,
    first: int,
    n: int,
    seq: int,
) -> int:
    """Give every event of a session its owner. Rows from ``first`` on are of this batch; an older one whose
    owner is another now ends, and a copy of it is appended. Gives the new ``n``."""
    base = int(index.start[-1])
    if tally.held[session] > JOINED + (n - first):
        # It was too large to be joined before, and is still.
        row = int(index.head_session[session])
        while row >= first:
            if rows.owner[row] < 0:
                rows.owner[row] = np.int32(session)
            row = int(index.before_session[row - base])
        return n
    order = np.empty(tally.held[session], np.int32)
    size = _of_session(rows, index, session, order)
    owners = np.empty(size, np.int32)
    own(rows.time, rows.kind, rows.owner, order, size, session, owners)
    for i in range(size):
        row = int(order[i])
        if rows.owner[row] == owners[i]:
            continue
        if row >= first:
            rows.owner[row] = owners[i]
            continue
        _end(rows, index, tally, meaning, row, seq)
        rows.event[n] = rows.event[row]
        rows.time[n] = rows.time[row]
        rows.received[n] = rows.received[row]
        rows.item[n] = rows.item[row]
        rows.session[n] = rows.session[row]
        rows.kind[n] = rows.kind[row]
        rows.owner[n] = owners[i]
        rows.died[n] = ALIVE
        keys.rows[slot(keys.rows, rows.event, rows.event[row])] = np.int32(n)
        _into_session(index, tally, n, session)
        n += 1
    return n


@njit(  # type: ignore[untyped-decorator]
    _I64(ROWS, INDEX, TALLY, KEYS, MEANING, BATCH, _I32S, _I32S, _I32S, _I64, _I64), cache=True, nogil=True
)
def append(
    rows: Rows,
    index: Index,
    tally: Tally,
    keys: Keys,
    meaning: Meaning,
    batch: Batch,
    users: I32,
    sessions: I32,
    changed: I32,
    n: int,
    seq: int,
) -> int:
    """Append a batch to a state of ``n`` rows, as state ``seq``; gives the new ``n``.

    ``users`` and ``sessions`` are the codes of the batch's keys, ``changed`` the :func:`touched` sessions.
    There is room for the batch and :func:`most_moved` more. Of copies of one event the one received first
    counts.
    """
    first = n
    base = int(index.start[-1])
    for i in range(len(batch.event)):
        at = slot(keys.rows, rows.event, batch.event[i])
        row = int(keys.rows[at])
        if row >= 0 and rows.died[row] == ALIVE:
            if batch.received[i] >= rows.received[row]:
                continue
            _end(rows, index, tally, meaning, row, seq)
        rows.event[n] = batch.event[i]
        rows.time[n] = batch.time[i]
        rows.received[n] = batch.received[i]
        rows.item[n] = batch.item[i]
        rows.session[n] = sessions[i]
        rows.owner[n] = users[i]
        rows.kind[n] = batch.kind[i] | (IDENTIFIED if users[i] >= 0 else 0)
        rows.died[n] = ALIVE
        keys.rows[at] = np.int32(n)
        if sessions[i] >= 0:
            _into_session(index, tally, n, sessions[i])
        n += 1
    for session in changed:
        n = _settle(rows, index, tally, keys, meaning, session, first, n, seq)
    for row in range(first, n):
        count_row(rows, index, tally, meaning, row, 1)
        owner, item = rows.owner[row], rows.item[row]
        index.before_owner[row - base] = index.head_owner[owner]
        index.head_owner[owner] = np.int32(row)
        if item >= 0:
            index.before_item[row - base] = index.head_item[item]
            index.head_item[item] = np.int32(row)
    return n
