"""Classification metrics against scikit-learn, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from mmpipe.evaluate.classification import Average, accuracy, binary_scores, class_scores, roc_auc

pairs = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=60)


@given(pairs, st.sampled_from(["macro", "micro", "weighted"]))
def test_class_scores_agree_with_scikit_learn(rows: list[tuple[str, str]], average: Average) -> None:
    labels, predicted = map(list, zip(*rows, strict=True))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        labels, predicted, average=average, zero_division=0
    )
    found = class_scores(labels, predicted, average)
    assert (found.precision, found.recall, found.f1) == pytest.approx((precision, recall, f1))
    assert accuracy(labels, predicted) == pytest.approx(reference.accuracy_score(labels, predicted))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_binary_scores_agree_with_scikit_learn(rows: list[tuple[bool, bool]]) -> None:
    labels, predicted = map(list, zip(*rows, strict=True))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0
    )
    found = binary_scores(labels, predicted)
    assert (found.precision, found.recall, found.f1) == pytest.approx((precision, recall, f1))


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=80))
def test_roc_auc_agrees_with_scikit_learn_ties_included(rows: list[tuple[bool, int]]) -> None:
    labels, scores = map(list, zip(*rows, strict=True))
    if len(set(labels)) < 2:
        with pytest.raises(ValueError, match="both classes"):
            roc_auc(labels, scores)
        return
    assert roc_auc(labels, scores) == pytest.approx(reference.roc_auc_score(labels, scores))


def test_by_hand() -> None:
    assert roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    scores = binary_scores([True, True, False, False], [True, False, True, False])
    assert (scores.precision, scores.recall, scores.f1) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        roc_auc([0, 1], [0.5, bad])


def test_nothing_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        accuracy([], [])
    with pytest.raises(ValueError, match="2 labels but 1"):
        class_scores(["a", "b"], ["a"])
