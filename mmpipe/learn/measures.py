"""What is measured of encoders, and exact search in numpy; every vector is unit length, float32."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Embedders:
    """What is measured: texts → unit vectors, pictures on the canvas → unit vectors."""

    texts: Callable[[Sequence[str]], Vectors]
    images: Callable[[NDArray[np.uint8]], Vectors]


def top(
    queries: Vectors, documents: Vectors, k: int, skip: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Row numbers of the ``k`` nearest documents, nearest first; ``skip[i]`` is left out of row ``i``."""
    found = np.empty((len(queries), min(k, len(documents))), dtype=np.int64)
    for start in range(0, len(queries), _CHUNK):
        scores = queries[start : start + _CHUNK] @ documents.T
        if skip is not None:
            scores[np.arange(len(scores)), skip[start : start + _CHUNK]] = -np.inf
        part = np.argpartition(-scores, found.shape[1] - 1, axis=1)[:, : found.shape[1]]
        order = np.argsort(-np.take_along_axis(scores, part, axis=1), axis=1, kind="stable")
        found[start : start + _CHUNK] = np.take_along_axis(part, order, axis=1)
    return found
