"""What each modality adds to a product's fused vector, kept so that a hit is explained by a dot product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmpipe.search.columns.vectors import build_vectors

if TYPE_CHECKING:
    from mmpipe.encoders.base import Modality, Vectors
    from mmpipe.fusion import Fusion

# Rows fused at once: the intermediate values of a learned fusion stay in the caches.
_BATCH = 4_096


def build_parts(
    fusion: Fusion, vectors: Mapping[Modality, Vectors], present: Mapping[Modality, NDArray[np.bool_]]
) -> dict[Modality, dict[str, NDArray[Any]]]:
    """Per modality the arrays of a vector part (:func:`~mmpipe.search.columns.vectors.build_vectors`) whose
    values are :meth:`Fusion.parts <mmpipe.fusion.Fusion.parts>`.

    ``vectors[m]`` is float32 ``(n, dim)``, ``present[m]`` which of the rows have it.
    """
    if not vectors:
        return {}
    rows = len(next(iter(vectors.values())))
    found = {m: np.zeros_like(matrix, dtype=np.float32) for m, matrix in vectors.items()}
    for start in range(0, rows, _BATCH):
        part = slice(start, start + _BATCH)
        there = {m: mask[part] for m, mask in present.items()}
        for m, values in fusion.parts({m: v[part] for m, v in vectors.items()}, there).items():
            found[m][part] = values
    return {m: build_vectors(found[m], present[m], searched=False) for m in vectors}
