"""Neighbours, popularity and content, against worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

pytest.importorskip("torch")

from mmpipe.errors import InvalidRequest
from mmpipe.learn.recommend import names
from mmpipe.learn.recommend.content import ContentModel
from mmpipe.learn.recommend.neighbours import (
    NEXT,
    NeighbourModel,
    NeighbourSettings,
    count_neighbours,
)
from mmpipe.learn.recommend.popular import PopularModel
from mmpipe.learn.recommend.train import TrainSettings

ITEMS = 9


def of(*sequences: list[int]) -> list[NDArray[np.int32]]:
    return [np.array(each, np.int32) for each in sequences]


@settings(max_examples=40, deadline=None)
@given(
    sequences=st.lists(st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=8), min_size=1, max_size=6),
    window=st.integers(1, 9),
)
def test_neighbours_are_counted_as_their_definition_says(sequences: list[list[int]], window: int) -> None:
    given_ = NeighbourSettings(
        after=1.0, before=0.5, distance=0.8, window=window, by_source=0.7, by_item=0.3, shrink=2.0
    )
    found = count_neighbours(of(*sequences), ITEMS, given_)
    totals = np.bincount(np.concatenate(of(*sequences)), minlength=ITEMS)
    expected = np.zeros((ITEMS, ITEMS))
    for sequence in sequences:
        for p, j in enumerate(sequence):
            for q, i in enumerate(sequence):
                if i != j and abs(p - q) <= window:
                    expected[j, i] += (1.0 if q > p else 0.5) * 0.8 ** (abs(p - q) - 1)
    expected /= (totals[:, None] + 2.0) ** 0.7 * np.maximum(1, totals[None, :]) ** 0.3
    dense = np.zeros((ITEMS, ITEMS))
    for j in range(ITEMS):
        row = slice(found.starts[j], found.starts[j + 1])
        dense[j, found.items[row]] = found.weights[row]
    np.testing.assert_allclose(dense, expected, rtol=1e-5, atol=1e-7)


def test_the_heaviest_neighbours_are_kept() -> None:
    sequences = of([0, 1], [0, 1], [0, 2], [0, 3], [0, 3], [0, 3])
    found = count_neighbours(sequences, ITEMS, NeighbourSettings(kept=2, by_item=0.0))
    assert found.items[found.starts[0] : found.starts[1]].tolist() == [3, 1]


def test_a_history_is_the_sum_of_its_events_neighbours_and_later_ones_are_worth_more() -> None:
    model = NeighbourModel(NeighbourSettings(by_source=0.0, by_item=0.0, fading=0.5))
    model.fit(of([0, 5], [1, 6]), ITEMS)
    found = model.scores(of([0, 1], [7]))
    assert found[0].tolist() == [0, 0, 0, 0, 0, 0.5, 1.0, 0, 0]
    assert not found[1].any()


def test_a_long_history_is_cut() -> None:
    model = NeighbourModel(NEXT)
    model.fit(of([0, 5], [1, 6]), ITEMS)
    many = np.concatenate([np.zeros(10_000, np.int32), np.ones(300, np.int32)])
    assert model.scores([many])[0, 5] == 0


def test_what_has_most_events_is_popular() -> None:
    model = PopularModel()
    model.fit(of([1, 2], [2, 3]), 4)
    assert model.scores(of([0], [1])).tolist() == [[0, 1, 2, 1]] * 2


def test_content_finds_what_is_alike_and_needs_texts() -> None:
    model = ContentModel()
    features = np.array([[1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0, 0]], np.float32)
    model.fit([], 5, features)
    found = model.scores(of([0]))[0]
    assert found[1] > max(found[2], found[3])
    assert found[2] < 0
    assert found[4] == -np.inf
    assert model.scores(of([4]))[0, :4].tolist() == [0, 0, 0, 0]
    with pytest.raises(InvalidRequest, match="--items FILE"):
        model.fit([], 5, None)


def test_names_say_which_models() -> None:
    assert names.chosen(None, described=False) == ["blend"]
    assert names.chosen(None, described=True) == ["sequence+content"]
    assert "content" not in names.chosen("all", described=False)
    assert set(names.chosen("all", described=True)) == set(names.MODELS)
    assert names.chosen("item-knn", described=False) == ["item-knn"]
    with pytest.raises(InvalidRequest, match="none of popular"):
        names.chosen("bert", described=False)
    with pytest.raises(InvalidRequest, match="--items FILE"):
        names.chosen("content", described=False)


def test_all_models_learn_a_log_and_score_all_items() -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.permutation(12)[:5].astype(np.int32) for _ in range(40)]
    settings_ = TrainSettings(dim=8, epochs=2)
    features = rng.normal(size=(12, 4)).astype(np.float32)
    for name in names.MODELS:
        if name == "als":
            pytest.importorskip("implicit")
        model = names.make(name, settings_)
        model.fit(sequences, 12, features if name in names.WITH_ITEMS else None)
        found = model.scores([np.array([0, 1], np.int32), np.array([3], np.int32)])
        assert found.shape == (2, 12)
        assert found.dtype == np.float32
        assert not np.isnan(found).any()
