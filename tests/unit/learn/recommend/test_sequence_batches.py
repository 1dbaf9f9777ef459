"""Pieces and batches hold every event once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.learn.recommend.batches import batches, padded, windows


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    longest=st.integers(2, 20),
    seed=st.integers(0, 9),
)
def test_each_event_but_the_first_is_foretold_once(lengths: list[int], longest: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sequences = [np.arange(100 * i, 100 * i + n, dtype=np.int32) for i, n in enumerate(lengths)]
    pieces = windows(sequences, longest, rng)
    assert all(2 <= len(piece) <= longest + 1 for piece in pieces)
    foretold = sorted(code for piece in pieces for code in piece[1:].tolist())
    assert foretold == sorted(code for sequence in sequences for code in sequence[1:].tolist())
    if not pieces:
        return
    rows = [row[row >= 0].tolist() for batch in batches(pieces, 50, rng) for row in batch]
    assert sorted(rows) == sorted(piece.tolist() for piece in pieces)


def test_batches_have_about_as_many_events_and_little_padding() -> None:
    rng = np.random.default_rng(0)
    pieces = [np.zeros(int(n), np.int32) for n in rng.integers(2, 50, 2_000)]
    made = list(batches(pieces, 512, rng))
    events = [int((batch >= 0).sum()) for batch in made]
    assert np.mean(events) > 400
    assert max(events) < 640
    assert sum(batch.size for batch in made) < 1.1 * sum(events)


def test_padding_is_behind() -> None:
    made = padded([np.array([1, 2], np.int32), np.array([3], np.int32)])
    assert made.tolist() == [[1, 2], [3, -1]]
