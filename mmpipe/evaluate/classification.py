"""Classification metrics: accuracy, precision, recall, F1 and ROC-AUC.

Classes are averaged as scikit-learn does: ``macro`` is the plain mean over the classes that occur among the
labels or the predictions, ``micro`` counts every decision alike, ``weighted`` weighs each class by how often
it is the right answer. A ratio without a denominator (a class that was never predicted, say) counts as 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Average = Literal["macro", "micro", "weighted"]


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall and their harmonic mean F1, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


def accuracy(labels: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """Share of rows whose prediction is the label. Raises ``ValueError`` for no rows or unequal lengths."""
    _check(len(labels), len(predicted))
    return sum(a == b for a, b in zip(labels, predicted, strict=True)) / len(labels)


def class_scores(
    labels: Sequence[Hashable], predicted: Sequence[Hashable], average: Average = "macro"
) -> ClassScores:
    """Averaged precision, recall and F1. Raises ``ValueError`` for no rows or unequal lengths."""
    _check(len(labels), len(predicted))
    right = Counter(a for a, b in zip(labels, predicted, strict=True) if a == b)
    actual, claimed = Counter(labels), Counter(predicted)
    if average == "micro":
        return _scores(sum(right.values()), len(predicted), len(labels))
    classes = list({**actual, **claimed})
    each = [_scores(right[c], claimed[c], actual[c]) for c in classes]
    weights = [actual[c] if average == "weighted" else 1 for c in classes]
    total = sum(weights)

    def mean(values: Sequence[float]) -> float:
        return sum(w * v for w, v in zip(weights, values, strict=True)) / total

    return ClassScores(
        mean([s.precision for s in each]), mean([s.recall for s in each]), mean([s.f1 for s in each])
    )


def binary_scores(labels: Sequence[bool], predicted: Sequence[bool]) -> ClassScores:
    """Precision, recall and F1 of the positive class. Raises ``ValueError`` as :func:`class_scores`."""
    _check(len(labels), len(predicted))
    right = sum(bool(a) and bool(b) for a, b in zip(labels, predicted, strict=True))
    return _scores(right, sum(map(bool, predicted)), sum(map(bool, labels)))


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive row is scored above a negative one, a tie being half.

    The Mann-Whitney U statistic over mean ranks (Hanley and McNeil, 1982), which is the trapezoidal area.
    ``labels`` are booleans or 0/1 and ``scores`` finite numbers, both of shape ``(n,)``. Raises
    ``ValueError`` unless both classes are there.
    """
    positive = np.asarray(labels).astype(bool)
    values = np.asarray(scores, dtype=np.float64)
    _check(len(positive), len(values))
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    count = int(positive.sum())
    if count in (0, len(positive)):
        raise ValueError("ROC-AUC needs rows of both classes")
    _, inverse, sizes = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(sizes) - (sizes - 1) / 2
    u = mean_ranks[inverse][positive].sum() - count * (count + 1) / 2
    return float(u / (count * (len(positive) - count)))


def _scores(right: int, claimed: int, actual: int) -> ClassScores:
    precision = right / claimed if claimed else 0.0
    recall = right / actual if actual else 0.0
    both = claimed + actual
    return ClassScores(precision, recall, 2 * right / both if both else 0.0)


def _check(labels: int, predicted: int) -> None:
    if labels != predicted:
        raise ValueError(f"{labels} labels but {predicted} predictions")
    if labels == 0:
        raise ValueError("nothing to measure")
