"""Exact search over hand-made vectors."""

from __future__ import annotations

import numpy as np

from mmpipe.learn.measures import top

AXES = np.eye(3, dtype=np.float32)


def test_the_nearest_come_first() -> None:
    documents = np.asarray([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)
    assert top(AXES[:1], documents, 2).tolist() == [[1, 0]]
    assert top(AXES[:1], documents, 9).shape == (1, 3)


def test_top_leaves_out_what_it_is_told_to() -> None:
    assert top(AXES, AXES, 1, skip=np.arange(3))[:, 0].tolist() != [0, 1, 2]
