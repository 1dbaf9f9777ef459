"""Features spread out: what all items share takes none of the room that tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.run import Features

# Directions that hardly vary are noise; less than this part of the greatest deviation is hardly stretched.
_FLOOR: Final = 0.01


@dataclass(frozen=True, slots=True)
class Whitening:
    """``(features - mean) @ matrix``: uncorrelated, of about the same variance in every direction, and of
    length 1 in the mean of squares. ``mean`` float32 ``(f,)``, ``matrix`` float32 ``(f, f)``."""

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def apply(self, features: Features) -> Features:
        """Whitened rows; rows of zeros, which stand for nothing known, stay so."""
        described = np.any(features != 0, axis=1)
        made: Features = np.where(described[:, None], (features - self.mean) @ self.matrix, np.float32(0))
        return made


def whitening(features: Features) -> Whitening:
    """Of the rows that are not zero; without two of them, one that changes nothing."""
    width = features.shape[1]
    rows = features[np.any(features != 0, axis=1)].astype(np.float64)
    if len(rows) < 2:
        return Whitening(np.zeros(width, np.float32), np.eye(width, dtype=np.float32))
    mean = rows.mean(axis=0)
    variances, directions = np.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    deviations = np.sqrt(np.maximum(variances, 0.0))
    matrix = directions / (deviations + _FLOOR * deviations.max() + 1e-12)
    matrix /= max(1e-12, float(np.sqrt(np.mean(np.sum(((rows - mean) @ matrix) ** 2, axis=1)))))
    return Whitening(mean.astype(np.float32), matrix.astype(np.float32))
