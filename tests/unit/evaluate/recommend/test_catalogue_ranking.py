"""Measures of whole rankings against worked examples and a formula of another form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.evaluate.metrics import ndcg_at_k
from mmpipe.evaluate.recommend.ranking import TOP, Tally


def figures(
    scores: list[list[float]], histories: list[list[int]], targets: list[list[int]]
) -> dict[str, float]:
    tally = Tally(len(scores[0]))
    given = np.array(scores, dtype=np.float32)
    tally.add(given, [np.array(h, np.int32) for h in histories], [np.array(t, np.int32) for t in targets])
    return tally.figures()


def test_a_target_at_the_third_place() -> None:
    found = figures([[0.9, 0.8, 0.7, 0.6]], [[3]], [[2]])
    assert found == {"hr@10": 1.0, "ndcg@10": pytest.approx(1 / math.log2(4)), "coverage": 0.75}


def test_what_was_seen_is_left_out_of_the_ranking() -> None:
    assert figures([[0.9, 0.8, 0.7]], [[0, 1]], [[2]])["ndcg@10"] == 1.0


def test_a_target_that_was_seen_is_missed() -> None:
    assert figures([[0.9, 0.8, 0.7]], [[0]], [[0]])["hr@10"] == 0.0


def test_equal_scores_rank_before_the_target() -> None:
    assert figures([[0.0] * 11], [[10]], [[0]])["ndcg@10"] == pytest.approx(1 / math.log2(11))
    assert figures([[0.0] * 12], [[11]], [[0]])["hr@10"] == 0.0


def test_what_has_no_score_is_never_found() -> None:
    found = figures([[1.0, -math.inf, -math.inf]], [[0]], [[1]])
    assert found == {"hr@10": 0.0, "ndcg@10": 0.0, "coverage": 0.0}


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        figures([[1.0, math.nan]], [[0]], [[1]])


@settings(max_examples=80, deadline=None)
@given(data=st.data(), items=st.integers(2, 40))
def test_the_figures_are_those_of_the_ranked_list(data: st.DataObject, items: int) -> None:
    order = data.draw(st.permutations(range(items)))
    history = data.draw(st.sets(st.integers(0, items - 1), max_size=items - 1))
    targets = data.draw(st.sets(st.integers(0, items - 1), min_size=1, max_size=5))
    scores = [0.0] * items
    for rank, item in enumerate(order):
        scores[item] = float(-rank)
    shown = [str(item) for item in order if item not in history][:TOP]
    found = figures([scores], [sorted(history)], [sorted(targets)])
    relevant = {str(item) for item in targets}
    assert found["ndcg@10"] == pytest.approx(ndcg_at_k(shown, relevant, TOP))
    assert found["hr@10"] == float(bool(relevant & set(shown)))
    assert found["coverage"] == pytest.approx(len(shown) / items)
