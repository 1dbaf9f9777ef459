"""What a picture shows lifts the bound of what is too far, in one process and over shards alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpipe.schemas.search import Filters
from mmpipe.search.find.match import Survey
from mmpipe.search.find.question import Question, looked_at
from mmpipe.search.find.scoring import Statistics
from mmpipe.search.shards.merge import scoring_of

QUESTION = Question(Filters(), asks=True, vector_weight=1.0, far=0.4, near=0.7, seen=0.6)
# Few different ones, so that many are equal.
COSINES = st.lists(st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.35]), min_size=1, max_size=160)


def falling(cosines: list[float]) -> np.ndarray:
    return -np.sort(-np.array(cosines, np.float32))


def test_nothing_is_too_far_where_one_of_the_nearest_is_seen() -> None:
    nearest = falling([0.3, 0.2, 0.1])
    assert QUESTION.reach(nearest, np.array([False, False, False]), 9) == (0.4, 0.7)
    assert QUESTION.reach(nearest, np.array([False, False, True]), 9) == (None, 0.7)


def test_the_more_products_there_are_the_nearer_one_must_come() -> None:
    nearest, unseen = falling([0.3, 0.2, 0.1]), np.zeros(3, dtype=np.bool_)
    crowded = replace(QUESTION, crowd=0.05)
    for products, far in ((1, 0.38), (400, 0.38), (1_000, 0.4), (100_000, 0.5)):
        assert crowded.reach(nearest, unseen, products) == (pytest.approx(far, abs=1e-3), 0.7)
    assert replace(crowded, far=None).reach(nearest, unseen, 100) == (None, 0.7)


def test_shards_count_the_products_of_all() -> None:
    crowded = replace(QUESTION, far=0.2, crowd=0.05)
    surveys = [Survey(Statistics(5_000, 1, ()), 0, falling([0.24]), True, np.zeros(1, np.bool_))] * 2
    assert scoring_of(surveys[:1], crowded).vector is not None
    assert scoring_of(surveys, crowded).vector is None


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [([], 0), ([0.3] * 7, 7), ([0.3] * 49 + [0.2] * 3, 52), ([0.3] * 50 + [0.2] * 3, 50)],
)
def test_equals_of_the_last_that_is_looked_at_are_looked_at(cosines: list[float], expected: int) -> None:
    assert looked_at(falling(cosines)) == expected


@given(cosines=COSINES, seed=st.integers(0, 2**32), shards=st.integers(1, 4), share=st.floats(0, 0.1))
def test_shards_see_what_one_process_sees(cosines: list[float], seed: int, shards: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    nearest = falling(cosines)
    visible = rng.random(len(nearest)) < share
    owner = rng.integers(0, shards, len(nearest))

    def survey(own: np.ndarray) -> Survey:
        seen = visible[own].copy()
        seen[looked_at(nearest[own]) :] = False
        return Survey(Statistics(1, 1, ()), 0, nearest[own], True, seen)

    whole = scoring_of([survey(np.arange(len(nearest)))], QUESTION)
    split = scoring_of([survey(np.flatnonzero(owner == shard)) for shard in range(shards)], QUESTION)
    assert split.vector == whole.vector
    assert (whole.vector is not None) == bool(visible[: looked_at(nearest)].any())
