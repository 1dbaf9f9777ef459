"""Fit a model and measure it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.ranking import Tally
from mmpipe.evaluate.recommend.splits import Split

Scores = NDArray[np.float32]
Features = NDArray[np.float32]
# Scores of so many numbers are held at once.
_CELLS: Final = 4_000_000


class Model(Protocol):
    """Something that learns sequences of items and says what comes next."""

    @property
    def name(self) -> str: ...

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """Learn from item codes below ``items``, oldest first. ``features`` float32 ``(items, f)``, a row of
        zeros where nothing is known of an item."""
        ...

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Float32 ``(len(histories), items)``, higher is likelier, -inf where there is no score; a new
        array."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """One model's figures. ``cold`` are those over users whose target is a new item, ``warm`` over the
    others; ``None`` where the split has none."""

    model: str
    users: int
    items: int
    figures: dict[str, float]
    cold: dict[str, float] | None
    warm: dict[str, float] | None
    train_seconds: float
    train_cpu_seconds: float
    seconds: float

    def row(self) -> dict[str, str | int | float]:
        """Flat, as the command prints it."""
        shown: dict[str, str | int | float] = {"users": self.users, "items": self.items, "model": self.model}
        shown |= {name: round(value, 5) for name, value in self.figures.items()}
        for prefix, part in (("cold", self.cold), ("warm", self.warm)):
            if part is not None:
                shown |= {f"{prefix}_{n}": round(v, 5) for n, v in part.items() if n != "coverage"}
        shown["train_seconds"] = round(self.train_seconds, 2)
        shown["train_cpu_seconds"] = round(self.train_cpu_seconds, 2)
        shown["seconds"] = round(self.seconds, 2)
        return shown


def measure(model: Model, split: Split, items: int, features: Features | None = None) -> Measured:
    """Fit ``model`` on the split's training sequences, then rank all items for every user of the test.

    ``seconds`` is all that it took, ``train_cpu_seconds`` the processor time of this process in training.
    """
    started, worked = time.perf_counter(), time.process_time()
    model.fit(split.train, items, features)
    trained, train_work = time.perf_counter(), time.process_time()
    whole = Tally(items)
    size = max(1, _CELLS // items)
    for begin in range(0, len(split.histories), size):
        histories = split.histories[begin : begin + size]
        whole.add(model.scores(histories), histories, split.targets[begin : begin + size])
    ended = time.perf_counter()
    parts = {}
    if split.cold is not None:
        asks_cold = np.array([bool(split.cold[target].any()) for target in split.targets])
        for name, chosen in (("cold", asks_cold), ("warm", ~asks_cold)):
            if chosen.any():
                parts[name] = {
                    "users": int(chosen.sum()),
                    "hr@10": float(np.array(whole.hits)[chosen].mean()),
                    "ndcg@10": float(np.array(whole.ndcg)[chosen].mean()),
                }
    return Measured(
        model=model.name,
        users=len(split.histories),
        items=items,
        figures=whole.figures(),
        cold=parts.get("cold"),
        warm=parts.get("warm"),
        train_seconds=trained - started,
        train_cpu_seconds=train_work - worked,
        seconds=ended - started,
    )
