"""Measures of rankings of a whole catalogue.

Everything is ranked, nothing is sampled. What a user has in the history is left out of the ranking, as the
published figures do it: a target that was seen before can then not be found, and counts as missed. An item
with the same score as a target ranks before it, and an item without a score (-inf) is never found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.interactions import Items

TOP: Final = 10


class Tally:
    """Sums the measures over batches of users."""

    def __init__(self, items: int) -> None:
        self.hits: list[float] = []
        self.ndcg: list[float] = []
        self._shown = np.zeros(items, dtype=bool)
        self._discounts = 1.0 / np.log2(np.arange(2, TOP + 2))

    def add(self, scores: NDArray[np.float32], histories: Sequence[Items], targets: Sequence[Items]) -> None:
        """Scores ``(users, items)``, which are changed, of users with these histories and targets.

        Raises ``ValueError`` for scores that are not a number: such a model has no order.
        """
        if np.isnan(scores).any():
            raise ValueError("a model gave a score that is not a number")
        depth = min(TOP, scores.shape[1])
        for row, history, wanted in zip(scores, histories, targets, strict=True):
            row[history] = -np.inf
            best = np.argpartition(row, -depth)[-depth:]
            self._shown[best[row[best] > -np.inf]] = True
            found = row[wanted]
            ranks = np.sort([np.count_nonzero(row >= score) for score in found if score > -np.inf])
            ranks = ranks[ranks <= TOP].astype(np.int64)
            ideal = self._discounts[: min(TOP, len(wanted))].sum()
            self.hits.append(float(len(ranks) > 0))
            self.ndcg.append(float(self._discounts[ranks - 1].sum() / ideal))

    def figures(self) -> dict[str, float]:
        """``hr@10``: users with a target among their first ten; ``ndcg@10``: its mean, binary gains, log2
        discount; ``coverage``: the part of all items that stands in anybody's first ten."""
        return {
            "hr@10": float(np.mean(self.hits)),
            "ndcg@10": float(np.mean(self.ndcg)),
            "coverage": float(self._shown.mean()),
        }
