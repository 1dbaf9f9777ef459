"""Which rows make a training step: hard negatives, rare classes, and every source's share.

Everything follows from ``(seed, step)``, so a resumed run draws what the uninterrupted one would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.learn.data import FIELDS, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 32
_GROCERY_PRODUCTS = 40


@dataclass(frozen=True, slots=True)
class Shares:
    """Pictures a step takes from each source."""

    fashion: int = 448
    grocery: int = 64
    sample: int = 40


@dataclass(frozen=True, slots=True)
class Labels:
    """Attribute values as numbers: ``values[row, field]`` (-1 unknown), and the concepts they stand for."""

    values: NDArray[np.int64]
    concepts: dict[str, list[str]]


def label_items(source: Source, concepts: dict[str, list[str]]) -> Labels:
    """Number the attribute values, extending ``concepts`` in place by those not met before."""
    values = np.full((len(source), len(FIELDS)), -1, dtype=np.int64)
    index = {f: {c: i for i, c in enumerate(concepts.setdefault(f, []))} for f in FIELDS}
    for row, item in enumerate(source.items):
        for column, name in enumerate(FIELDS):
            term = item.terms.get(name)
            if term is None:
                continue
            number = index[name].setdefault(term.concept, len(index[name]))
            if number == len(concepts[name]):
                concepts[name].append(term.concept)
            values[row, column] = number
    return Labels(values, concepts)


class Rows:
    """An endless stream of rows of one source, in a fresh order every pass."""

    def __init__(self, types: NDArray[np.int64], seed: int, *, hard: float, rare: float) -> None:
        """``hard`` of the stream comes in blocks of one type (near negatives meet in a batch); ``rare`` of
        every batch is drawn evenly over types."""
        self._types = types
        self._seed = seed
        self._hard = hard
        self._rare = rare
        self._by_type = [np.flatnonzero(types == t) for t in np.unique(types)]

    def batch(self, step: int, size: int) -> NDArray[np.int64]:
        """The rows of step ``step`` (0-based)."""
        if size <= 0 or len(self._types) == 0:
            return np.zeros(0, dtype=np.int64)
        rng = np.random.default_rng([self._seed, 1, step])
        rare = round(size * self._rare)
        steady = size - rare
        first, last = step * steady, (step + 1) * steady
        count = len(self._types)
        rows = [self._order(p)[max(first - p * count, 0) : last - p * count]
                for p in range(first // count, (last - 1) // count + 1)]  # fmt: skip
        picked = [int(rng.choice(self._by_type[rng.integers(len(self._by_type))])) for _ in range(rare)]
        return np.concatenate([*rows, np.asarray(picked, dtype=np.int64)])

    def _order(self, turn: int) -> NDArray[np.int64]:
        rng = np.random.default_rng([self._seed, 2, turn])
        order = rng.permutation(len(self._types))
        cut = round(len(order) * self._hard)
        hard, loose = order[:cut], order[cut:]
        hard = hard[np.argsort(self._types[hard], kind="stable")]
        blocks = [hard[i : i + _BLOCK] for i in range(0, len(hard), _BLOCK)]
        singles = [loose[i : i + _BLOCK] for i in range(0, len(loose), _BLOCK)]
        blocks = [*blocks, *singles]
        return np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])


def grocery_rows(source: Source, seed: int, step: int, size: int) -> NDArray[np.int64]:
    """Studio pictures of some products, then shop photos of the same ones: photo → product in a batch."""
    if size <= 0 or len(source) == 0:
        return np.zeros(0, dtype=np.int64)
    rng = np.random.default_rng([seed, 3, step])
    icons = np.flatnonzero(~source.photo)
    chosen = rng.permutation(icons)[: min(_GROCERY_PRODUCTS, size // 2)]
    groups = {source.items[i].group for i in chosen}
    photos = [i for i in np.flatnonzero(source.photo) if source.items[i].group in groups]
    count = size - len(chosen)
    drawn = rng.choice(np.asarray(photos), size=count, replace=count > len(photos))
    return np.concatenate([chosen, drawn]).astype(np.int64)


def same_group(groups: Sequence[str]) -> NDArray[np.bool_]:
    """``[i, j]``: rows with the same title or product, which are no negatives for each other."""
    numbers = {g: i for i, g in enumerate(dict.fromkeys(groups))}
    ids = np.asarray([numbers[g] for g in groups])
    return np.asarray(ids[:, None] == ids[None, :])
