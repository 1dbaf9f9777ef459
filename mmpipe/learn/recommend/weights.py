"""Which weights a mixture's parts may have, and which of them are taken."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Options = NDArray[np.float64]

# Steps from nothing to everything in the grid of weights, by the number of parts.
_STEPS: Final = {1: 1, 2: 20, 3: 10, 4: 6}
_MORE_STEPS: Final = 4
# Weights of new items say how parts share, in steps, and what they are worth beside all others.
_NEW_STEPS: Final = 4
_TOTALS: Final = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
_AVERAGED: Final = 5
_NEAR: Final = 0.99
# Clearly better than alone: what was chosen by a sample does worse on the next.
_MARGIN: Final = 1.2


def grid(parts: int) -> Options:
    """All weights of ``parts`` parts that are multiples of a step and sum to 1, first parts first."""
    return _simplex(parts, _STEPS.get(parts, _MORE_STEPS))


def new_grid(parts: int, able: Sequence[int]) -> Options:
    """Weights of new items, of which ``able`` parts say something: they need not sum to 1."""
    shares = _simplex(len(able), _NEW_STEPS)
    found = np.zeros((len(_TOTALS) * len(shares), parts))
    found[:, list(able)] = (np.array(_TOTALS)[:, None, None] * shares).reshape(-1, len(able))
    return found


def best_of(
    options: Options, gains: Sequence[float], *, new: Sequence[float] | None = None, least: float = 0.0
) -> NDArray[np.float64]:
    """The mean of the few options that gain most; of equal ones those that stand first. With ``new``, what
    each gains for new items, only those are taken that gain clearly more than ``least`` there; where none
    does, the one that gains most there."""
    every = np.array(gains)
    if new is not None:
        there = np.array(new)
        kept = there >= _MARGIN * least
        if not kept.any():
            return _mean(options, np.array([np.argmax(there)]))
        every = np.where(kept, every, -np.inf)
    best = np.argsort(-every, kind="stable")[:_AVERAGED]
    best = best[(every[best] > _NEAR * every[best[0]]) | (best == best[0])]
    return _mean(options, best)


def _mean(options: Options, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = options[chosen].mean(axis=0)
    return found


def _simplex(parts: int, steps: int) -> Options:
    counts = [c for c in itertools.product(range(steps, -1, -1), repeat=parts) if sum(c) == steps]
    return np.array(counts, dtype=np.float64) / steps
