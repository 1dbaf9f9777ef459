"""Vectors in memory: immutable blocks, one per fragment, scored by dot product.

A large block is kept as float16 and, where torch has a fast integer product, also as int8. A pass over the
int8 copy is bound by memory, so it takes a fifth of the time of one over float16 (42,662 × 256: 0.2-0.3 ms
against 1.4 ms); it finds the rows that can be among the best, and only those are scored in float32. Small
blocks, and all without torch, are float32 in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import Vectors

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Stored = NDArray[np.float16] | NDArray[np.float32]

# Below this a float32 product takes less than a tenth of a millisecond.
PACKED_MIN_ROWS = 4_096
# Rounding errors of a dot product's terms are independent, so its error is close to normal: beyond five
# standard deviations is one row in three million, and only at the cut does it matter.
_DEVIATIONS = 5.0
# A float16 is within 2^-11 of what it stands for, relatively: for unit vectors at most as much in the
# product.
_HALF_ERROR = 2.0**-11
# Elements of a matrix from which OpenBLAS splits its product with a vector among threads.
_BLAS_THREADS_FROM = 9_216


@cache
def has_torch() -> bool:
    """Whether torch can be imported here."""
    return find_spec("torch") is not None


@cache
def has_integer_product() -> bool:
    """Whether torch multiplies int8 matrices by a vector exactly on this CPU, saturation included.

    The operation is there for quantised networks and is not part of torch's stable interface, so it is tried
    before it is relied on; without it the float16 copy is passed over.
    """
    if not has_torch():
        return False
    import torch

    rows = np.random.default_rng(0).integers(-127, 128, (64, 96), dtype=np.int8)
    rows[0], rows[1] = 127, -127
    vector = rows[0].copy()
    try:
        product = torch._int_mm(torch.from_numpy(rows), torch.from_numpy(vector)[:, None])[:, 0].numpy()
    except (AttributeError, RuntimeError):
        return False
    return bool(np.array_equal(product, rows.astype(np.int32) @ vector.astype(np.int32)))


@dataclass(frozen=True)
class PackedBlock:
    """The vectors of one block of rows; ``present`` tells which rows have one.

    Without ``place``, ``values`` is ``(rows, dim)``, zero where absent. With it, only vectors that are
    present are kept, and ``place[row]`` is where, or -1: few products have a clip. ``packed``, if any,
    approximates ``values`` as int8 times one ``scale`` per row.
    """

    values: Stored
    present: Mask
    place: NDArray[np.int32] | None = None
    packed: NDArray[np.int8] | None = None
    scale: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, values: Vectors, present: Mask, *, searched: bool) -> PackedBlock:
        """Keep float32 ``values``, zero where absent, in the form that suits their number; ``searched`` if
        whole columns get scored."""
        large = len(values) >= PACKED_MIN_ROWS
        if searched:
            packed, scale = _quantise(values) if large and has_integer_product() else (None, None)
            return cls(_stored(values, large), present, None, packed, scale)
        if present.all():
            return cls(_stored(values, large), present)
        place = np.where(present, np.cumsum(present) - 1, -1).astype(np.int32)
        return cls(_stored(values[present], large), present, place)

    def take(self, rows: Rows, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Vectors of some rows, ``(len(rows), dim)``, zero where absent."""
        if self.place is None:
            return self.values[rows].astype(dtype, copy=False)
        place = self.place[rows]
        found = np.zeros((len(rows), self.values.shape[1]), dtype)
        found[place >= 0] = self.values[place[place >= 0]]
        return found

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        parts = (self.values, self.present, self.place, self.packed, self.scale)
        return sum(part.nbytes for part in parts if part is not None)


