"""Items that occur with items: counted exactly, weighted by distance, summed over a history.

With ``c(j, i)`` the weighted number of times that ``i`` stands near ``j`` in a history, ``n_j`` and ``n_i``
their events, a neighbour's weight is ``c(j, i) / ((n_j + s)^a n_i^b)`` and a history's score is the sum of
its events' neighbours, each event worth ``fading`` times the one after it. ``b = a = 1/2`` is the cosine of
plain item-kNN (Deshpande and Karypis, *Item-Based Top-N Recommendation Algorithms*, 2004), ``a = 1, b = 0`` a
Markov chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.interactions import Items
from mmpipe.evaluate.recommend.run import Features, Scores
from mmpipe.learn.recommend.holding import Held, known_items

_MAX_HISTORY: Final = 200


@dataclass(frozen=True, slots=True)
class NeighbourSettings:
    """``after`` and ``before`` weigh an item at the next place behind and ahead of the other, ``distance`` is
    the factor for each further place, ``window`` how far is looked. ``by_source`` is a, ``by_item`` b,
    ``shrink`` s of the module's text; ``kept`` neighbours an item."""

    after: float = 1.0
    before: float = 1.0
    distance: float = 1.0
    window: int = 100
    by_source: float = 0.5
    by_item: float = 0.5
    shrink: float = 5.0
    fading: float = 1.0
    kept: int = 300


KNN: Final = NeighbourSettings()
# What follows what: chosen on validation items of two sets, where it is flat around these.
NEXT: Final = NeighbourSettings(
    before=0.3, distance=0.8, window=20, by_source=0.4, by_item=0.2, shrink=10.0, fading=0.6
)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Item ``j``'s neighbours are ``items[starts[j] : starts[j + 1]]``, heaviest first, with ``weights``."""

    starts: NDArray[np.int64]
    items: NDArray[np.int32]
    weights: NDArray[np.float32]


@njit(
    "Tuple((int64[::1], int32[::1], float32[::1]))(int64[::1], int32[::1], int64[::1], int64[::1],"
    " int32[::1], float64[::1], float64[::1], int64)",
    cache=True, nogil=True,
)  # type: ignore[untyped-decorator]  # fmt: skip
def _count(
    starts: NDArray[np.int64],
    codes: NDArray[np.int32],
    item_starts: NDArray[np.int64],
    places: NDArray[np.int64],
    owner: NDArray[np.int32],
    behind: NDArray[np.float64],
    ahead: NDArray[np.float64],
    kept: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Neighbours of every item, the ``kept`` heaviest. ``behind[k]`` is the weight ``k + 1`` places on."""
    count = len(item_starts) - 1
    scratch = np.zeros(count, np.float64)
    touched = np.empty(count, np.int32)
    out_starts = np.zeros(count + 1, np.int64)
    items, weights = np.empty(1024 + kept, np.int32), np.empty(1024 + kept, np.float32)
    for item in range(count):
        found = 0
        for index in range(item_starts[item], item_starts[item + 1]):
            place = places[index]
            user = owner[place]
            first, last = starts[user], starts[user + 1]
            for other in range(max(first, place - len(ahead)), min(last, place + len(behind) + 1)):
                code = codes[other]
                if code == item:
                    continue
                weight = behind[other - place - 1] if other > place else ahead[place - other - 1]
                if weight == 0.0:
                    continue
                if scratch[code] == 0.0:
                    touched[found] = code
                    found += 1
                scratch[code] += weight
        order = np.argsort(-scratch[touched[:found]], kind="mergesort")
        end = out_starts[item]
        if end + kept > len(items):
            more, heavier = (
                np.empty(2 * len(items) + kept, np.int32),
                np.empty(2 * len(items) + kept, np.float32),
            )
            more[:end], heavier[:end] = items[:end], weights[:end]
            items, weights = more, heavier
        for place in order[:kept]:
            items[end] = touched[place]
            weights[end] = scratch[touched[place]]
            end += 1
        out_starts[item + 1] = end
        scratch[touched[:found]] = 0.0
    return out_starts, items[: out_starts[count]].copy(), weights[: out_starts[count]].copy()


@njit(
    "void(int64[::1], int32[::1], float32[::1], int64[::1], int32[::1], float64, float32[:, ::1])",
    cache=True, nogil=True,
)  # type: ignore[untyped-decorator]  # fmt: skip
def _sum(
    starts: NDArray[np.int64],
    items: NDArray[np.int32],
    weights: NDArray[np.float32],
    history_starts: NDArray[np.int64],
    histories: NDArray[np.int32],
    fading: float,
    out: Scores,
) -> None:
    for row in range(len(history_starts) - 1):
        worth = 1.0
        for index in range(history_starts[row + 1] - 1, history_starts[row] - 1, -1):
            item = histories[index]
            for place in range(starts[item], starts[item + 1]):
                out[row, items[place]] += worth * weights[place]
            worth *= fading


def count_neighbours(sequences: Sequence[Items], items: int, settings: NeighbourSettings) -> Neighbours:
    """Who stands near whom in ``sequences``, as the module's text has it."""
    starts, codes = flat(sequences)
    lengths = np.diff(starts)
    owner = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    places = np.argsort(codes, kind="stable").astype(np.int64)
    totals = known_items(sequences, items)
    item_starts = np.concatenate([[0], np.cumsum(totals)]).astype(np.int64)
    reach = int(min(settings.window, max(1, lengths.max(initial=1) - 1)))
    fall = settings.distance ** np.arange(reach, dtype=np.float64)
    found_starts, found, raw = _count(
        starts,
        codes,
        item_starts,
        places,
        owner,
        settings.after * fall,
        settings.before * fall,
        settings.kept,
    )
    sources = np.repeat(np.arange(items), np.diff(found_starts))
    weights = raw / (totals[sources] + settings.shrink) ** settings.by_source
    weights = weights / np.maximum(1, totals[found]) ** settings.by_item
    return Neighbours(found_starts, found, weights.astype(np.float32))


def flat(sequences: Sequence[Items]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """All sequences behind one another, and where each starts."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return starts, np.concatenate([*sequences, np.zeros(0, np.int32)]).astype(np.int32)


class NeighbourModel:
    """Neighbours as a model; an item that is nobody's neighbour has score 0."""

    def __init__(self, settings: NeighbourSettings = KNN, *, name: str = "item-knn") -> None:
        self.name = name
        self.settings = settings
        self.items = 0
        self.neighbours: Neighbours | None = None

    def choose(self, held: Held, items: int, features: Features | None) -> None:
        """Count ``held.train``."""
        self.fit(held.train, items, features)

    def complete(self, sequences: Sequence[Items], items: int, features: Features | None) -> None:
        """Count everything."""
        self.fit(sequences, items, features)

    def fit(self, sequences: Sequence[Items], items: int, features: Features | None = None) -> None:
        """See :class:`mmpipe.evaluate.recommend.run.Model`."""
        del features
        self.items = items
        self.neighbours = count_neighbours(sequences, items, self.settings)

    def scores(self, histories: Sequence[Items]) -> Scores:
        """Sums of neighbours' weights over the latest events; see the module's text."""
        if self.neighbours is None:
            raise RuntimeError("fit comes first")
        out = np.zeros((len(histories), self.items), dtype=np.float32)
        starts, codes = flat([history[-_MAX_HISTORY:] for history in histories])
        found = self.neighbours
        _sum(found.starts, found.items, found.weights, starts, codes, self.settings.fading, out)
        return out
