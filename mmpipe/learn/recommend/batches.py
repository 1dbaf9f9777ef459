"""Sequences made into batches of about the same number of events, with little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mmpipe.evaluate.recommend.interactions import Items

# Sequences are sorted by length within so many batches, which keeps batches random and padding small.
_POOL: Final = 16


def windows(sequences: Sequence[Items], length: int, rng: np.random.Generator) -> list[Items]:
    """Pieces of ``length + 1`` events at most, which overlap by one: each event but a sequence's first is
    foretold once. Where a long sequence is cut is drawn, so that cuts fall elsewhere each time."""
    found: list[Items] = []
    for sequence in sequences:
        end = len(sequence)
        step = length if end <= length + 1 else int(rng.integers(1, length + 1))
        while end > 1:
            found.append(sequence[max(0, end - 1 - step) : end])
            end, step = end - step, length
    return found


def batches(pieces: Sequence[Items], events: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Shuffled batches ``(b, longest)`` of codes, -1 behind the end of a piece, of about ``events``
    events; none of no pieces."""
    if not pieces:
        return
    order = rng.permutation(len(pieces))
    lengths = np.array([len(piece) for piece in pieces])
    mean = max(1.0, float(lengths.mean()))
    pool = max(1, round(_POOL * events / mean))
    groups: list[NDArray[np.int64]] = []
    for begin in range(0, len(order), pool):
        part = order[begin : begin + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        cuts = np.flatnonzero(np.diff(np.cumsum(lengths[part]) // events)) + 1
        groups.extend(np.split(part, cuts))
    for index in rng.permutation(len(groups)):
        yield padded([pieces[i] for i in groups[index].tolist()])


def padded(pieces: Sequence[Items]) -> NDArray[np.int64]:
    """One array ``(len(pieces), longest)``, -1 where a piece has ended."""
    longest = max(len(piece) for piece in pieces)
    made = np.full((len(pieces), longest), -1, dtype=np.int64)
    for row, piece in zip(made, pieces, strict=True):
        row[: len(piece)] = piece
    return made
