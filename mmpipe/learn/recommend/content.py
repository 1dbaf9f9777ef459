"""What is alike: the mean of a history's features, later events worth more, against every item's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.run import Features, Scores
from mmpipe.learn.recommend.holding import Held
from mmpipe.learn.recommend.whitening import Whitening, whitening

FADING: Final = 0.8
_EVENTS: Final = 50


class ContentModel:
    """Cosine between items' whitened features and a history's, each event worth :data:`FADING` times the one
    after it: without what all items share, items of one trade are told apart. Needs no behaviour but the
    history. ``whitening`` is known after fitting."""

    def __init__(self, *, name: str = "content") -> None:
        self.name = name
        self.whitening: Whitening | None = None
        self._vectors: Features = np.zeros((0, 0), dtype=np.float32)

    def choose(self, held: Held, items: int, features: Features | None) -> None:
        """Take the features."""
        self.fit(held.train, items, features)

    def complete(self, sequences: Sequence[Items], items: int, features: Features | None) -> None:
        """Take the features."""
        self.fit(sequences, items, features)

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """See :class:`mmpipe.evaluate.recommend.run.Model`. Raises :class:`InvalidRequest` without
        features."""
        del sequences, items
        if features is None:
            raise InvalidRequest("items", f"model {self.name} needs the items' texts: give --items FILE")
        self.whitening = whitening(features)
        made = self.whitening.apply(features)
        norms = np.linalg.norm(made, axis=1, keepdims=True)
        self._vectors = (made / np.maximum(norms, 1e-9)).astype(np.float32)

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Cosines in [-1, 1]; -inf for items without features, 0 for all others where no event of the
        history has any."""
        shoppers = np.zeros((len(histories), self._vectors.shape[1]), dtype=np.float32)
        for row, history in zip(shoppers, histories, strict=True):
            latest = history[: -_EVENTS - 1 : -1]
            row += (FADING ** np.arange(len(latest), dtype=np.float32)) @ self._vectors[latest]
        norms = np.linalg.norm(shoppers, axis=1, keepdims=True)
        found: Scores = (shoppers / np.maximum(norms, 1e-9)) @ self._vectors.T
        found[:, ~np.any(self._vectors != 0, axis=1)] = -np.inf
        return found
