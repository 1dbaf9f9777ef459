"""Directions of vectors, rounded to one signed byte a dimension: short enough for a page cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors

_STEPS = 127


def pack(vector: NDArray[np.floating[Any]]) -> bytes | None:
    """A byte for each dimension of a vector of any length; None where it is zero or not finite."""
    largest = float(np.abs(vector).max(initial=0.0))
    if not 0.0 < largest < np.inf:
        return None
    return np.rint(vector.astype(np.float64) / largest * _STEPS).astype(np.int8).tobytes()


def unpack(packed: bytes) -> Vectors:
    """The float32 unit vector of such bytes; zeros where they are."""
    return unit(np.frombuffer(packed, np.int8).astype(np.float32))


def unit(vector: NDArray[np.floating[Any]]) -> Vectors:
    """A float32 vector of that direction and of length 1; zeros stay."""
    length = float(np.linalg.norm(vector))
    found: Vectors = np.asarray(vector / length if length > 0 else vector, np.float32)
    return found
