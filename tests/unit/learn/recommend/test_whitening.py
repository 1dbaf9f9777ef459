"""Whitened features: uncorrelated, of one scale, and nothing stays nothing."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from mmpipe.learn.recommend.whitening import whitening


def test_directions_are_uncorrelated_and_of_about_the_same_variance() -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(5_000, 4)) * [1.0, 0.5, 0.2, 0.1]) @ rng.normal(size=(4, 4)) + 3.0
    features[7] = 0
    made = whitening(features.astype(np.float32)).apply(features.astype(np.float32))
    assert not made[7].any()
    told = np.delete(made, 7, axis=0)
    assert np.mean(np.sum(told**2, axis=1)) == pytest.approx(1.0, rel=1e-4)
    covariance = np.cov(told.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3
    assert np.diag(covariance).min() > 0.5 * np.diag(covariance).max()


def test_a_direction_without_variance_is_not_blown_up() -> None:
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(size=100), np.full(100, 2.0)]).astype(np.float32)
    made = whitening(features).apply(features)
    assert np.isfinite(made).all()
    assert np.abs(made).max(axis=0).min() < 1e-3


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_items_are_left_as_they_are(rows: int) -> None:
    features = np.zeros((3, 2), np.float32)
    features[:rows] = [0.6, 0.8]
    np.testing.assert_array_equal(whitening(features).apply(features), features)
