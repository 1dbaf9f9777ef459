"""A shopper's taste, as a search leans to it.

It is a unit vector in the space of the products' fused vectors, rounded to one byte a dimension: the first
page and a cursor that carries it go by the same numbers, so that pages agree whatever the shopper does
between them. What a match earns by it is bounded by its weight, so that it orders what was asked for and
never stands for the question.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.find.packed import pack, unpack
from mmpipe.search.find.scoring import COSINE_NOISE
from mmpipe.search.kernels.memory import has

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors
    from mmpipe.search.columns.vectors import VectorColumn

Rows = NDArray[np.int32]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Taste:
    """``packed`` is the vector, one signed byte a dimension; ``weight`` in [0, 1] the part of a search's span
    of scores (:attr:`~mmpipe.search.find.scoring.Scoring.span`) that the match most like it earns. ``floor``
    and ``best`` are the cosines of a search's matches that earn nothing and all of it, from its first page
    on; equal while nobody knows them."""

    packed: bytes
    weight: float
    floor: float = 0.0
    best: float = 0.0
    vector: Vectors = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", unpack(self.packed))

    @classmethod
    def of(cls, vector: Vectors, weight: float) -> Taste | None:
        """From a float32 vector of any length; None where it is zero or not finite, or weighs nothing."""
        packed = pack(vector) if weight > 0 else None
        return None if packed is None else cls(packed, weight)

    def among(self, fused: VectorColumn, rows: Rows) -> tuple[Taste, Shares]:
        """The taste with the bounds of a search's matches ``rows``, where it has none yet, and what it adds
        to their scores, float64, in spans of scores: of ``weight`` the part that a cosine reaches between the
        bounds. Without a vector, and where all are alike, nothing."""
        cosines = fused.score(rows, self.vector).astype(np.float64)
        taste = self
        if self.best <= self.floor:
            known = cosines[has(fused.present, rows)]
            taste = (
                replace(self, floor=float(np.median(known)), best=float(known.max())) if len(known) else self
            )
        reach = taste.best - taste.floor
        if reach <= COSINE_NOISE:
            return taste, np.zeros(len(rows))
        return taste, np.clip((cosines - taste.floor) / reach, 0.0, 1.0) * self.weight