class VectorColumn:
    """The vectors of all rows of one version. ``starts[i]`` is the first row of ``blocks[i]``."""

    def __init__(self, blocks: Sequence[PackedBlock], starts: Sequence[int], dim: int) -> None:
        self._blocks = blocks
        self._starts = np.asarray(starts, dtype=np.int64)
        self.dim = dim
        self.present: Mask = np.concatenate([b.present for b in blocks]) if blocks else np.zeros(0, np.bool_)
        # Mixed blocks are gathered as float16: copying them is most of the work.
        self._dtype = np.dtype(
            np.float16 if any(b.values.dtype == np.float16 for b in blocks) else np.float32
        )

    def gather(self, rows: Rows) -> tuple[Vectors, Mask]:
        """Vectors of some rows: float32 ``(len(rows), dim)``, zero where absent, and which are present."""
        return _single(self._take(rows, self._dtype)), self.present[rows]

    def score(self, rows: Rows, query: Vectors) -> Vectors:
        """``query · vector`` of some rows in float32; 0 where absent."""
        return _times(_single(self._take(rows, self._dtype)), query)

    def coarse(self, query: Vectors) -> tuple[Vectors, float]:
        """``query · vector`` of every row, float32, for a unit ``query``, and how far one of them may be
        off."""
        found = [_product(block, query) for block in self._blocks]
        if len(found) == 1:
            return found[0]
        scores = np.concatenate([part for part, _ in found]) if found else np.zeros(0, np.float32)
        return scores, max((error for _, error in found), default=0.0)

    def coarse_of(self, rows: Rows, query: Vectors) -> tuple[Vectors, float]:
        """:meth:`coarse` for some rows only."""
        return _product(PackedBlock(self._take(rows, self._dtype), self.present[rows]), query)

    def _take(self, rows: Rows, dtype: np.dtype[Any]) -> NDArray[Any]:
        if len(self._blocks) == 1:
            return self._blocks[0].take(rows, dtype)
        found = np.empty((len(rows), self.dim), dtype)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for index in np.unique(owner).tolist():
            part = owner == index
            found[part] = self._blocks[index].take(rows[part] - self._starts[index], dtype)
        return found


def _stored(values: Vectors, half: bool) -> Stored:
    return np.ascontiguousarray(values, np.float16) if half else np.ascontiguousarray(values, np.float32)


def _single(values: Stored) -> Vectors:
    if values.dtype == np.float32 or not has_torch():
        return values.astype(np.float32, copy=False)
    import torch

    # numpy widens float16 element by element: 0.14 ms for 300 × 256, torch takes a tenth of that.
    widened: Vectors = torch.from_numpy(values).float().numpy()
    return widened


def _times(values: Vectors, query: Vectors) -> Vectors:
    if values.size <= _BLAS_THREADS_FROM or not has_torch():
        alone: Vectors = values @ query
        return alone
    import torch

    # numpy's BLAS would wake a thread per core, and on a busy machine wait for all of them: 10 ms for 300
    # rows. Torch keeps to the threads it was given.
    product: Vectors = torch.mv(torch.from_numpy(values), torch.from_numpy(query)).numpy()
    return product


def _quantise(values: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    scale = np.abs(values).max(axis=1) / 127
    safe = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.rint(values / safe[:, None]).astype(np.int8), safe


def _product(block: PackedBlock, query: Vectors) -> tuple[Vectors, float]:
    if block.packed is not None and block.scale is not None:
        return _integer_product(block.packed, block.scale, query)
    values = block.values
    if values.dtype == np.float32 or not len(values) or not has_torch():
        return _times(values.astype(np.float32, copy=False), query), 0.0
    import torch

    product = torch.mv(torch.from_numpy(values), torch.from_numpy(query.astype(np.float16)))
    # The query's rounding, the result's, and as much again for the order of summation.
    return product.float().numpy(), 4 * _HALF_ERROR


def _integer_product(
    packed: NDArray[np.int8], scale: NDArray[np.float32], query: Vectors
) -> tuple[Vectors, float]:
    import torch

    vector, unit = _quantise(query[None, :])
    product = torch._int_mm(torch.from_numpy(packed), torch.from_numpy(vector[0])[:, None])[:, 0].numpy()
    # In place and in float32: numpy would make the product of int32 and float32 a float64.
    scores: Vectors = product.astype(np.float32)
    scores *= scale
    scores *= unit[0]
    # Rounding to a step s has variance s²/12 per element; times a unit vector that is the product's variance.
    deviation = float(np.hypot(unit[0], scale.max()) / np.sqrt(12))
    return scores, _DEVIATIONS * deviation
