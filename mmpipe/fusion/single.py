"""Products of one modality: each is its own vector, and queries of several parts are their weighted mean.

A learned fusion moves a product that lacks a modality so that it competes with products that have it. Where
no product of a table can have another modality there is nobody to compete with, and moving only costs what
the encoder had told apart. Queries meet the products in the space that all modalities share.
"""

from __future__ import annotations

from collections.abc import Mapping

from mmpipe.encoders.base import FusionInfo, Modality, Vectors
from mmpipe.fusion.base import Fusion, Mask, alone
from mmpipe.fusion.weighted import WeightedMean


class OfOneModality:
    """A :class:`~mmpipe.fusion.base.Fusion`: rows with one modality are that unit vector, rows with several
    are fused by ``fusion``, queries by the mean of its weights."""

    def __init__(self, fusion: Fusion) -> None:
        self._fusion = fusion
        self._mean = WeightedMean(fusion.info)

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
        for modality, rows in alone(used).items():
            fused[rows] = vectors[modality][rows]
        return fused, found

    def ask(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None = None,
    ) -> tuple[Vectors, Mask]:
        """See :meth:`~mmpipe.fusion.base.Fusion.ask`."""
        return self._mean.ask(vectors, present, weights)

    def nearness(self, modality: Modality) -> float:
        """See :meth:`~mmpipe.fusion.base.Fusion.nearness`."""
        return self._mean.nearness(modality)

    def parts(
        self, vectors: Mapping[Modality, Vectors], present: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        """See :meth:`~mmpipe.fusion.base.Fusion.parts`."""
        parts = self._fusion.parts(vectors, present)
        for modality, rows in alone(present).items():
            parts[modality][rows] = vectors[modality][rows]
        return parts
