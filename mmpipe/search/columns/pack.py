"""Packs: named arrays in one file, mapped when it is opened.

A pack is written once and never changed, so the processes of a node share its pages. Opening checks that the
file is whole and what it says it is; what the arrays hold is checked by whoever reads them.

The file: magic, length of the header (uint64, little endian), the header as JSON (the arrays' names, types,
shapes and places), and the arrays, each at a multiple of 64 bytes.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
_MAGIC = b"mmpack01"
_ALIGN = 64
_TYPES = frozenset(("|i1", "|u1", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"))


class DamagedPack(ValueError):
    """A file that is no pack, or not a whole one."""


class Pack:
    """Read-only arrays by name."""

    def __init__(self, arrays: Arrays, nbytes: int) -> None:
        self.arrays = arrays
        self.nbytes = nbytes

    @classmethod
    def of(cls, arrays: Arrays) -> Pack:
        """A pack that lies in memory alone."""
        held: dict[str, NDArray[Any]] = {}
        for name, array in arrays.items():
            held[name] = np.ascontiguousarray(array)
            held[name].flags.writeable = False
        return cls(held, sum(array.nbytes for array in held.values()))

    def part(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays whose names begin with ``name/``, without that."""
        prefix = f"{name}/"
        return {key[len(prefix) :]: array for key, array in self.arrays.items() if key.startswith(prefix)}


def write_pack(path: Path, arrays: Arrays) -> None:
    """Write a pack in place of whatever is at ``path``, whole or not at all. Raises :class:`OSError`."""
    entries, end = {}, 0
    for name, array in arrays.items():
        kind = array.dtype.newbyteorder("<").str
        if kind not in _TYPES:
            raise ValueError(f"array '{name}' has type {array.dtype}, which packs do not hold")
        entries[name] = [kind, list(array.shape), end]
        end = -(-(end + array.nbytes) // _ALIGN) * _ALIGN
    header = json.dumps({"size": end, "arrays": entries}, separators=(",", ":")).encode()
    first = -(-(len(_MAGIC) + 8 + len(header)) // _ALIGN) * _ALIGN
    header += b" " * (first - len(_MAGIC) - 8 - len(header))
    partial = path.with_name(f".part-{secrets.token_hex(8)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(_MAGIC + len(header).to_bytes(8, "little") + header)
            for array in arrays.values():
                data = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
                file.write(data.reshape(-1).view(np.uint8).data if data.size else b"")
                file.write(bytes(-data.nbytes % _ALIGN))
            file.flush()
            # A name must not outlive a power cut without its bytes: a file of zeros has the right size.
            os.fsync(descriptor)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def open_pack(path: Path) -> Pack:
    """Map a pack. Raises :class:`DamagedPack`, and :class:`OSError` where the file cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if size < len(_MAGIC) + 8:
            raise DamagedPack(f"{path} is no pack")
        mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    start = len(_MAGIC) + 8
    length = int.from_bytes(mapped[len(_MAGIC) : start], "little")
    if mapped[: len(_MAGIC)] != _MAGIC or length > size - start:
        raise DamagedPack(f"{path} is no pack")
    try:
        header = json.loads(mapped[start : start + length])
        first = start + length
        if first + header["size"] != size:
            raise DamagedPack(f"{path} is not whole: {size:,} bytes of {first + header['size']:,}")
        arrays = {name: _array(mapped, first, size, *entry) for name, entry in header["arrays"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedPack(f"{path} is damaged: {error}") from error
    return Pack(arrays, size)


def _array(mapped: mmap.mmap, first: int, size: int, kind: str, shape: list[int], place: int) -> NDArray[Any]:
    if kind not in _TYPES or any(type(n) is not int or n < 0 for n in (*shape, place)):
        raise ValueError("an array's description is wrong")
    count = math.prod(shape)
    dtype = np.dtype(kind)
    if first + place + count * dtype.itemsize > size:
        raise ValueError("an array ends beyond the file")
    if not count:
        return np.zeros(shape, dtype)
    return np.frombuffer(mapped, dtype, count, first + place).reshape(shape)
