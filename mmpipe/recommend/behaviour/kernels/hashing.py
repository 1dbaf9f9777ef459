"""Texts as 64-bit keys, and tables of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.kernels.layout import ALIVE, I32, U64

_OFFSETS = types.Array(types.int32, 1, "C", readonly=True)
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_OUT = types.Array(types.uint64, 1, "C")
_SEEDS = np.array([0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573], np.uint64)
_KEY = (np.uint64(0x0706050403020100), np.uint64(0x0F0E0D0C0B0A0908))
_FINAL = np.uint64(0xFF)
_HALF = np.uint64(32)
_ONE = np.uint64(1)


@njit("void(uint64[::1], int64)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _rounds(v: U64, count: int) -> None:
    for _ in range(count):
        v[0] += v[1]
        v[1] = (v[1] << np.uint64(13)) | (v[1] >> np.uint64(51))
        v[1] ^= v[0]
        v[0] = (v[0] << _HALF) | (v[0] >> _HALF)
        v[2] += v[3]
        v[3] = (v[3] << np.uint64(16)) | (v[3] >> np.uint64(48))
        v[3] ^= v[2]
        v[0] += v[3]
        v[3] = (v[3] << np.uint64(21)) | (v[3] >> np.uint64(43))
        v[3] ^= v[0]
        v[2] += v[1]
        v[1] = (v[1] << np.uint64(17)) | (v[1] >> np.uint64(47))
        v[1] ^= v[2]
        v[2] = (v[2] << _HALF) | (v[2] >> _HALF)


@njit(types.void(_OFFSETS, _BYTES, types.uint64, _OUT), cache=True, nogil=True)  # type: ignore[untyped-decorator]
def hash_texts(offsets: NDArray[np.int32], data: NDArray[np.uint8], salt: int, out: U64) -> None:
    """SipHash-2-4 (Aumasson and Bernstein, 2012) of each text, under the key of its published test vectors
    with ``salt`` added to its first half; 1 in place of 0. Text i is bytes ``offsets[i]`` to
    ``offsets[i + 1]``.

    Nobody can make a text with the key of another one's, whatever is public: 64 bits are not searched.
    """
    v = np.empty(4, np.uint64)
    for i in range(len(out)):
        start, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        first, second = _KEY[0] + salt, _KEY[1]
        v[0], v[1], v[2], v[3] = first ^ _SEEDS[0], second ^ _SEEDS[1], first ^ _SEEDS[2], second ^ _SEEDS[3]
        whole = start + ((end - start) & ~7)
        for at in range(start, whole, 8):
            word = np.uint64(0)
            for j in range(8):
                word |= np.uint64(data[at + j]) << np.uint64(8 * j)
            v[3] ^= word
            _rounds(v, 2)
            v[0] ^= word
        word = np.uint64((end - start) & 0xFF) << np.uint64(56)
        for j in range(end - whole):
            word |= np.uint64(data[whole + j]) << np.uint64(8 * j)
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
        v[2] ^= _FINAL
        _rounds(v, 4)
        found = v[0] ^ v[1] ^ v[2] ^ v[3]
        out[i] = found if found else _ONE


@njit("int64(int32[::1], uint64[::1], uint64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def find(slots: I32, keys: U64, key: int) -> int:
    """The code of a key, -1 where it is not in the table.

    A writer may fill the table meanwhile: a code counts only where its key is there already.
    """
    at: Any = np.int64(((key >> _HALF) * np.uint64(len(slots))) >> _HALF)
    while True:
        code = int(slots[at])
        if code < 0 or keys[code] == key:
            return code
        at += 1
        if at == len(slots):
            at = 0


@njit("int64(int32[::1], uint64[::1], uint64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def slot(slots: I32, keys: U64, key: int) -> int:
    """Where a key's code is, or is to be put."""
    at: Any = np.int64(((key >> _HALF) * np.uint64(len(slots))) >> _HALF)
    while slots[at] >= 0 and keys[slots[at]] != key:
        at += 1
        if at == len(slots):
            at = 0
    return int(at)


@njit("int64(int32[::1], uint64[::1], int64, uint64[::1], int32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def enrol(slots: I32, keys: U64, count: int, wanted: U64, codes: I32) -> int:
    """Write the code of each wanted key to ``codes``, -1 for key 0; a new key gets the next code. Gives how
    many codes there are then. The table has room for all."""
    for i in range(len(wanted)):
        key = wanted[i]
        if key == 0:
            codes[i] = -1
            continue
        at = slot(slots, keys, key)
        if slots[at] < 0:
            keys[count] = key
            slots[at] = np.int32(count)
            count += 1
        codes[i] = slots[at]
    return count


@njit("void(int32[::1], uint64[::1], int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fill(slots: I32, keys: U64, count: int) -> None:
    """Make the table of the first ``count`` keys, all of them different."""
    slots[:] = -1
    for code in range(count):
        slots[slot(slots, keys, keys[code])] = np.int32(code)


@njit("void(int32[::1], uint64[::1], int32[::1], int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fill_alive(slots: I32, event: U64, died: I32, n: int) -> None:
    """Make the table of the living ones of ``n`` rows by event."""
    slots[:] = -1
    for row in range(n):
        if died[row] == ALIVE:
            slots[slot(slots, event, event[row])] = np.int32(row)
