"""Probabilities that are kept."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from mmpipe.learn.recommender.calibration import LEAST_FOR_ISOTONIC, brier, calibrate, calibration_error


@pytest.mark.parametrize("count", [300, 12_000])
def test_overconfident_logits_become_probabilities_that_are_kept(count: int) -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(-1, 1, count)
    labels = rng.random(count) < 1 / (1 + np.exp(-truth))
    logits = 3 * truth + 2
    half = count // 2
    found = calibrate(logits[:half], labels[:half])
    assert found.kind == ("isotonic" if labels[:half].sum() >= LEAST_FOR_ISOTONIC else "platt")
    before, after = 1 / (1 + np.exp(-logits[half:])), found(logits[half:])
    assert calibration_error(after, labels[half:]) < 0.5 * calibration_error(before, labels[half:])
    assert brier(after, labels[half:]) < brier(before, labels[half:])
    ends = found(np.array([-1e9, -1.0, 0.0, 1.0, 1e9]))
    assert ((ends > 0) & (ends < 1)).all()
    assert (np.diff(ends) >= 0).all()


def test_isotonic_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(size=5_000)
    labels = rng.random(5_000) < 1 / (1 + np.exp(-logits))
    found = calibrate(logits, labels)
    assert found.kind == "isotonic"
    theirs = IsotonicRegression(out_of_bounds="clip").fit(logits, labels.astype(float)).predict(logits)
    # A line through the middles of the steps, where theirs are steps.
    assert np.abs(found(logits) - theirs).mean() < 0.01
    assert brier(found(logits), labels) == pytest.approx(brier(theirs, labels), abs=0.002)


def test_what_cannot_be_told_apart_has_one_probability() -> None:
    labels = np.arange(400) % 4 == 0
    assert calibrate(np.zeros(400), labels)(np.array([0.0]))[0] == pytest.approx(0.25, abs=0.01)
    # The wrong way round is no order at all.
    backwards = calibrate(np.where(labels, -1.0, 1.0), labels)
    assert np.ptp(backwards(np.array([-5.0, 0.0, 5.0]))) < 0.01
