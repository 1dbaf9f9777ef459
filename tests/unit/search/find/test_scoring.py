"""The scales of both measures, and the score that they make."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.search.find.scoring import LEAST, Scoring, Statistics, TextScale, VectorScale

STATISTICS = Statistics(4, 20, (1, 4))


def floats(*values: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values, np.float32)


def test_words_weigh_their_idf_as_often_as_they_are_said() -> None:
    rare, common = math.log(1 + 3.5 / 1.5), math.log(1 + 0.5 / 4.5)
    assert STATISTICS.weights([1, 1]).tolist() == pytest.approx([rare, common])
    assert STATISTICS.weights([2, 1]).tolist() == pytest.approx([2 * rare, common])
    assert STATISTICS.average == 5
    assert Statistics(0, 0, ()).average == 1


def test_statistics_of_shards_add_up() -> None:
    parts = [Statistics(3, 12, (1, 3)), Statistics(1, 8, (0, 1))]
    assert Statistics.total(parts) == STATISTICS


@pytest.mark.parametrize(
    ("cosines", "relevance", "floor"),
    [
        ((0.9, 0.5, 0.1), 0.0, 0.1),
        ((0.9, 0.5, 0.1), 0.5, 0.1),
        ((*(0.9,) * LEAST, 0.5, 0.1), 0.5, 0.45),
        # As many as fill a page count in any case.
        ((0.9, *(0.3,) * (LEAST - 1), 0.2, 0.1), 0.5, 0.3),
        ((0.9, 0.8, 0.7), 0.5, 0.7),
        # Of a best one that is unlike the query no share is taken.
        ((-0.1, -0.5), 0.5, -0.5),
        ((0.9,), 0.0, 0.9),
    ],
)
def test_the_floor_is_the_last_of_the_nearest_or_a_share_of_the_best(
    cosines: tuple[float, ...], relevance: float, floor: float
) -> None:
    scale = VectorScale.of(floats(*cosines), relevance)
    assert scale is not None
    assert scale.floor == pytest.approx(floor, abs=1e-6)
    assert scale.best == pytest.approx(cosines[0], abs=1e-6)
    assert VectorScale.of(floats(), relevance) is None


def test_noise_is_not_scaled_to_its_own_best() -> None:
    cosines = floats(0.5, 0.45, 0.3)
    assert VectorScale.of(cosines, 0.0, 0.6, 0.9) is None
    scale = VectorScale.of(cosines, 0.0, 0.4, 0.9)
    assert scale is not None
    assert scale.scaled(cosines).tolist() == pytest.approx([0.2, 0.1, 0.0], abs=1e-6)
    # What is nearer than near counts as ever.
    assert VectorScale.of(cosines, 0.0, 0.1, 0.4) == VectorScale.of(cosines, 0.0)


def test_both_measures_by_a_worked_example() -> None:
    scoring = Scoring.of(TextScale(STATISTICS, 1, 4.0), VectorScale(0.5, 0.9), 0.75, 0.25)
    assert scoring.text_share(floats(0, 1, 4, 8)).tolist() == pytest.approx([0, 0.1875, 0.75, 0.75])
    assert scoring.vector_share(floats(0.1, 0.5, 0.7, 0.9)).tolist() == pytest.approx([0, 0, 0.125, 0.25])


def test_weights_of_both_sum_to_one_and_one_alone_keeps_its_own_scores() -> None:
    text, vector = TextScale(STATISTICS, 1, 4.0), VectorScale(0.5, 0.9)
    both = Scoring.of(text, vector, 0.6, 0.2)
    assert (both.text_weight, both.vector_weight) == pytest.approx((0.75, 0.25))
    assert Scoring.of(text, None, 0.6, 0.2).text_share(floats(3)).tolist() == [3]
    assert Scoring.of(None, vector, 0.6, 0.2).vector_share(floats(0.7)).tolist() == pytest.approx([0.7])


def test_equal_cosines_are_not_told_apart_by_rounding() -> None:
    scale = VectorScale.of(floats(0.5000001, 0.5, 0.4999999), 0.0)
    assert scale is not None
    assert scale.scaled(floats(0.5000001, 0.5, 0.4999999, 0.4)).tolist() == [1, 1, 1, 0]


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20),
    st.floats(0, 1),
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20),
)
def test_what_is_nearer_never_earns_less(nearest: list[float], relevance: float, others: list[float]) -> None:
    scale = VectorScale.of(floats(*sorted(nearest, reverse=True)), relevance)
    assert scale is not None
    scaled = scale.scaled(floats(*sorted(others)))
    assert (np.diff(scaled) >= 0).all()
    assert ((scaled >= 0) & (scaled <= 1)).all()
    assert scale.scaled(floats(scale.best)).tolist() == [1]
