"""The same for everybody: what has the most events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.run import Features, Scores
from mmpipe.learn.recommend.holding import Held, known_items


class PopularModel:
    """Events an item has, whatever the history."""

    def __init__(self, *, name: str = "popular") -> None:
        self.name = name
        self._counts = np.zeros(0, dtype=np.float32)

    def choose(self, held: Held, items: int, features: Features | None) -> None:
        """Count ``held.train``."""
        self.fit(held.train, items, features)

    def complete(self, sequences: Sequence[Items], items: int, features: Features | None) -> None:
        """Count everything."""
        self.fit(sequences, items, features)

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """See :class:`mmpipe.evaluate.recommend.run.Model`."""
        del features
        self._counts = known_items(sequences, items).astype(np.float32)

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Numbers of events, the same in each row."""
        return np.tile(self._counts, (len(histories), 1))
