"""Which products make a training step: hard negatives and class balance.

Everything follows from ``(seed, step)`` and the neighbours found at the epoch's start, so a resumed run draws
what the uninterrupted one would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmpipe.learn.measures import top

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmpipe.learn.adapt.settings import Balance, HardNegatives

    Rows = NDArray[np.int64]

BLOCK = 8
"""Products that are hard to tell from each other come in blocks of so many."""
_HARD = 0.5
_MINED = 20_000


def category_numbers(categories: Sequence[str]) -> Rows:
    """Categories as numbers, in the order of their names; products without one share one."""
    numbers = {name: i for i, name in enumerate(sorted(set(categories)))}
    return np.asarray([numbers[name] for name in categories], dtype=np.int64)


def class_weights(categories: Rows) -> NDArray[np.float32]:
    """A weight for each product so that every category has the same weight in all; their mean is 1."""
    _, inverse, counts = np.unique(categories, return_inverse=True, return_counts=True)
    weights = len(categories) / (len(counts) * counts[inverse])
    return np.asarray(weights, dtype=np.float32)


class Sampler:
    """Batches of positions ``0 … n-1``, an epoch being about one pass over them."""

    def __init__(
        self, categories: Rows, batch: int, seed: int, *, balance: Balance, hard: HardNegatives
    ) -> None:
        """``balance`` sampling draws every category equally often; ``hard`` names what comes in blocks."""
        self._categories, self._seed = categories, seed
        self._balance, self._hard = balance, hard
        self._by_category = [np.flatnonzero(categories == c) for c in np.unique(categories)]
        self.batch = batch
        self.steps_per_epoch = max(1, round(len(categories) / batch))
        self._cached: tuple[int, Rows] = (-1, np.zeros(0, np.int64))
        self._neighbours: Rows | None = None

    @property
    def mines(self) -> bool:
        """Whether :meth:`use` must be called at every epoch's start."""
        return self._hard == "nearest"

    @property
    def neighbours(self) -> Rows | None:
        """What :meth:`use` was given last."""
        return self._neighbours

    def use(self, neighbours: Rows) -> None:
        """Take ``(n, BLOCK - 1)`` nearest neighbours for the epoch that starts; -1 where there is none."""
        self._neighbours = neighbours
        self._cached = (-1, np.zeros(0, np.int64))

    def rows(self, step: int) -> Rows:
        """The positions of step ``step`` (0-based)."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._cached[0] != epoch:
            order = self._order(epoch)
            self._cached = (epoch, np.resize(order, self.steps_per_epoch * self.batch))
        return self._cached[1][place * self.batch : (place + 1) * self.batch]

    def _order(self, epoch: int) -> Rows:
        rng = np.random.default_rng([self._seed, 11, epoch])
        drawn = self._balanced(rng) if self._balance == "sampling" else rng.permutation(len(self._categories))
        cut = round(len(drawn) * _HARD)
        if self._hard == "none":
            return drawn
        if self._hard == "same-type":
            near = drawn[:cut][np.argsort(self._categories[drawn[:cut]], kind="stable")]
        else:
            near = self._near(drawn[: max(1, cut // BLOCK)])
        blocks = [part[i : i + BLOCK] for part in (near, drawn[cut:]) for i in range(0, len(part), BLOCK)]
        return np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])

    def _near(self, seeds: Rows) -> Rows:
        if self._neighbours is None:
            raise ValueError("nearest neighbours must be given before the epoch's first batch")
        rows = np.concatenate([seeds[:, None], self._neighbours[seeds]], axis=1).reshape(-1)
        return rows[rows >= 0]

    def _balanced(self, rng: np.random.Generator) -> Rows:
        total, classes = len(self._categories), len(self._by_category)
        shares = np.full(classes, total // classes)
        shares[rng.permutation(classes)[: total % classes]] += 1
        parts = []
        for rows, share in zip(self._by_category, shares.tolist(), strict=True):
            # Whole passes before any repeat, so that a small category is seen evenly.
            passes = [rng.permutation(rows) for _ in range(-(-share // len(rows)))]
            parts.append(np.concatenate([*passes, rows[:0]])[:share])
        return rng.permutation(np.concatenate(parts))


def mine(
    queries: NDArray[np.float32], pictures: NDArray[np.float32], twins: Rows, seed: int, epoch: int
) -> Rows:
    """For each product the ``BLOCK - 1`` products whose pictures its title is most taken for.

    ``queries`` and ``pictures`` are unit vectors ``(n, dim)``; products with the same number in ``twins`` are
    no negatives of each other and left out. Of more than 20,000 products a part, another one each epoch, is
    looked at; the others have -1.
    """
    rows = np.arange(len(queries))
    if len(rows) > _MINED:
        rows = np.sort(np.random.default_rng([seed, 13, epoch]).permutation(rows)[:_MINED])
    wanted = BLOCK - 1
    found = rows[top(queries[rows], pictures[rows], 3 * BLOCK)]
    out = np.full((len(queries), wanted), -1, dtype=np.int64)
    for row, near in zip(rows.tolist(), found, strict=True):
        others = near[twins[near] != twins[row]][:wanted]
        out[row, : len(others)] = others
    return out
