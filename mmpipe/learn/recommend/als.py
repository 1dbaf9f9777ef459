"""Matrix factorisation by alternating least squares, of the package ``implicit`` (extra ``train``).

Hu, Koren and Volinsky, *Collaborative Filtering for Implicit Feedback Datasets*, 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmpipe.errors import ModelUnavailable
from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.run import Features, Scores
from mmpipe.learn.recommend.holding import known_items
from mmpipe.learn.recommend.neighbours import flat


@dataclass(frozen=True, slots=True)
class AlsSettings:
    """``confidence`` is what one event counts beside what was never seen."""

    factors: int = 128
    regularization: float = 0.05
    confidence: float = 10.0
    iterations: int = 20
    seed: int = 7
    threads: int = 2


class AlsModel:
    """``implicit``'s factors; a history's user vector is solved anew, so that it needs not be one of those it
    was fitted on."""

    def __init__(self, settings: AlsSettings | None = None, *, name: str = "als") -> None:
        self.name = name
        self.settings = settings or AlsSettings()
        self._model: Any = None
        self._items: Scores = np.zeros((0, 0), dtype=np.float32)
        self._known = np.zeros(0, dtype=bool)

    @property
    def factors(self) -> Scores:
        """Every item's factors, float32 ``(items, k)``."""
        return self._items

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """See :class:`mmpipe.evaluate.recommend.run.Model`. Raises :class:`ModelUnavailable` where the
        package is not installed."""
        del features
        try:
            from implicit.cpu.als import AlternatingLeastSquares
            from threadpoolctl import threadpool_limits
        except ImportError as error:
            raise ModelUnavailable(
                "model als needs the package implicit: pip install 'mmpipe[train]'"
            ) from error
        settings = self.settings
        with threadpool_limits(1, "blas"):  # its own threads call BLAS
            self._model = AlternatingLeastSquares(
                factors=settings.factors, regularization=settings.regularization, alpha=settings.confidence,
                iterations=settings.iterations, random_state=settings.seed, num_threads=settings.threads,
            )  # fmt: skip
            self._model.fit(_matrix(sequences, items), show_progress=False)
        self._items = np.asarray(self._model.item_factors, dtype=np.float32)
        self._known = known_items(sequences, items) > 0

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Inner products; -inf for items nobody was seen with."""
        if self._model is None:
            raise RuntimeError("fit comes first")
        codes = np.arange(len(histories))
        shoppers = self._model.recalculate_user(codes, _matrix(histories, len(self._items)))
        found: Scores = np.asarray(shoppers, dtype=np.float32) @ self._items.T
        found[:, ~self._known] = -np.inf
        return found


def _matrix(sequences: Sequence[Items], items: int) -> Any:
    from scipy.sparse import csr_matrix

    starts, codes = flat(sequences)
    made = csr_matrix((np.ones(len(codes), np.float32), codes, starts), shape=(len(sequences), items))
    made.sum_duplicates()
    return made
