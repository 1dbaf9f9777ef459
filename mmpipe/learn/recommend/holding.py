"""What models are chosen by: the last item of what they are given to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.interactions import Items

# More users tell the same.
MAX_USERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Held:
    """``train`` without each user's last item; ``targets[q]`` is what came after ``histories[q]``."""

    train: list[Items]
    histories: list[Items]
    targets: NDArray[np.int64]


def hold_out(sequences: Sequence[Items], seed: int, users: int = MAX_USERS) -> Held:
    """The last item of ``users`` sequences of two or more, drawn by ``seed``; the others are kept whole. A
    target that its user was seen with before is none, as it would be in the measure."""
    able = [
        index
        for index, sequence in enumerate(sequences)
        if len(sequence) > 1 and not np.any(sequence[:-1] == sequence[-1])
    ]
    if len(able) > users:
        able = sorted(np.random.default_rng(seed).choice(able, users, replace=False).tolist())
    chosen = set(able)
    train = [s[:-1] if index in chosen else s for index, s in enumerate(sequences)]
    histories = [train[index] for index in able]
    targets = np.array([sequences[index][-1] for index in able], dtype=np.int64)
    return Held(train, histories, targets)


def known_items(sequences: Sequence[Items], items: int) -> NDArray[np.int64]:
    """How many events each item has."""
    return np.bincount(np.concatenate([*sequences, np.zeros(0, np.int32)]).astype(np.int64), minlength=items)


def gain(ranks: NDArray[np.int64], top: int = 10) -> float:
    """NDCG at ``top`` of single targets, from their ranks, which start at 1."""
    return float(np.where(ranks <= top, 1.0 / np.log2(ranks + 1.0), 0.0).mean()) if len(ranks) else 0.0
