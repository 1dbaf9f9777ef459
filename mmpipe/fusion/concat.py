"""Concatenation and projection: the modality vectors side by side, times one learned matrix.

With P = [P_text; P_image; P_audio; P_video] the projection of the concatenation is the sum of v_m P_m, so
each block gives its modality's part. The block of a missing modality is left out, and normalising the sum to
unit length is what makes up for it: there is no stand-in for what is not there. Training starts at P_m = w_m
times the identity, the weighted mean, and stays near it, which keeps the fused vector in the space that
single-modality queries live in.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmpipe.encoders.base import MODALITIES, FusionInfo, Modality, Vectors
from mmpipe.errors import ModelUnavailable
from mmpipe.fusion.base import Mask, SumOfParts, product

PROJECTION = "projection"


class ConcatProjection(SumOfParts):
    """``projection`` is float32 ``(4, dim, dim)``: one block per modality in the order of ``MODALITIES``."""

    def __init__(self, info: FusionInfo, tensors: Mapping[str, Vectors]) -> None:
        super().__init__(info)
        projection = tensors.get(PROJECTION)
        if (
            projection is None
            or projection.ndim != 3
            or projection.shape[0] != len(MODALITIES)
            or projection.shape[1] != projection.shape[2]
        ):
            raise ModelUnavailable(
                f"fusion weights: '{PROJECTION}' must have shape ({len(MODALITIES)}, dim, dim)"
            )
        self._blocks = {m: np.ascontiguousarray(projection[i]) for i, m in enumerate(MODALITIES)}

    def _parts(
        self, vectors: Mapping[Modality, Vectors], used: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        return {m: product(matrix, self._blocks[m]) for m, matrix in vectors.items()}
