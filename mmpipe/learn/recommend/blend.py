"""Several models as one: a mixture of what each holds likely, with weights that a validation item tells.

Every part gives a distribution over the items outside the history: logits through a softmax with a
temperature, the one under which the validation items are likeliest; weights divided by their sum. The
mixture's weights are those that rank the validation items best, of a grid; the best few of it are averaged,
for the best one is also the luckiest. An item's score is its probability, a sum with one summand a part.

Items that nobody has been seen with are known to parts that read features alone: weights that were found for
all others would hold it against the new ones that counts say nothing of them. They have weights of their own,
found by items that the validation makes new: those that rank all targets best, of the ones that rank the new
targets clearly better than any part alone does (:mod:`mmpipe.learn.recommend.weights`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.run import Features, Scores
from mmpipe.learn.recommend.holding import Held, gain, hold_out, known_items
from mmpipe.learn.recommend.weights import best_of, grid, new_grid

_logger = logging.getLogger(__name__)

_TEMPERATURES: Final = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 1.9, 2.4)
_CELLS: Final = 4_000_000
_USERS: Final = 4_000
_LEAST: Final = 0.02
# This part of the described items at least is made new for the validation: there will be new ones.
_MADE_NEW: Final = 0.05
# With fewer targets among them nothing can be told.
_LEAST_NEW: Final = 50
_NEW_TOTAL: Final = 2.8


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
    """The mixture; see the module's text. ``weights``, ``new_weights`` (``None`` where no part knows of new
    items) and ``temperatures`` are known after fitting."""

    def __init__(self, portions: Sequence[Portion], *, seed: int = 7, name: str = "blend") -> None:
        self.name = name
        self.portions = tuple(portions)
        self.seed = seed
        self.weights = np.full(len(self.portions), 1.0 / len(self.portions))
        self.new_weights: NDArray[np.float64] | None = None
        self.temperatures = np.ones(len(self.portions))
        self._new = np.zeros(0, dtype=bool)

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """See :class:`mmpipe.evaluate.recommend.run.Model`."""
        held, made_new = self._hold_out(sequences, items, features)
        for portion in self.portions:
            portion.part.choose(held, items, features)
        # An item that is new to all has no validation target: it takes no part.
        absent = _new_items(sequences, items, features)
        self._weigh(held, made_new, absent)
        self.complete(sequences, items, features)

    def complete(self, sequences: Sequence[Items], items: int, features: Features | None) -> None:
        """Learn from everything, with the weights that there are."""
        self._new = _new_items(sequences, items, features)
        for index, portion in enumerate(self.portions):
            if self._counts(index):
                portion.part.complete(sequences, items, features)

    def _counts(self, index: int) -> bool:
        """Whether a part has any weight."""
        return bool(self.weights[index] > 0 or (self.new_weights is not None and self.new_weights[index] > 0))

    def _hold_out(
        self, sequences: Sequence[Items], items: int, features: Features | None
    ) -> tuple[Held, NDArray[np.bool_]]:
        """The last items; with features, as large a share of the described items is made new as has no event
        yet, so that weights are found for a catalogue like this one. The second are these items."""
        held = hold_out(sequences, self.seed)
        made_new = np.zeros(items, dtype=bool)
        if features is None:
            return held, made_new
        described = np.flatnonzero(np.any(features != 0, axis=1))
        new = known_items(sequences, items)[described] == 0
        known = described[~new]
        if len(known) < 2:
            return held, made_new
        count = min(len(known) - 1, math.ceil(max(float(new.mean()), _MADE_NEW) * len(known)))
        rng = np.random.default_rng(self.seed)
        made_new[rng.choice(known, count, replace=False)] = True
        histories = [history[~made_new[history]] for history in held.histories]
        asked = [index for index, history in enumerate(histories) if len(history)]
        train = [sequence[~made_new[sequence]] for sequence in held.train]
        made = Held(
            [sequence for sequence in train if len(sequence)],
            [histories[index] for index in asked],
            held.targets[asked],
        )
        return made, made_new

    def _weigh(self, held: Held, made_new: NDArray[np.bool_], absent: NDArray[np.bool_]) -> None:
        rng = np.random.default_rng(self.seed)
        chosen = np.arange(len(held.histories))
        if len(chosen) > _USERS:
            chosen = np.sort(rng.choice(chosen, _USERS, replace=False))
        histories, targets = [held.histories[i] for i in chosen.tolist()], held.targets[chosen]
        if not histories:
            return
        self._cool(histories, targets, absent)
        options = grid(len(self.portions))
        gains = self._gains(histories, targets, options, absent)
        weights = best_of(options, gains)
        weights[weights < _LEAST] = 0.0
        self.weights = weights / weights.sum()
        if made_new.any():
            self._weigh_new(histories, targets, made_new, absent)
        for index, portion in enumerate(self.portions):
            alone = gains[int(np.flatnonzero(options[:, index] == 1.0)[0])]
            _logger.info(
                "%s: weight %.3f, of new items %.3f, temperature %.2f, alone %.5f",
                portion.part.name,
                self.weights[index],
                self.weights[index] if self.new_weights is None else self.new_weights[index],
                self.temperatures[index],
                alone,
            )
        _logger.info("validation ndcg@10 %.5f", max(gains))

    def _weigh_new(
        self,
        histories: list[Items],
        targets: NDArray[np.int64],
        made_new: NDArray[np.bool_],
        absent: NDArray[np.bool_],
    ) -> None:
        """The weights of items that nobody was seen with."""
        able = [index for index, portion in enumerate(self.portions) if portion.sharpness is not None]
        if not able:
            return
        wanted = made_new[targets]
        if wanted.sum() < _LEAST_NEW:
            self.new_weights = np.zeros(len(self.portions))
            self.new_weights[able] = _NEW_TOTAL / len(able)
            return
        options = new_grid(len(self.portions), able)
        ranks = np.empty((len(options), len(histories)), dtype=np.int64)
        alone = np.empty((len(able), len(histories)), dtype=np.int64)
        for block, parts in self._parts(histories, absent):
            base = np.tensordot(self.weights.astype(np.float32), parts, axes=1)
            fresh = np.ascontiguousarray(parts[:, :, made_new])
            for index, weights in enumerate(options):
                base[:, made_new] = np.tensordot(weights.astype(np.float32), fresh, axes=1)
                ranks[index, block] = _ranks(base, targets[block])
            for index, part in enumerate(able):
                alone[index, block] = _ranks(parts[part], targets[block])
        self.new_weights = best_of(
            options,
            [gain(row) for row in ranks],
            new=[gain(row[wanted]) for row in ranks],
            least=max(gain(row[wanted]) for row in alone),
        )

    def _cool(self, histories: list[Items], targets: NDArray[np.int64], absent: NDArray[np.bool_]) -> None:
        """Each softmax's temperature: the one under which the targets are likeliest."""
        for index, portion in enumerate(self.portions):
            if portion.sharpness is None:
                continue
            sums = np.zeros(len(_TEMPERATURES))
            for block in _blocks(len(histories), portion.part.scores(histories[:1]).shape[1]):
                logits = _unseen(portion.part.scores(histories[block]), histories[block])
                logits[:, absent] = -np.inf
                own = logits[np.arange(len(logits)), targets[block]]
                there = own > -np.inf
                for place, temperature in enumerate(_TEMPERATURES):
                    scaled = logits[there] * np.float32(portion.sharpness / temperature)
                    top = scaled.max(axis=1)
                    mass = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
                    sums[place] += float((own[there] * (portion.sharpness / temperature) - mass).sum())
            self.temperatures[index] = _TEMPERATURES[int(np.argmax(sums))]

    def _gains(
        self,
        histories: list[Items],
        targets: NDArray[np.int64],
        options: NDArray[np.float64],
        absent: NDArray[np.bool_],
    ) -> list[float]:
        ranks = np.empty((len(options), len(histories)), dtype=np.int64)
        for block, parts in self._parts(histories, absent):
            for index, weights in enumerate(options):
                mixed = np.tensordot(weights.astype(np.float32), parts, axes=1)
                ranks[index, block] = _ranks(mixed, targets[block])
        return [gain(row) for row in ranks]

    def _parts(
        self, histories: Sequence[Items], absent: NDArray[np.bool_]
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Blocks of users with each part's probabilities, ``(parts, users, items)``."""
        for block in _blocks(len(histories), len(absent) * len(self.portions)):
            yield (
                block,
                np.stack(
                    [self._probabilities(i, histories[block], absent) for i in range(len(self.portions))]
                ),
            )

    def _probabilities(
        self, index: int, histories: Sequence[Items], absent: NDArray[np.bool_] | None = None
    ) -> Scores:
        portion = self.portions[index]
        found = _unseen(portion.part.scores(histories), histories)
        if absent is not None:
            found[:, absent] = -np.inf
        if portion.sharpness is not None:
            found *= np.float32(portion.sharpness / self.temperatures[index])
            top = found.max(axis=1, keepdims=True)
            top[top == -np.inf] = 0.0  # nothing is left to say something of
            found -= top
            np.exp(found, out=found)
        else:
            np.maximum(found, 0.0, out=found)
        found /= np.maximum(found.sum(axis=1, keepdims=True), 1e-12)
        return found

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Probabilities; -inf for items of the history."""
        mixed: Scores | None = None
        for index, weight in enumerate(self.weights):
            if not self._counts(index):
                continue
            part = self._probabilities(index, histories)
            if self.new_weights is None:
                part *= np.float32(weight)
            else:
                part *= np.where(self._new, self.new_weights[index], weight).astype(np.float32)
            mixed = part if mixed is None else mixed + part
        if mixed is None:
            raise RuntimeError("a mixture of nothing")
        if self.new_weights is not None:
            mixed /= np.maximum(mixed.sum(axis=1, keepdims=True), 1e-12)
        return _unseen(mixed, histories)


def _new_items(sequences: Sequence[Items], items: int, features: Features | None) -> NDArray[np.bool_]:
    """What has features and no event."""
    if features is None:
        return np.zeros(items, dtype=bool)
    found: NDArray[np.bool_] = np.any(features != 0, axis=1) & (known_items(sequences, items) == 0)
    return found


def _ranks(scores: Scores, targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each target's rank in its row, from 1; equals rank before it."""
    own = scores[np.arange(len(scores)), targets][:, None]
    found: NDArray[np.int64] = (scores >= own).sum(axis=1)
    return found


def _blocks(count: int, width: int) -> Iterator[slice]:
    size = max(1, _CELLS // max(1, width))
    for begin in range(0, count, size):
        yield slice(begin, min(count, begin + size))


def _unseen(scores: Scores, histories: Sequence[Items]) -> Scores:
    for row, history in zip(scores, histories, strict=True):
        row[history] = -np.inf
    return scores
