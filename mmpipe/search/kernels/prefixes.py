"""Keys that begin like what somebody types, but for slips of the hand.

Distances are those of :mod:`mmpipe.search.kernels.similar`. Keys are walked in their order, and what one
shares with the one before is not looked at again; where its beginning is too far off, so are all that share
it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# UTF-8 of scripts without letters in our sense begins at this byte.
_BEYOND = 0xE0
_FIRST = ord("a")
MOST_LETTERS = 40


@njit(  # type: ignore[untyped-decorator]
    "Tuple((int32[::1], int8[::1]))(int64[::1], uint8[::1], int32[::1], int64, boolean)",
    cache=True,
    nogil=True,
)
def near(starts: Any, data: Any, letters: Any, most: Any, beginning: Any) -> Any:
    """The places of keys, in the order of their UTF-8, at most ``most`` slips away from ``letters`` (code
    points, at most :data:`MOST_LETTERS`), and how many; of a key's nearest beginning where ``beginning``.
    Of keys that begin with no letter, or with one beyond two bytes of UTF-8, none."""
    m = len(letters)
    deepest = m + most
    rows = np.empty((deepest + 1, m + 1), np.int32)
    # The least of the last column down to each depth.
    best = np.empty(deepest + 1, np.int32)
    for j in range(m + 1):
        rows[0, j] = j
    best[0] = m
    word = np.zeros(deepest + 1, np.int32)
    before = np.zeros(deepest + 1, np.int32)
    places, slips = np.empty(64, np.int32), np.empty(64, np.int8)
    found = 0
    known = 0  # rows down to here are of the key before
    dead = -1  # from this depth on the key before is too far off
    for key in range(len(starts) - 1):
        at, end = starts[key], starts[key + 1]
        if at == end or data[at] < _FIRST:
            continue
        if data[at] >= _BEYOND:
            break
        size = 0
        longer = False
        while at < end:
            first = np.int32(data[at])
            if first < 0x80:
                letter = first
                at += 1
            elif first < _BEYOND and at + 1 < end:
                letter = ((first & 0x1F) << 6) | (np.int32(data[at + 1]) & 0x3F)
                at += 2
            else:
                size = -1
                break
            if size == deepest:
                longer = True
                break
            word[size] = letter
            size += 1
        if size < 0:
            continue
        shared = 0
        while shared < size and shared < known and word[shared] == before[shared]:
            shared += 1
        depth = shared
        if 0 <= dead <= shared:
            depth = dead
        else:
            dead = -1
        while depth < size and dead < 0:
            depth += 1
            rows[depth, 0] = depth
            least = depth
            for j in range(1, m + 1):
                cost = 0 if word[depth - 1] == letters[j - 1] else 1
                value = min(rows[depth - 1, j] + 1, rows[depth, j - 1] + 1, rows[depth - 1, j - 1] + cost)
                if (
                    depth > 1
                    and j > 1
                    and word[depth - 1] == letters[j - 2]
                    and word[depth - 2] == letters[j - 1]
                ):
                    value = min(value, rows[depth - 2, j - 2] + 1)
                rows[depth, j] = value
                least = min(least, value)
            before[depth - 1] = word[depth - 1]
            best[depth] = min(best[depth - 1], rows[depth, m])
            if least > most:
                dead = depth
        known = depth
        distance = rows[depth, m]
        if beginning:
            distance = best[depth]
        elif longer or dead >= 0:
            distance = most + 1
        if distance <= most:
            if found == len(places):
                more, others = np.empty(2 * found, np.int32), np.empty(2 * found, np.int8)
                more[:found] = places
                others[:found] = slips
                places, slips = more, others
            places[found] = key
            slips[found] = distance
            found += 1
    return places[:found].copy(), slips[:found].copy()
