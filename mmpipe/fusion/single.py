"""Products of one modality: each is its own vector, and queries of several parts are fused as ever.

A learned fusion moves a product that lacks a modality so that it competes with products that have it. Where
no product of a table can have another modality there is nobody to compete with, and moving only costs what
the encoder had told apart.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmpipe.encoders.base import FusionInfo, Modality, Vectors
from mmpipe.fusion.base import Fusion, Mask


class OfOneModality:
    """A :class:`~mmpipe.fusion.base.Fusion`: rows with one modality are that unit vector, rows with several
    are fused by ``fusion``."""

    def __init__(self, fusion: Fusion) -> None:
        self._fusion = fusion

    @property
    def info(self) -> FusionInfo:
        """That of the fusion of rows with several modalities."""
        return self._fusion.info

    def fuse(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None = None,
    ) -> tuple[Vectors, Mask]:
        """See :meth:`~mmpipe.fusion.base.Fusion.fuse`."""
        fused, found = self._fusion.fuse(vectors, present, weights)
        used = {m: present[m] & (weights is None or weights.get(m, 0.0) > 0) for m in vectors}
        for modality, rows in _alone(used).items():
            fused[rows] = vectors[modality][rows]
        return fused, found

    def parts(
        self, vectors: Mapping[Modality, Vectors], present: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        """See :meth:`~mmpipe.fusion.base.Fusion.parts`."""
        parts = self._fusion.parts(vectors, present)
        for modality, rows in _alone(present).items():
            parts[modality][rows] = vectors[modality][rows]
        return parts


def _alone(used: Mapping[Modality, Mask]) -> dict[Modality, Mask]:
    """Per modality the rows that have no other."""
    alone = np.sum(list(used.values()), axis=0) == 1
    return {m: there & alone for m, there in used.items()}
