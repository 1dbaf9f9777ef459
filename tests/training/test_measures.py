"""Measures over hand-made vectors whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mmpipe.learn.measures import Embedders
from training import measures
from training.measures import matching, naming

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


def embedders(texts: dict[str, list[float]]) -> Embedders:
    def embed(batch: object) -> np.ndarray:
        return np.asarray([texts[text] for text in batch], dtype=np.float32)  # type: ignore[union-attr]

    return Embedders(embed, lambda pixels: pixels.astype(np.float32))


def test_text_to_image_on_a_worked_example() -> None:
    documents = np.asarray([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    embed = embedders({"first": [1.0, 0.0], "second": [0.6, 0.8]})
    figures = measures.text_to_image(
        [("first", ["a"]), ("second", ["c", "gone"])], ["a", "b", "c"], documents, embed
    )
    assert figures == pytest.approx({"recall@1": 0.5, "recall@10": 1.0, "mrr": 0.75})


def test_categories_and_look_alikes_on_a_worked_example() -> None:
    documents = np.asarray([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 11, dtype=np.float32)
    labels = ["x"] * 5 + ["y"] * 5 + ["y"] * 11
    figures = measures.categories(labels, documents, embedders({"x": [1.0, 0.0], "y": [0.0, 1.0]}))
    assert figures["p@10"] == pytest.approx((0.5 + 1.0) / 2)
    assert measures.look_alikes(labels, documents, np.array([10])) == 1.0
