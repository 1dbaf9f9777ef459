"""The mixture: which weights it takes, of items that are known and of new ones."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from mmpipe.evaluate.recommend.interactions import Interactions
from mmpipe.evaluate.recommend.run import measure
from mmpipe.evaluate.recommend.splits import last
from mmpipe.learn.recommend import names
from mmpipe.learn.recommend.blend import Blend, Portion
from mmpipe.learn.recommend.popular import PopularModel
from mmpipe.learn.recommend.train import TrainSettings
from mmpipe.learn.recommend.weights import best_of, grid, new_grid


def of(*sequences: list[int]) -> list[NDArray[np.int32]]:
    return [np.array(each, np.int32) for each in sequences]


class Fixed:
    """Scores that are given, whatever the history."""

    def __init__(self, name: str, row: list[float]) -> None:
        self.name, self.row, self.completed = name, np.array(row, np.float32), False

    def choose(self, held: object, items: int, features: object) -> None:
        del held, items, features

    def complete(self, sequences: object, items: int, features: object) -> None:
        del sequences, items, features
        self.completed = True

    def scores(self, histories: list[NDArray[np.int32]]) -> NDArray[np.float32]:
        return np.tile(self.row, (len(histories), 1))


def test_the_mixture_trusts_who_foretells_and_leaves_out_who_does_not() -> None:
    # Any weight of the second puts item 2 before the target.
    right, wrong = Fixed("right", [0, 0, 39, 40, 1, 1]), Fixed("wrong", [0, 0, 9, 0, 0, 0])
    blend = Blend([Portion(right, None), Portion(wrong, None)])
    blend.fit(of(*([0, 1, 3] for _ in range(20))), 6)
    assert blend.weights.tolist() == [1.0, 0.0]
    assert right.completed
    assert not wrong.completed
    found = blend.scores(of([0, 1]))[0]
    assert found[3] == pytest.approx(40 / 81)
    assert np.all(found[[0, 1]] == -np.inf)


def test_two_that_know_a_half_each_are_mixed() -> None:
    first, second = Fixed("first", [0, 0, 5, 4, 0, 0]), Fixed("second", [0, 0, 0, 4, 5, 0])
    blend = Blend([Portion(first, None), Portion(second, None)])
    blend.fit(of(*([0, 1, 3] for _ in range(20))), 6)
    assert 0.25 < blend.weights[0] < 0.75
    assert int(blend.scores(of([0, 1]))[0].argmax()) == 3


def test_scores_of_the_mixture_are_probabilities_of_what_was_not_seen() -> None:
    parts = [
        Portion(Fixed("logits", [1, 2, 3, -np.inf, 0]), 1.0),
        Portion(Fixed("weights", [0, 1, 0, 0, 3]), None),
    ]
    blend = Blend(parts)
    found = blend.scores(of([0], [2, 4]))
    for row in found:
        assert row[np.isfinite(row)].sum() == pytest.approx(1.0)
    soft = np.exp([2, 3, 0]) / np.exp([2, 3, 0]).sum()
    assert found[0, [1, 2, 4]] == pytest.approx(0.5 * soft + 0.5 * np.array([0.25, 0, 0.75]))


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5])
def test_the_grid_has_every_part_alone_and_sums_to_one(parts: int) -> None:
    options = grid(parts)
    assert options.sum(axis=1) == pytest.approx(np.ones(len(options)))
    assert {tuple(row) for row in np.eye(parts)} <= {tuple(row) for row in options}
    assert len(np.unique(options, axis=0)) == len(options) <= 90


def test_weights_of_new_items_are_those_of_parts_that_know_them() -> None:
    options = new_grid(4, [0, 2])
    assert (options[:, [1, 3]] == 0).all()
    assert (options >= 0).all()
    assert (options.sum(axis=1) > 0).all()
    totals = options.sum(axis=1)
    assert totals.min() < 1 < totals.max()
    assert any((row[0] == 0 < row[2]) for row in options)


def test_of_what_serves_new_items_well_the_best_for_all_is_taken() -> None:
    options = np.eye(3)
    gains, new = [0.9, 0.5, 0.7], [0.0, 0.4, 0.3]
    assert best_of(options, gains).tolist() == [1, 0, 0]
    assert best_of(options, gains, new=new, least=0.2).tolist() == [0, 0, 1]
    # Where none is clearly better than what was there, the one that does most for them.
    assert best_of(options, gains, new=new, least=0.5).tolist() == [0, 1, 0]
    assert best_of(options, [0.0, 0.0, 0.0]).sum() == 1
    # The best of all alone, however few are near it; those near it with it.
    assert best_of(options, [1.0, 0.995, 0.1]).tolist() == [0.5, 0.5, 0]


POPULAR, PAIRS = 12, 100


class Likeness:
    """Likest to an item are five that nobody wants, then its partner."""

    name = "likeness"

    def choose(self, held: object, items: int, features: object) -> None:
        self.items = items

    def complete(self, sequences: object, items: int, features: object) -> None:
        self.items = items

    def scores(self, histories: list[NDArray[np.int32]]) -> NDArray[np.float32]:
        found = np.zeros((len(histories), self.items), np.float32)
        for row, history in zip(found, histories, strict=True):
            pair = (int(history[-1]) - POPULAR) // 2
            row[POPULAR + 2 * ((pair + np.arange(1, 6)) % PAIRS)] = 4.5
            row[POPULAR + 2 * pair + 1] = 4.0
        return found


def test_new_items_are_not_held_back_by_what_counts_say_of_others() -> None:
    rng = np.random.default_rng(3)
    items = POPULAR + 2 * PAIRS
    # Partners are described. Of the first half of the pairs the partner is bought now and then, less often
    # than each popular item; the partners of the second half are new.
    features = np.zeros((items, 1), np.float32)
    features[POPULAR + 1 :: 2] = 1
    sequences = []
    for user in range(4_500):
        pair = int(rng.integers(PAIRS // 2))
        first, second = rng.choice(POPULAR, 2, replace=False).tolist()
        target = POPULAR + 2 * pair + 1 if user % 15 == 0 else second
        sequences.append([first, POPULAR + 2 * pair, target])
    sequences += [[POPULAR + 2 * pair] for pair in range(PAIRS // 2, PAIRS)]
    blend = Blend([Portion(Likeness(), 1.0), Portion(PopularModel(), None)])
    blend.fit(of(*sequences), items, features)
    assert blend.new_weights is not None
    assert blend.new_weights[1] == 0
    pair = PAIRS // 2 + 7
    history, partner = of([POPULAR + 2 * pair]), POPULAR + 2 * pair + 1
    found = blend.scores(history)[0]
    assert found[np.isfinite(found)].sum() == pytest.approx(1.0, abs=1e-5)
    assert (found >= found[partner]).sum() <= 10
    blend.new_weights = None  # with the weights of all others
    found = blend.scores(history)[0]
    assert (found >= found[partner]).sum() > 10


@pytest.mark.parametrize(
    "sequences",
    [
        [[0, 1]] * 30,
        [[0, 1, 2, 3, 4]],
        [[5 * user + place for place in range(5)] for user in range(20)],
        [[0, 0, 0]] * 30,
        [[user % 9, (user + 1) % 9, user % 9] for user in range(40)],
        [[0, 1], *([each] for each in range(12))],
    ],
    ids=["two items", "one user", "each item once", "one item", "always what was seen", "mostly one event"],
)
@pytest.mark.parametrize("name", ["sasrec", "blend", "sequence+content"])
def test_odd_files_give_figures_and_no_warning(name: str, sequences: list[list[int]]) -> None:
    items = max(map(max, sequences)) + 1
    data = Interactions(of(*sequences), [str(item) for item in range(items)], None)
    features = np.random.default_rng(1).normal(size=(items, 3)).astype(np.float32)
    model = names.make(name, TrainSettings(dim=8, epochs=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(model, last(data, items, 0), items, features if name in names.WITH_ITEMS else None)
    assert all(0 <= value <= 1 for value in found.figures.values())
