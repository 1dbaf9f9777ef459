"""Addresses and bit sets, for the compiled passes and for whoever calls them.

A kernel gets the arrays of all fragments as a table of addresses, int64, so that one call passes over all of
them; :func:`address` makes one, the ``as_…`` functions make typed pointers of it inside a kernel, for
``carray``. Whoever hands out an address keeps its array alive.

*Words* are a bit set: uint64, bit i of word w is row 64 w + i.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Rows = NDArray[np.int32]


def _pointer_to(dtype: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def cast(_context: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(dtype)(types.int64), codegen

    return cast


as_i8, as_u8 = _pointer_to(types.int8), _pointer_to(types.uint8)
as_u16 = _pointer_to(types.uint16)
as_i32, as_u32 = _pointer_to(types.int32), _pointer_to(types.uint32)
as_i64, as_u64 = _pointer_to(types.int64), _pointer_to(types.uint64)
as_f32, as_f64 = _pointer_to(types.float32), _pointer_to(types.float64)


@intrinsic  # type: ignore[untyped-decorator]
def bit_count(_context: Any, word: Any) -> Any:
    """Bits set in a uint64, as int64. In kernels only."""

    def codegen(_c: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(_context: Any, word: Any) -> Any:
    """The lowest bit set in a uint64, as int64; 64 where none is. In kernels only."""

    def codegen(_c: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_context: Any, address: Any) -> Any:
    """Ask for the cache line of an address, which will be read soon. In kernels only."""

    def codegen(_c: Any, builder: Any, _signature: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        signature = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
        prefetch = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0i8")
        builder.call(prefetch, [pointer, i32(0), i32(3), i32(1)])
        return ir.Constant(ir.IntType(64), 0)

    return types.int64(types.int64), codegen


@njit("boolean(uint64[::1], int64)", cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def test(words: Words, row: int) -> bool:
    """Whether a row's bit is set."""
    marked: bool = (words[row >> 6] >> np.uint64(row & 63)) & np.uint64(1) != np.uint64(0)
    return marked


@njit("int64(int64, int64)", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(words: int, size: int) -> int:
    total = 0
    for word in carray(as_u64(words), size):
        total += bit_count(word)
    return total


@njit("void(uint64[::1], int32[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _collect(words: Words, out: Rows) -> None:
    at = 0
    for w in range(len(words)):
        word = words[w]
        while word:
            out[at] = np.int32(w * 64 + trailing_zeros(word))
            at += 1
            word &= word - np.uint64(1)


@njit("void(int32[::1], uint64[::1])", cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _set(rows: Rows, out: Words) -> None:
    for row in rows:
        out[row >> 6] |= np.uint64(1) << np.uint64(row & 63)


def address(array: NDArray[Any]) -> int:
    """Where an array's first element lies. The array must be C-contiguous and outlive the use."""
    if not array.flags.c_contiguous:
        raise ValueError("kernels take contiguous arrays")
    where: int = array.__array_interface__["data"][0]
    return where


def own(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """The array as kernels take it; a copy where it came out of a message, which may lie at any address and
    forbid writing: compiled signatures tell such arrays from others."""
    # Asking for what is so already takes as long as a short pass does.
    return array if array.dtype == dtype and array.flags.carray else np.require(array, dtype, ("C", "A", "W"))


def count_bits(words: Words) -> int:
    """How many rows a bit set holds."""
    return int(_count(address(words), len(words)))


def rows_of(words: Words) -> Rows:
    """The rows of a bit set, int32, ascending."""
    words = own(words, np.uint64)
    found = np.empty(count_bits(words), np.int32)
    _collect(words, found)
    return found


def words_of(marks: NDArray[np.bool_]) -> Words:
    """Marks as a bit set of ceil(n / 64) words."""
    packed = np.packbits(marks, bitorder="little")
    whole = np.zeros(-(-len(marks) // 64) * 8, np.uint8)
    whole[: len(packed)] = packed
    return whole.view(np.uint64)


def set_rows(rows: Rows, total: int) -> Words:
    """Some of ``total`` rows (a multiple of 64) as a bit set."""
    words = np.zeros(total // 64, np.uint64)
    _set(own(rows, np.int32), words)
    return words


def has(words: Words, rows: Rows) -> NDArray[np.bool_]:
    """Which of some rows a bit set holds."""
    found: NDArray[np.bool_] = (words[rows >> 6] >> (rows & 63).astype(np.uint64)) & np.uint64(1) != 0
    return found
