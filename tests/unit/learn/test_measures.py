"""Measures over hand-made vectors whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mmpipe.learn.measures import Embedders, matching, naming, top

AXES = np.eye(3, dtype=np.float32)
NAMES = ["shirt", "shoe", "bag"]


def _texts(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.stack([AXES[NAMES.index(text.split()[0])] for text in texts])


EMBED = Embedders(_texts, lambda pixels: pixels.astype(np.float32))


def test_naming_by_the_nearest_name() -> None:
    documents = AXES[[0, 1, 1, 2]]
    figures = naming(["shirt", "shoe", "bag", "bag"], documents, NAMES, EMBED)
    assert figures["accuracy"] == 0.75
    # F1: shirt 1, shoe 2/3, bag 2/3
    assert figures["macro_f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_matching_tells_own_titles_from_foreign_ones() -> None:
    titles = ["shirt a", "shoe a", "bag a", "shirt b", "shoe b", "bag b"]
    right = _texts(titles)
    assert matching(titles, right, EMBED) == 0.5  # the partner half a list away looks the same: all ties
    assert matching(titles[:3], right[:3], EMBED) == 1.0
    assert matching(titles[:3], np.roll(right[:3], 1, axis=0), EMBED) < 0.5


def test_top_leaves_out_what_it_is_told_to() -> None:
    assert top(AXES, AXES, 1, skip=np.arange(3))[:, 0].tolist() != [0, 1, 2]
