"""What a model may know, and what it is asked to foretell.

``last``: each user's last item is asked for, everything before it is known (leave-one-out). A model that
needs a validation target takes the last item of what it is given.

``time``: what comes after a moment is asked for, all of it together. Where the file has times the moment is
one for all, the one that :data:`KNOWN_SHARE` of all events are before; events after it are known of nobody.
Without times each user's last fifth is asked for.

``cold-items``: :data:`COLD_SHARE` of all items, drawn by seed, are new: taken out of everybody's history.
Each user's last item is asked for as in ``last``; where it is one of the new ones, nobody's behaviour tells
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.errors import InvalidRequest
from mmpipe.evaluate.recommend.interactions import Interactions, Items

KNOWN_SHARE: Final = 0.9
COLD_SHARE: Final = 0.15
_LAST_PART: Final = 5


@dataclass(frozen=True, slots=True)
class Split:
    """``train`` are the sequences to learn from. User ``q`` of the test has ``histories[q]`` (never empty)
    and ``targets[q]`` (distinct, never empty). ``cold`` marks items that no training sequence holds by
    design, ``None`` if that is not the point of the split."""

    train: list[Items]
    histories: list[Items]
    targets: list[Items]
    cold: NDArray[np.bool_] | None = None


def last(data: Interactions, items: int, seed: int) -> Split:
    """Leave-one-out; a user of one event is trained on and not asked."""
    del items, seed
    asked = [sequence for sequence in data.sequences if len(sequence) > 1]
    alone = [sequence for sequence in data.sequences if len(sequence) == 1]
    histories = [sequence[:-1] for sequence in asked]
    return _checked(Split(histories + alone, histories, [sequence[-1:] for sequence in asked]))


def time(data: Interactions, items: int, seed: int) -> Split:
    """What comes after a moment; see the module's text."""
    del items, seed
    if data.times is None:
        known = [len(sequence) - max(1, len(sequence) // _LAST_PART) for sequence in data.sequences]
    else:
        moment = np.quantile(np.concatenate(data.times), KNOWN_SHARE)
        known = [int(np.searchsorted(when, moment, side="right")) for when in data.times]
    train, histories, targets = [], [], []
    for sequence, count in zip(data.sequences, known, strict=True):
        if count > 0:
            train.append(sequence[:count])
            if count < len(sequence):
                histories.append(sequence[:count])
                targets.append(np.unique(sequence[count:]))
    return _checked(Split(train, histories, targets))


def cold_items(data: Interactions, items: int, seed: int) -> Split:
    """Leave-one-out with items that nobody has been seen with; see the module's text."""
    cold = np.zeros(items, dtype=bool)
    rng = np.random.default_rng(seed)
    cold[rng.choice(items, max(1, round(COLD_SHARE * items)), replace=False)] = True
    train, histories, targets = [], [], []
    for sequence in data.sequences:
        before = sequence[:-1][~cold[sequence[:-1]]]
        if len(before):
            train.append(before)
            histories.append(before)
            targets.append(sequence[-1:])
    return _checked(Split(train, histories, targets, cold))


SPLITS: Final[Mapping[str, Callable[[Interactions, int, int], Split]]] = {
    "last": last,
    "time": time,
    "cold-items": cold_items,
}


def _checked(split: Split) -> Split:
    if not split.histories:
        raise InvalidRequest("interactions", "no user has both a history and something that comes after it")
    return split
