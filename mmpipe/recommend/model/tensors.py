"""Safetensors files, mapped: processes of a node that read the same file share its pages."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import ModelUnavailable

Arrays = dict[str, NDArray[Any]]

_HEAD_BYTES: Final = 8
_MAX_HEADER: Final = 1_000_000
_TYPES: Final = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "|u1"}


def mapped(path: Path) -> tuple[dict[str, str], Arrays]:
    """A file's metadata and its arrays, read-only. The file must not change while anybody holds one.

    Raises :class:`ModelUnavailable` for what is no safetensors file, or one of other types.
    """
    try:
        data = np.memmap(path, np.uint8, mode="r").view(np.ndarray)
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{path.name} cannot be mapped: {error}") from error
    size = int.from_bytes(data[:_HEAD_BYTES].tobytes(), "little")
    if len(data) < _HEAD_BYTES or size > min(_MAX_HEADER, len(data) - _HEAD_BYTES):
        raise ModelUnavailable(f"{path.name} is no safetensors file: its header does not fit into it")
    try:
        header = json.loads(data[_HEAD_BYTES : _HEAD_BYTES + size].tobytes())
        metadata = header.pop("__metadata__", {})
        body = data[_HEAD_BYTES + size :]
        return metadata, {name: _array(body, told) for name, told in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelUnavailable(f"{path.name} is no safetensors file: {error}") from error


def _array(body: NDArray[np.uint8], told: dict[str, Any]) -> NDArray[Any]:
    kind = np.dtype(_TYPES[told["dtype"]])
    begin, end = told["data_offsets"]
    shape = tuple(int(n) for n in told["shape"])
    if not 0 <= begin <= end <= len(body) or math.prod(shape) * kind.itemsize != end - begin:
        raise ValueError("an array does not fit into it")
    return body[begin:end].view(kind).reshape(shape)
