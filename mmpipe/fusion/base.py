"""What a fusion is: modality vectors in, one unit vector out, and the same for documents and for queries.

Every kind is a normalised sum of one part per modality that is there: fused = s / ||s||, s = sum of parts.
What the kinds differ in is how a part comes about. So ``query · fused`` always splits exactly into one share
per modality, which is what a result page explains, and a missing modality, having no part, neither adds a
zero nor takes weight from the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mmpipe.encoders.base import MODALITIES, FusionInfo, Modality, Vectors

Mask: TypeAlias = NDArray[np.bool_]
_TINY = 1e-12
# Multiply-adds from which OpenBLAS splits a product among threads.
_BLAS_THREADS_FROM = 262_144
_PAGE_ROWS = 128


@runtime_checkable
class Fusion(Protocol):
    """One fusion of a profile."""

    @property
    def info(self) -> FusionInfo: ...

    def fuse(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None = None,
    ) -> tuple[Vectors, Mask]:
        """Fuse a batch.

        ``vectors[m]`` is float32 ``(n, dim)`` and ``present[m]`` a boolean ``(n,)``; rows not present are
        ignored, whatever they hold. ``weights`` scale the fusion's own (a caller's preference in a mix): a
        modality that weighs 0 or is not named counts as absent. Returns the fused unit vectors, float32
        ``(n, dim)``, and a mask of the rows that have any; the others are zero. Raises ``ValueError`` where
        no modality is given at all.
        """
        ...

    def ask(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None = None,
    ) -> tuple[Vectors, Mask]:
        """Queries, to be held against what :meth:`fuse` makes of products; as there otherwise."""
        ...

    def nearness(self, modality: Modality) -> float:
        """The cosine of a query of this modality alone with a product all of whose vectors equal it: what
        cosines of fused vectors are to be read by."""
        ...

    def parts(
        self, vectors: Mapping[Modality, Vectors], present: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        """Split the fused vectors by modality: float32 ``(n, dim)`` each; for every row they sum to the fused
        one, and that of a modality that is absent is zero. So ``query · part`` is what a modality adds to
        ``query · fused``."""
        ...


class SumOfParts(ABC):
    """A :class:`Fusion` that says each modality's part; summing, masking and splitting are here."""

    def __init__(self, info: FusionInfo) -> None:
        if not info.weights or min(info.weights.values()) < 0 or max(info.weights.values()) <= 0:
            raise ValueError("fusion weights must be non-negative and not all zero")
        self._info = info

    @property
    def info(self) -> FusionInfo:
        """The frozen description, part of the profile's fingerprint."""
        return self._info

    def fuse(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None = None,
    ) -> tuple[Vectors, Mask]:
        """See :meth:`Fusion.fuse`."""
        return _summed(self._masked_parts(vectors, present, weights, self._parts))

    def ask(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None = None,
    ) -> tuple[Vectors, Mask]:
        """See :meth:`Fusion.ask`."""
        return _summed(self._masked_parts(vectors, present, weights, self._asked))

    def nearness(self, modality: Modality) -> float:
        """See :meth:`Fusion.nearness`."""
        return 1.0

    def parts(
        self, vectors: Mapping[Modality, Vectors], present: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        """See :meth:`Fusion.parts`."""
        parts = self._masked_parts(vectors, present, None, self._parts)
        _, norm = _total(parts)
        safe = np.where(norm > _TINY, norm, np.inf).astype(np.float32)
        return {m: (part / safe).astype(np.float32, copy=False) for m, part in parts.items()}

    def _masked_parts(
        self,
        vectors: Mapping[Modality, Vectors],
        present: Mapping[Modality, Mask],
        weights: Mapping[Modality, float] | None,
        made: Callable[[Mapping[Modality, Vectors], Mapping[Modality, Mask]], dict[Modality, Vectors]],
    ) -> dict[Modality, Vectors]:
        if not vectors:
            raise ValueError("fusion needs at least one modality")
        # One order whatever the caller's, so that equal input gives equal bits.
        names = [m for m in MODALITIES if m in vectors]
        scale = {m: 1.0 if weights is None else float(weights.get(m, 0.0)) for m in names}
        used = {m: present[m] & (scale[m] > 0) for m in names}
        # NaN in a masked row must not leak through 0 * NaN.
        clean = {m: np.where(used[m][:, None], vectors[m], np.float32(0)) for m in names}
        parts = made(clean, used)
        return {m: np.where(used[m][:, None], parts[m] * np.float32(scale[m]), np.float32(0)) for m in names}

    def _asked(
        self, vectors: Mapping[Modality, Vectors], used: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        """A query's parts: those of a product that has the same, but of one modality alone the vector
        itself, for all modalities share one space."""
        parts = self._parts(vectors, used)
        for m, rows in alone(used).items():
            parts[m][rows] = vectors[m][rows]
        return parts

    @abstractmethod
    def _parts(
        self, vectors: Mapping[Modality, Vectors], used: Mapping[Modality, Mask]
    ) -> dict[Modality, Vectors]:
        """Each modality's part, float32 ``(n, dim)``. Rows that are not ``used`` are zero on the way in and
        are ignored on the way out; they must not bear on other modalities' parts."""


def alone(used: Mapping[Modality, Mask]) -> dict[Modality, Mask]:
    """Per modality the rows that have no other."""
    single = np.sum(list(used.values()), axis=0) == 1
    return {m: there & single for m, there in used.items()}


def _summed(parts: Mapping[Modality, Vectors]) -> tuple[Vectors, Mask]:
    """The unit vectors of the sums, zero where there is nothing, and which rows have any."""
    total, norm = _total(parts)
    fused = np.divide(total, norm, out=np.zeros_like(total), where=norm > _TINY)
    return fused.astype(np.float32, copy=False), norm[:, 0] > _TINY


def _total(parts: Mapping[Modality, Vectors]) -> tuple[Vectors, Vectors]:
    """The sums, and their lengths ``(n, 1)``."""
    total: Vectors = np.sum(list(parts.values()), axis=0, dtype=np.float32)
    return total, np.linalg.norm(total, axis=1, keepdims=True)


def product(rows: Vectors, matrix: Vectors) -> Vectors:
    """``rows @ matrix`` for float32 ``(n, k)`` and ``(k, m)``.

    A page's worth of rows is multiplied in pieces that BLAS does not split among threads: waking them costs
    more than the product, and on a busy machine they are waited for.
    """
    step = max(1, _BLAS_THREADS_FROM // matrix.size - 1)
    if step >= len(rows) or len(rows) > _PAGE_ROWS:
        whole: Vectors = rows @ matrix
        return whole
    return np.concatenate([rows[start : start + step] @ matrix for start in range(0, len(rows), step)])
