"""The frames of a clip to the one vector that stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmpipe.encoders.base import Vectors

_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Pooling:
    """How much a frame counts: softmax of ``sharpness`` times its mean cosine with the clip's other frames.

    What is shown again and again (the product, from several sides) agrees; a title card or a passing other
    product does not. 0 is the plain mean. The right sharpness depends on how far apart an image tower puts
    different things, so it belongs to a profile; two frames always count the same.
    """

    sharpness: float = 0.0

    def revised(self, revision: str) -> str:
        """The video encoder's revision: its image tower's, and how it pools unless that is the mean."""
        return f"{revision}+attention-{self.sharpness:g}" if self.sharpness else revision

    def weights(self, clip: Vectors) -> Vectors:
        """Per unit frame vector of ``(n, dim)`` its share, float32 ``(n,)``; they sum to 1."""
        count = len(clip)
        # The sum of a frame's cosines with all frames; with itself it is 1.
        agreement = (clip @ clip.sum(axis=0) - 1.0) / max(count - 1, 1)
        raised = np.exp(self.sharpness * (agreement - agreement.max()))
        return np.asarray(raised / raised.sum(), dtype=np.float32)


MEAN = Pooling()


def pool(frames: Sequence[Vectors], dim: int, pooling: Pooling = MEAN) -> Vectors:
    """One unit vector per clip, float32 ``(len(frames), dim)``, of its unit frame vectors ``(n, dim)``."""
    pooled = np.zeros((len(frames), dim), dtype=np.float32)
    for index, clip in enumerate(frames):
        whole = pooling.weights(clip) @ clip
        pooled[index] = whole / max(float(np.linalg.norm(whole)), _TINY)
    return pooled


def split(vectors: Vectors, counts: Sequence[int]) -> list[Vectors]:
    """The frame vectors of many clips, ``counts[i]`` of them the i-th clip's, to one matrix per clip."""
    ends = np.cumsum(counts, dtype=np.int64)
    return list(np.split(vectors, ends[:-1])) if len(ends) else []
