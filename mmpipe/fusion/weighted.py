"""Weighted mean: the fused vector is the normalised weighted sum of the modality vectors that are there.

For unit vectors v_m with weights w_m, a part is w_m v_m. The weights are chosen by hand or learned
(``training.fusion``); either way they stand in the profile itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmpipe.encoders.base import Modality, Vectors
from mmpipe.fusion.base import Mask, SumOfParts


class WeightedMean(SumOfParts):
    """Fusion with one fixed weight per modality; a modality without one never counts."""

    def _parts(
        self, vectors: Mapping[Modality, Vectors], used: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        return {m: matrix * np.float32(self.info.weights.get(m, 0.0)) for m, matrix in vectors.items()}
