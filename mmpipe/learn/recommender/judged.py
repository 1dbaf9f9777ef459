"""Who is asked, and how well a recommender foretells what they did next: measured by what is served."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.ranking import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.learn.recommender.events import Log
    from mmpipe.recommend.model import Bound, Shelf


@dataclass(frozen=True, slots=True)
class Question:
    """What a shopper liked, oldest first, and the row of the product that came next, ``pause`` seconds
    later."""

    owner: int
    history: tuple[str, ...]
    target: int
    pause: float


@dataclass(frozen=True, slots=True)
class Questions:
    """Those by which one model is chosen, and those by which it is judged: of different shoppers."""

    choosing: list[Question]
    judging: list[Question]


def ask(log: Log, shelf: Shelf, moment: float, *, most: int, seed: int) -> Questions:
    """The last product that shoppers liked since ``moment``, of those who had liked another one before it and
    where the product is on the shelf; at most ``most`` for either purpose, drawn by ``seed``."""
    sequences = log.sequences
    found: list[Question] = []
    lasts = sequences.starts[1:] - 1
    late = np.flatnonzero((np.diff(sequences.starts) > 1) & (sequences.times[lasts] >= moment))
    rows = shelf.find([log.names[item] for item in sequences.items[lasts[late]].tolist()])
    for shopper, row in zip(late.tolist(), rows.tolist(), strict=True):
        if row < 0:
            continue
        part = sequences.of(shopper)
        items, times = sequences.items[part].tolist(), sequences.times[part]
        history = tuple(log.names[item] for item in items[:-1])
        found.append(Question(int(sequences.owner[shopper]), history, row, float(times[-1] - times[-2])))
    halves: tuple[list[Question], list[Question]] = ([], [])
    for question in found:
        halves[_half(question.owner, seed)].append(question)
    rng = np.random.default_rng(seed)
    return Questions(*(_some(half, most, rng) for half in halves))


def measure(bound: Bound, questions: Sequence[Question]) -> Tally:
    """The measures of one model over these shoppers: all rows of the shelf are ranked, those of the history
    left out."""
    tally = Tally(bound.place.shelf.rows)
    for question in questions:
        past = bound.past(question.history)
        tally.add(
            bound.scores_after(past)[None, :],
            [past.rows[past.rows >= 0]],
            [np.array([question.target], np.int32)],
        )
    return tally


def figures(tally: Tally) -> dict[str, float]:
    """Rounded, as they are shown and registered."""
    return {name: round(value, 5) for name, value in tally.figures().items()}


def difference(new: Tally, old: Tally, *, seed: int, draws: int = 1_000) -> tuple[float, float, float]:
    """The mean difference of NDCG@10 between two models over the same shoppers, and its 90 % interval (paired
    bootstrap)."""
    apart = np.array(new.ndcg) - np.array(old.ndcg)
    rng = np.random.default_rng(seed)
    means: NDArray[np.float64] = np.array(
        [apart[rng.integers(0, len(apart), len(apart))].mean() for _ in range(draws)]
    )
    low, high = np.quantile(means, [0.05, 0.95])
    return float(apart.mean()), float(low), float(high)


def _half(owner: int, seed: int) -> int:
    return hashlib.sha256(f"{seed} {owner}".encode()).digest()[0] & 1


def _some(questions: list[Question], most: int, rng: np.random.Generator) -> list[Question]:
    if len(questions) <= most:
        return questions
    return [questions[index] for index in sorted(rng.choice(len(questions), most, replace=False).tolist())]
