"""From a network's logits to probabilities that are kept: Platt's line, or isotonic regression.

Isotonic regression (the pool-adjacent-violators algorithm) bends as the data does and needs much of it; below
:data:`LEAST_FOR_ISOTONIC` positives a logistic line is fitted instead (Platt 1999; Niculescu-Mizil and
Caruana, *Predicting Good Probabilities With Supervised Learning*, 2005, find the change at about a thousand).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_FOR_ISOTONIC: Final = 1_000
_KNOTS: Final = 129
_BINS: Final = 15
_STEPS: Final = 50
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """A line through ``(x, y)``, both rising, constant beyond its ends; ``kind`` says how it was found."""

    kind: str
    x: Floats
    y: Floats

    def __call__(self, logits: Floats) -> Floats:
        """Probabilities."""
        return np.interp(logits, self.x, self.y)


def calibrate(logits: Floats, labels: NDArray[np.bool_]) -> Calibration:
    """Fitted on examples that the network was not trained on; both labels must be among them."""
    few = int(min(labels.sum(), (~labels).sum())) < LEAST_FOR_ISOTONIC
    return _platt(logits, labels) if few else _isotonic(logits, labels)


def _platt(logits: Floats, labels: NDArray[np.bool_]) -> Calibration:
    positives, negatives = int(labels.sum()), int((~labels).sum())
    # Platt's targets: as if each label had been seen once more the other way.
    wanted = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, spread = float(logits.mean()), max(float(logits.std()), 1e-6)
    z = (logits - centre) / spread
    inputs = np.stack([z, np.ones_like(z)], axis=1)
    found = np.array([1.0, np.log((positives + 1) / (negatives + 1))])
    for _ in range(_STEPS):
        p = _sigmoid(inputs @ found)
        hessian = (inputs.T * (p * (1 - p))) @ inputs + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, inputs.T @ (p - wanted))
        found -= np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    found[0] = max(found[0], 0.0)
    x = np.linspace(z.min() - 3, z.max() + 3, _KNOTS)
    return Calibration("platt", x * spread + centre, np.maximum.accumulate(_sigmoid(found[0] * x + found[1])))


def _isotonic(logits: Floats, labels: NDArray[np.bool_]) -> Calibration:
    order = np.argsort(logits, kind="stable")
    # Blocks of (mean, weight, middle); a block that is below the one before it joins it.
    means: list[float] = []
    weights: list[float] = []
    middles: list[float] = []
    for x, y in zip(logits[order].tolist(), labels[order].tolist(), strict=True):
        means.append(float(y))
        weights.append(1.0)
        middles.append(x)
        while len(means) > 1 and means[-2] >= means[-1]:
            mean, weight, middle = means.pop(), weights.pop(), middles.pop()
            total = weights[-1] + weight
            means[-1] = (means[-1] * weights[-1] + mean * weight) / total
            middles[-1] = (middles[-1] * weights[-1] + middle * weight) / total
            weights[-1] = total
    x, y = np.array(middles), np.clip(np.array(means), _LEAST, 1 - _LEAST)
    apart = np.concatenate([[True], np.diff(x.astype(np.float32)) > 0])
    return Calibration("isotonic", x[apart], np.maximum.accumulate(y[apart]))


def brier(probabilities: Floats, labels: NDArray[np.bool_]) -> float:
    """The mean squared distance of probabilities from what came."""
    return float(np.mean((probabilities - labels) ** 2))


def calibration_error(probabilities: Floats, labels: NDArray[np.bool_]) -> float:
    """Expected calibration error: how far the mean probability is from the share that came true, over 15 bins
    of about equally many examples, weighted by these."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    gaps = [abs(float(probabilities[p].mean() - labels[p].mean())) * len(p) for p in parts]
    return float(sum(gaps) / max(len(order), 1))


def _sigmoid(z: Floats) -> Floats:
    found: Floats = 0.5 * (1 + np.tanh(0.5 * z))
    return found
