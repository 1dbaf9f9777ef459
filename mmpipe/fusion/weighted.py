"""Weighted mean: the fused vector is the normalised weighted sum of the modality vectors that are there.

For unit vectors v_m with weights w_m, fused = s / ||s|| with s = sum of w_m v_m over the present m. A missing
modality is masked: it neither adds a zero nor takes weight from the others. Because the fused vector is
linear in its parts, ``query · fused`` splits exactly into one share per modality, which is what a result
page explains.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import FusionInfo, Modality, Vectors

Mask = NDArray[np.bool_]
_TINY = 1e-12


class WeightedMean:
    """Fusion with one fixed (learned) weight per modality."""

    def __init__(self, info: FusionInfo) -> None:
        if not info.weights or min(info.weights.values()) < 0 or max(info.weights.values()) <= 0:
            raise ValueError("fusion weights must be non-negative and not all zero")
        self.info = info

    def fuse(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None = None,
    ) -> tuple[Vectors, Mask]:
        """Fuse a batch.

        ``vectors[m]`` is float32 ``(n, dim)`` and ``present[m]`` a boolean ``(n,)``; rows not present are
        ignored. ``weights`` scale the fusion's own (a caller's preference in a mix). Returns the fused
        unit vectors, float32 ``(n, dim)``, and a mask of the rows that have any; the others are zero.
        """
        scaled = self._sum_parts(vectors, present, weights)
        total = np.sum(list(scaled.values()), axis=0, dtype=np.float32)
        norm = np.linalg.norm(total, axis=1, keepdims=True)
        fused = np.divide(total, norm, out=np.zeros_like(total), where=norm > _TINY)
        return fused.astype(np.float32, copy=False), norm[:, 0] > _TINY

    def contributions(
        self,
        query: Vectors,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
    ) -> dict[Modality, Vectors]:
        """Split ``query · fused`` by modality: float32 ``(n,)`` each; for every row they sum to the whole."""
        scaled = self._sum_parts(vectors, present, None)
        total = np.sum(list(scaled.values()), axis=0, dtype=np.float32)
        norm = np.linalg.norm(total, axis=1)
        safe = np.where(norm > _TINY, norm, np.inf)
        # einsum, not BLAS: waking BLAS threads for a page of hits costs more than the product itself.
        shares = {m: np.einsum("ij,j->i", part, query) for m, part in scaled.items()}
        return {m: (share / safe).astype(np.float32) for m, share in shares.items()}

    def _sum_parts(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None,
    ) -> dict[Modality, Vectors]:
        if not vectors:
            raise ValueError("fusion needs at least one modality")
        parts: dict[Modality, Vectors] = {}
        for modality, matrix in vectors.items():
            weight = self.info.weights.get(modality, 0.0) * (
                1.0 if weights is None else weights.get(modality, 0.0)
            )
            gate = (present[modality].astype(np.float32) * weight)[:, None]
            # NaN in a masked row must not leak through 0 * NaN.
            parts[modality] = np.where(gate > 0, matrix * gate, 0.0).astype(np.float32)
        return parts
