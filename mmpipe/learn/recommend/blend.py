"""Several models as one: a mixture of what each holds likely, with weights that a validation item tells.

Every part gives a distribution over the items outside the history: logits through a softmax with a
temperature, the one under which the validation items are likeliest; weights divided by their sum. The
mixture's weights are those that rank the validation items best, of a grid; the best few of it are averaged,
for the best one is also the luckiest. An item's score is its probability, a sum with one summand a part.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.run import Features, Scores
from mmpipe.learn.recommend.holding import Held, gain, hold_out, known_items

_logger = logging.getLogger(__name__)

_TEMPERATURES: Final = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 1.9, 2.4)
_CELLS: Final = 4_000_000
_USERS: Final = 4_000
# Steps from nothing to everything in the grid of weights, by the number of parts.
_STEPS: Final = {1: 1, 2: 20, 3: 10, 4: 6}
_MORE_STEPS: Final = 4
_AVERAGED: Final = 5
_LEAST: Final = 0.02


class Part(Protocol):
    """A model of the mixture."""

    @property
    def name(self) -> str: ...

    def choose(self, held: Held, items: int, features: Features | None) -> None:
        """Learn from ``held.train``; what is left open is decided by the held-out items."""
        ...

    def complete(self, sequences: Sequence[Items], items: int, features: Features | None) -> None:
        """Learn from everything, with what :meth:`choose` decided."""
        ...

    def scores(self, histories: Sequence[Items]) -> Scores: ...


@dataclass(frozen=True, slots=True)
class Portion:
    """A part, and how its scores become probabilities: ``sharpness`` is what logits are multiplied with
    before the softmax, ``None`` says that they are weights, at least 0."""

    part: Part
    sharpness: float | None


class Blend:
    """The mixture; see the module's text. ``weights`` and ``temperatures`` are known after fitting."""

    def __init__(self, portions: Sequence[Portion], *, seed: int = 7, name: str = "blend") -> None:
        self.name = name
        self.portions = tuple(portions)
        self.seed = seed
        self.weights = np.full(len(self.portions), 1.0 / len(self.portions))
        self.temperatures = np.ones(len(self.portions))

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """See :class:`mmpipe.evaluate.recommend.run.Model`."""
        held = self._hold_out(sequences, items, features)
        for portion in self.portions:
            portion.part.choose(held, items, features)
        self._weigh(held)
        for portion, weight in zip(self.portions, self.weights, strict=True):
            if weight > 0:
                portion.part.complete(sequences, items, features)

    def _hold_out(self, sequences: Sequence[Items], items: int, features: Features | None) -> Held:
        """The last items; where described items have no event yet, as many others are made new, so that
        weights are found for a catalogue like this one."""
        held = hold_out(sequences, self.seed)
        if features is None:
            return held
        described = np.flatnonzero(np.any(features != 0, axis=1))
        new = known_items(sequences, items)[described] == 0
        count = round(float(new.mean()) * len(described[~new])) if len(described) else 0
        if count == 0:
            return held
        hidden = np.zeros(items, dtype=bool)
        rng = np.random.default_rng(self.seed)
        hidden[rng.choice(described[~new], count, replace=False)] = True
        histories = [history[~hidden[history]] for history in held.histories]
        asked = [index for index, history in enumerate(histories) if len(history)]
        train = [sequence[~hidden[sequence]] for sequence in held.train]
        return Held(
            [sequence for sequence in train if len(sequence)],
            [histories[index] for index in asked],
            held.targets[asked],
        )

    def _weigh(self, held: Held) -> None:
        rng = np.random.default_rng(self.seed)
        chosen = np.arange(len(held.histories))
        if len(chosen) > _USERS:
            chosen = np.sort(rng.choice(chosen, _USERS, replace=False))
        histories, targets = [held.histories[i] for i in chosen.tolist()], held.targets[chosen]
        if not histories:
            return
        self._cool(histories, targets)
        options = _grid(len(self.portions))
        gains = self._gains(histories, targets, options)
        # Of the same gain, what trusts the first parts more.
        best = np.argsort(-np.array(gains), kind="stable")[:_AVERAGED]
        best = best[np.array(gains)[best] > 0.99 * gains[best[0]]]
        weights = options[best].mean(axis=0)
        weights[weights < _LEAST] = 0.0
        self.weights = weights / weights.sum()
        for portion, weight, temperature in zip(self.portions, self.weights, self.temperatures, strict=True):
            alone = gains[int(np.flatnonzero(options[:, self.portions.index(portion)] == 1.0)[0])]
            _logger.info(
                "%s: weight %.3f, temperature %.2f, alone %.5f",
                portion.part.name, weight, temperature, alone,
            )  # fmt: skip
        _logger.info("validation ndcg@10 %.5f", gains[best[0]])

    def _cool(self, histories: list[Items], targets: NDArray[np.int64]) -> None:
        """Each softmax's temperature: the one under which the targets are likeliest."""
        for index, portion in enumerate(self.portions):
            if portion.sharpness is None:
                continue
            sums = np.zeros(len(_TEMPERATURES))
            for block in _blocks(len(histories), portion.part.scores(histories[:1]).shape[1]):
                logits = _unseen(portion.part.scores(histories[block]), histories[block])
                own = logits[np.arange(len(logits)), targets[block]]
                there = own > -np.inf
                for place, temperature in enumerate(_TEMPERATURES):
                    scaled = logits[there] * (portion.sharpness / temperature)
                    top = scaled.max(axis=1)
                    mass = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
                    sums[place] += float((own[there] * (portion.sharpness / temperature) - mass).sum())
            self.temperatures[index] = _TEMPERATURES[int(np.argmax(sums))]

    def _gains(
        self, histories: list[Items], targets: NDArray[np.int64], options: NDArray[np.float64]
    ) -> list[float]:
        ranks = np.empty((len(options), len(histories)), dtype=np.int64)
        for block, parts in self._parts(histories):
            rows = np.arange(parts.shape[1])
            for index, weights in enumerate(options):
                mixed = np.tensordot(weights.astype(np.float32), parts, axes=1)
                ranks[index, block] = (mixed >= mixed[rows, targets[block]][:, None]).sum(axis=1)
        return [gain(row) for row in ranks]

    def _parts(self, histories: Sequence[Items]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Blocks of users with each part's probabilities, ``(parts, users, items)``."""
        width = self.portions[0].part.scores(histories[:1]).shape[1]
        for block in _blocks(len(histories), width * len(self.portions)):
            yield (
                block,
                np.stack([self._probabilities(i, histories[block]) for i in range(len(self.portions))]),
            )

    def _probabilities(self, index: int, histories: Sequence[Items]) -> Scores:
        portion = self.portions[index]
        found = _unseen(portion.part.scores(histories), histories)
        if portion.sharpness is not None:
            found *= np.float32(portion.sharpness / self.temperatures[index])
            found -= found.max(axis=1, keepdims=True)
            np.exp(found, out=found)
        else:
            np.maximum(found, 0.0, out=found)
        found /= np.maximum(found.sum(axis=1, keepdims=True), 1e-12)
        return found

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Probabilities; -inf for items of the history."""
        mixed: Scores | None = None
        for index, weight in enumerate(self.weights):
            if weight > 0:
                part = np.float32(weight) * self._probabilities(index, histories)
                mixed = part if mixed is None else mixed + part
        if mixed is None:
            raise RuntimeError("a mixture of nothing")
        return _unseen(mixed, histories)


def _blocks(count: int, width: int) -> Iterator[slice]:
    size = max(1, _CELLS // max(1, width))
    for begin in range(0, count, size):
        yield slice(begin, min(count, begin + size))


def _unseen(scores: Scores, histories: Sequence[Items]) -> Scores:
    for row, history in zip(scores, histories, strict=True):
        row[history] = -np.inf
    return scores


def _grid(parts: int) -> NDArray[np.float64]:
    """All weights of ``parts`` parts that are multiples of a step and sum to 1, first parts first."""
    steps = _STEPS.get(parts, _MORE_STEPS)
    counts = [c for c in itertools.product(range(steps, -1, -1), repeat=parts) if sum(c) == steps]
    return np.array(counts, dtype=np.float64) / steps
