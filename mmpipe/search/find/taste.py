"""A shopper's taste, as a search leans to it.

It is a unit vector in the space of the products' fused vectors, rounded to one byte a dimension: the first
page and a cursor that carries it go by the same numbers, so that pages agree whatever the shopper does
between them. What a match earns by it is bounded by its weight, so that it orders what was asked for and
never stands for the question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.columns.vectors import VectorColumn

Rows = NDArray[np.int32]
Shares = NDArray[np.float64]
_STEPS = 127


@dataclass(frozen=True)
class Taste:
    """``packed`` is the vector, one signed byte a dimension; ``weight`` in [0, 1] the part of a search's span
    of scores (:attr:`~mmpipe.search.find.scoring.Scoring.span`) that a product just like it earns."""

    packed: bytes
    weight: float
    vector: Vectors = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = np.frombuffer(self.packed, np.int8).astype(np.float32)
        length = float(np.linalg.norm(values))
        object.__setattr__(self, "vector", values / np.float32(length) if length else values)

    @classmethod
    def of(cls, vector: Vectors, weight: float) -> Taste | None:
        """From a float32 vector of any length; None where it is zero or not finite, or weighs nothing."""
        largest = float(np.abs(vector).max(initial=0.0))
        if not (0.0 < largest < np.inf) or weight <= 0:
            return None
        return cls(np.rint(vector * (_STEPS / largest)).astype(np.int8).tobytes(), weight)

    def shares(self, fused: VectorColumn, rows: Rows, span: float) -> Shares:
        """What it adds to the scores of some rows, float64: of ``weight * span`` the cosine's part, nothing
        below a cosine of 0 or without a vector."""
        cosines = fused.score(rows, self.vector).astype(np.float64)
        return np.clip(cosines, 0.0, 1.0) * (self.weight * span)
