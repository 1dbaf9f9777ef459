"""The frames of a clip to the one vector that stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors

_TINY = 1e-6


def pool(frames: Sequence[Vectors], dim: int) -> Vectors:
    """One unit vector per clip, float32 ``(len(frames), dim)``, of its unit frame vectors ``(n, dim)``."""
    pooled = np.zeros((len(frames), dim), dtype=np.float32)
    for index, clip in enumerate(frames):
        mean = clip.mean(axis=0)
        pooled[index] = mean / max(float(np.linalg.norm(mean)), _TINY)
    return pooled


def split(vectors: Vectors, counts: Sequence[int]) -> list[Vectors]:
    """The frame vectors of many clips, ``counts[i]`` of them the i-th clip's, to one matrix per clip."""
    ends = np.cumsum(counts, dtype=np.int64)
    return list(np.split(vectors, ends[:-1])) if len(ends) else []
