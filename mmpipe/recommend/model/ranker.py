"""The ranker: a small network over a product's and a shopper's features, and its calibration.

::

    x = clip((features - mean) / scale, -5, 5)          # [n, F]
    z = relu(x up + up_bias) · down + down_bias         # [n], a logit of binary cross-entropy
    p = y of the calibration's line through (knots_x, knots_y) at z, constant beyond its ends
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import ModelUnavailable
from mmpipe.recommend.model.features import FEATURES
from mmpipe.recommend.model.form import RankerForm
from mmpipe.recommend.model.tensors import Arrays, mapped

Inputs = NDArray[np.float32]

CLIP: Final = 5.0
_NAMES = ("mean", "scale", "up", "up_bias", "down", "down_bias", "knots_x", "knots_y")


class Ranker:
    """``arrays`` float32: ``mean``, ``scale`` ``(F,)``, ``up`` ``(F, h)``, ``up_bias``, ``down`` ``(h,)``,
    ``down_bias`` ``(1,)``, ``knots_x`` and ``knots_y`` ``(k,)``, both rising. Raises
    :class:`ModelUnavailable` for others, and for a form of other features than this release computes."""

    def __init__(self, arrays: Arrays, form: RankerForm) -> None:
        if form.features != FEATURES:
            raise ModelUnavailable(
                "the ranker reads other features than this release computes: train it again"
                " (mmpipe train recommender)"
            )
        if any(name not in arrays or not np.isfinite(arrays[name]).all() for name in _NAMES):
            raise ModelUnavailable("the ranker's numbers are missing or damaged")
        self.form = form
        taken = [np.asarray(arrays[name], np.float32) for name in _NAMES]
        self._mean, self._scale, self._up, self._up_bias, self._down, self._down_bias, *knots = taken
        self._knots_x, self._knots_y = (each.astype(np.float64) for each in knots)
        count, hidden = len(FEATURES), len(self._up_bias)
        shapes = [each.shape for each in taken]
        wanted = [(count,), (count,), (count, hidden), (hidden,), (hidden,), (1,)]
        lines = len(self._knots_x) > 0 and shapes[6] == shapes[7] and bool((self._scale > 0).all())
        rising = bool((np.diff(self._knots_x) > 0).all() and (np.diff(self._knots_y) >= 0).all())
        if shapes[:6] != wanted or not lines or not rising:
            raise ModelUnavailable("the ranker's numbers do not fit together")
        if self._knots_y[0] < 0 or self._knots_y[-1] > 1:
            raise ModelUnavailable("the ranker's calibration gives no probabilities")

    @classmethod
    def read(cls, path: Path, form: RankerForm) -> Ranker:
        """The ranker of a file."""
        return cls(mapped(path)[1], form)

    def logits(self, inputs: Inputs) -> NDArray[np.float32]:
        """What the network says, before its calibration, ``(n,)``."""
        x = np.clip((inputs - self._mean) / self._scale, -CLIP, CLIP)
        hidden = np.maximum(x @ self._up + self._up_bias, 0)
        logits: NDArray[np.float32] = hidden @ self._down + self._down_bias[0]
        return logits

    def interest(self, inputs: Inputs) -> NDArray[np.float64]:
        """Calibrated probabilities, float64 ``(n,)``, of features as :func:`features` makes them."""
        return np.interp(self.logits(inputs).astype(np.float64), self._knots_x, self._knots_y)
