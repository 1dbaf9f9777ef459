"""The figures of a comparison of two tables."""

from __future__ import annotations

import numpy as np

from mmpipe.evaluate.compare import _difference, _overlap


def test_the_interval_is_that_of_the_mean_difference() -> None:
    rng = np.random.default_rng(3)
    live = rng.random(400)
    candidate = live + rng.normal(0.05, 0.2, 400)
    found = _difference(live, candidate, np.random.default_rng(0))
    error = (candidate - live).std() / np.sqrt(400)
    assert found.difference == round(float((candidate - live).mean()), 4)
    # The normal approximation, which the percentiles come near to at 400 queries.
    assert abs(found.low - (found.difference - 1.96 * error)) < 0.15 * error + 1e-4
    assert abs(found.high - (found.difference + 1.96 * error)) < 0.15 * error + 1e-4
    assert found.certain


def test_equal_answers_differ_by_nothing() -> None:
    same = np.ones(5)
    found = _difference(same, same, np.random.default_rng(0))
    assert (found.low, found.difference, found.high, found.certain) == (0, 0, 0, False)


def test_pairs_are_resampled_together() -> None:
    # Queries differ far more than the two tables do: unpaired, the interval would hold 0.
    live = np.tile([0.0, 1.0], 100)
    found = _difference(live, live + 0.01, np.random.default_rng(0))
    assert found.low == found.high == 0.01


def test_overlap() -> None:
    assert _overlap([], []) == 1.0
    assert _overlap(["a", "b"], ["b", "c"]) == 0.5
    assert _overlap(["a"], []) == 0.0
    assert _overlap(["a"], ["a", "b", "c", "d"]) == 0.25
