"""Sequences as models are fitted on them: item codes, and what is known of the items."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mmpipe.evaluate.recommend.interactions import Items
    from mmpipe.evaluate.recommend.run import Features
    from mmpipe.learn.recommender.events import Sequences
    from mmpipe.recommend.model import TableShelf

# Products without behaviour that a training is told of, for each that has some: enough to learn how much
# their vectors may say, while each step costs time by the number of all.
_NEW_PER_ITEM: Final = 3


@dataclass(frozen=True, slots=True)
class Corpus:
    """``names`` are the items that behaviour is known of, the first codes, in the order of their ids' UTF-8
    bytes, ``counts`` their events; ``items`` counts also new products behind them. ``features`` float32
    ``(items, f)`` are fused vectors, a row of zeros where there is none, None where nothing has one."""

    sequences: list[Items]
    names: list[str]
    counts: NDArray[np.float32]
    items: int
    features: Features | None

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the sequences and the items."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        for sequence in self.sequences:
            digest.update(len(sequence).to_bytes(4, "little"))
            digest.update(sequence.tobytes())
        return digest.hexdigest()[:16]


def corpus_of(sequences: Sequences, names: list[str], shelf: TableShelf, *, seed: int) -> Corpus:
    """What a model may know: ``sequences``, whose items are ``names``, and the products of the shelf."""
    used = np.unique(sequences.items)
    known = [names[item] for item in used.tolist()]
    codes = np.searchsorted(used, sequences.items).astype(np.int32)
    lists = [codes[a:b] for a, b in zip(sequences.starts[:-1], sequences.starts[1:], strict=True)]
    counts = np.bincount(codes, minlength=len(known)).astype(np.float32)
    rows = shelf.find(known)
    described = shelf.described()
    if not len(described) or not len(known):
        return Corpus(lists, known, counts, len(known), None)
    others = np.setdiff1d(described, rows[rows >= 0])
    most = _NEW_PER_ITEM * len(known)
    if len(others) > most:
        others = np.sort(np.random.default_rng(seed).choice(others, most, replace=False))
    vectors, there = shelf.vectors(np.maximum(rows, 0))
    mine = np.where((there & (rows >= 0))[:, None], vectors, np.float32(0))
    features = np.concatenate([mine, shelf.vectors(others.astype(np.int32))[0]])
    return Corpus(lists, known, counts, len(known) + len(others), np.ascontiguousarray(features, np.float32))
