"""What the training of a recommender can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from mmpipe.errors import InvalidRequest

ModelName = Literal["popular", "item-knn", "als", "sasrec", "blend", "content", "sequence+content"]
CANDIDATES: Final[tuple[ModelName, ...]] = ("item-knn", "als", "sasrec", "sequence+content")


@dataclass(frozen=True, slots=True)
class RecommenderSettings:
    """A run. ``models`` are the candidates beside popularity, against which all are measured.

    ``least_shoppers`` with two products or more are needed to train at all, ``least_judged`` to judge by, at
    most ``judged`` are asked. ``judged_share`` is the part of the events, the latest, that is held out.
    ``epochs`` and ``seconds`` bound each training of a sequence model. ``least_clicks`` on impressions make
    the ranker learn from these, fewer from what came next.
    """

    models: tuple[ModelName, ...] = CANDIDATES
    epochs: int = 200
    seconds: float = 1200.0
    dim: int = 128
    seed: int = 7
    workers: int = 1
    judged_share: float = 0.1
    judged: int = 10_000
    least_shoppers: int = 100
    least_judged: int = 50
    least_clicks: int = 500

    def __post_init__(self) -> None:
        """Raises :class:`InvalidRequest` naming the option."""
        known = get_args(ModelName)
        for name in self.models:
            if name not in known:
                raise InvalidRequest("models", f"{name!r} is none of {', '.join(known)}")
        if not self.models:
            raise InvalidRequest("models", f"name one or more of {', '.join(known)}")
        for option, number in (("epochs", self.epochs), ("workers", self.workers), ("dim", self.dim)):
            if number < 1:
                raise InvalidRequest(option, f"{number} must be at least 1")
        if not self.seconds > 0:
            raise InvalidRequest("seconds", f"{self.seconds:g} must be above 0")
        if not 0 < self.judged_share < 1:
            raise InvalidRequest("judged-share", f"{self.judged_share:g} must be a share between 0 and 1")
