"""Rows in the order of their events, by time and then by event, and whose each event of a session is."""

from __future__ import annotations

from numba import njit

from mmpipe.recommend.behaviour.kernels.layout import I32, I64, IDENTIFIED, JOINED, U8, U64


@njit("boolean(int64[::1], uint64[::1], int64, int64)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def before(time: I64, event: U64, a: int, b: int) -> bool:
    """Whether row ``a`` happened before row ``b``."""
    return bool(time[a] < time[b] or (time[a] == time[b] and event[a] < event[b]))


@njit("void(int64[::1], uint64[::1], int32[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def sift(time: I64, event: U64, heap: I32, at: int, size: int) -> None:
    """Restore the heap, whose root happened first, from ``at`` downwards."""
    row = heap[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and before(time, event, heap[child + 1], heap[child]):
            child += 1
        if not before(time, event, heap[child], row):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = row


@njit("void(int64[::1], uint64[::1], int32[::1], int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def make_heap(time: I64, event: U64, heap: I32, size: int) -> None:
    """Make a heap of the first ``size`` rows."""
    for at in range(size // 2 - 1, -1, -1):
        sift(time, event, heap, at, size)


@njit("void(int64[::1], uint64[::1], int32[::1], int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def latest_first(time: I64, event: U64, heap: I32, size: int) -> None:
    """Sort the first ``size`` rows of a heap, the latest first."""
    for last in range(size - 1, 0, -1):
        heap[0], heap[last] = heap[last], heap[0]
        sift(time, event, heap, 0, last)


@njit("int64(int64[::1], uint64[::1], int32[::1], int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def offer(time: I64, event: U64, heap: I32, size: int, row: int) -> int:
    """Keep one more row, if it is among the latest; gives how many are kept. It is a heap once it is full."""
    if size < len(heap):
        heap[size] = row
        size += 1
        if size == len(heap):
            make_heap(time, event, heap, size)
    elif before(time, event, heap[0], row):
        heap[0] = row
        sift(time, event, heap, 0, size)
    return size


@njit(
    "void(int64[::1], uint8[::1], int32[::1], int32[::1], int64, int64, int32[::1])", cache=True, nogil=True
)  # type: ignore[untyped-decorator]
def own(time: I64, kind: U8, user: I32, rows: I32, count: int, session: int, owner: I32) -> None:
    """The owner of each of the first ``count`` of ``rows``, all the events of a session in their order.

    ``user`` is of those that name one. Any other belongs to the user who is named first at its time or
    later, else to the one who was named last before, else to the session.
    """
    if count > JOINED:
        for i in range(count):
            row = rows[i]
            owner[i] = user[row] if kind[row] & IDENTIFIED else session
        return
    later = -1
    end = count
    while end > 0:
        first = end - 1
        while first > 0 and time[rows[first - 1]] == time[rows[end - 1]]:
            first -= 1
        for i in range(end - 1, first - 1, -1):
            if kind[rows[i]] & IDENTIFIED:
                later = user[rows[i]]
        for i in range(first, end):
            owner[i] = user[rows[i]] if kind[rows[i]] & IDENTIFIED else later
        end = first
    last = session
    for i in range(count):
        if kind[rows[i]] & IDENTIFIED:
            last = owner[i]
        elif owner[i] < 0:
            owner[i] = last
