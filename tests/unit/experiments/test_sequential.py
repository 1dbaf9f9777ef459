"""The guarantees of the tests, simulated: seeded, so that what is asserted does not vary."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpipe.experiments.sequential import (
    Converted,
    lift_evidence,
    lift_interval,
    mean_evidence,
    mean_interval,
    mismatch,
    p_value,
    rate_evidence,
    rate_interval,
)

ALPHA = 0.05
LIMIT = math.log(1 / ALPHA)


def test_a_share_is_missed_at_any_of_many_looks_no_more_often_than_alpha() -> None:
    rng = np.random.default_rng(1)
    for rate in (0.02, 0.3):
        successes = (rng.random((800, 600)) < rate).cumsum(axis=1)[:, ::5]
        looks = np.arange(1, 601)[::5]
        missed = (rate_evidence(successes, looks, rate) >= LIMIT).any(axis=1)
        assert missed.mean() <= ALPHA


def converters(
    rng: np.random.Generator, lift: float, runs: int, looks: int, batch: int
) -> npt.NDArray[np.int64]:
    """Conversions by (run, look, arm) of an evenly split experiment with a share of 10 % in the control."""
    rates = np.array([0.1, 0.1 * (1 + lift)])
    return rng.binomial(batch, rates, size=(runs, looks, 2)).cumsum(axis=1)


def test_peeking_without_an_effect_is_misled_no_more_often_than_alpha() -> None:
    found = converters(np.random.default_rng(2), 0.0, runs=200, looks=20, batch=200)
    fooled = plain = 0
    for run in found:
        fooled += any(lift_evidence([Converted(int(a), int(b), 1, 1)]) >= LIMIT for a, b in run)
        shoppers = 200 * np.arange(1, 21)
        pooled = run.sum(axis=1) / (2 * shoppers)
        error = np.sqrt(pooled * (1 - pooled) * 2 / shoppers)
        plain += bool((np.abs(run[:, 1] - run[:, 0]) / shoppers > 1.96 * error).any())
    assert fooled / 200 <= ALPHA
    # The same looks with the test for one look: that is what peeking does.
    assert plain / 200 > 3 * ALPHA


def test_a_true_lift_is_inside_at_every_look() -> None:
    found = converters(np.random.default_rng(3), 0.3, runs=120, looks=8, batch=300)
    missed = 0
    for run in found:
        bounds = [lift_interval([Converted(int(a), int(b), 1, 1)], ALPHA) for a, b in run]
        missed += any(not (each.low or -1) <= 0.3 <= (each.high or math.inf) for each in bounds)
    assert missed / 120 <= ALPHA


def test_an_effect_is_found() -> None:
    found = converters(np.random.default_rng(4), 0.2, runs=100, looks=1, batch=20_000)
    seen = [lift_interval([Converted(*map(int, run[-1]), 1, 1)], ALPHA) for run in found]
    assert sum(each.low is not None and each.low > 0 for each in seen) >= 95
    assert not any(each.high is not None and each.high < 0 for each in seen)


def test_growing_weights_do_no_harm() -> None:
    """One shopper in ten is in the other arm at first, then every second one, and the share changes too."""
    rng = np.random.default_rng(5)
    fooled = 0
    for _ in range(200):
        early = rng.binomial([900, 100], 0.2)
        late = rng.binomial([1_000, 1_000], 0.05)
        phases = [Converted(*map(int, early), 9, 1), Converted(*map(int, late), 1, 1)]
        fooled += any(lift_evidence(phases[:looks]) >= LIMIT for looks in (1, 2))
    assert fooled / 200 <= ALPHA


def test_clicks_by_impressions_hold_at_every_look() -> None:
    """Each shopper's clicks depend on one another; looks from 200 shoppers an arm on."""
    rng = np.random.default_rng(6)
    runs, people = 300, 2_000
    liking = rng.beta(1, 19, size=(runs, people, 2))
    impressions = 1.0 + rng.poisson(8, size=(runs, people, 2))
    clicks = rng.binomial(impressions.astype(int), liking).astype(float)
    c, i = clicks.cumsum(axis=1), impressions.cumsum(axis=1)
    cc, ci, ii = (
        (x * y).cumsum(axis=1)
        for x, y in ((clicks, clicks), (clicks, impressions), (impressions, impressions))
    )
    n = np.arange(1, people + 1)[None, :, None]
    ratio = c / np.maximum(i, 1)
    variance = (cc - 2 * ratio * ci + ratio**2 * ii) / n / (i / n) ** 2
    looks = slice(199, None, 100)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (2 * variance / ratio**2).sum(axis=2)[:, looks]
        centre = np.log(ratio[:, looks, 1] / ratio[:, looks, 0])
    evidence = mean_evidence(centre, spread, 2 * np.arange(1, people + 1)[looks])
    assert (evidence >= LIMIT).any(axis=1).mean() <= ALPHA


@settings(max_examples=30)
@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.01, 0.05, 0.2]))
def test_an_interval_of_a_share_holds_it_and_narrows_with_alpha(s: int, f: int, alpha: float) -> None:
    found, wider = rate_interval(s, s + f, alpha), rate_interval(s, s + f, alpha / 2)
    assert found.low is not None
    assert found.high is not None
    assert wider.low is not None
    assert wider.high is not None
    assert 0 <= wider.low <= found.low <= found.high <= wider.high <= 1
    if s + f:
        assert found.low <= s / (s + f) <= found.high


@settings(max_examples=25)
@given(st.integers(0, 200), st.integers(0, 200), st.floats(0.05, 20))
def test_an_interval_of_a_lift_agrees_with_its_test(a: int, b: int, weight: float) -> None:
    phases = [Converted(a, b, 1.0, weight)]
    found = lift_interval(phases, ALPHA)
    outside = (found.low or -1.0) > 0 or (found.high is not None and found.high < 0)
    assert outside == (lift_evidence(phases) >= LIMIT)
    if not a:
        assert found.high is None
    if not b:
        assert found.low == -1.0


def test_phases_of_the_same_weights_are_one() -> None:
    split = [Converted(30, 50, 1, 2), Converted(70, 80, 1, 2)]
    assert lift_evidence(split) == pytest.approx(lift_evidence([Converted(100, 130, 1, 2)]))


def test_large_numbers_are_narrow_and_finite() -> None:
    found = lift_interval([Converted(10_000_000, 10_100_000, 1, 1)], ALPHA)
    assert found.low is not None
    assert found.high is not None
    assert 0.007 < found.low < 0.01 < found.high < 0.013


def test_a_mean_is_between_its_bounds() -> None:
    found = mean_interval(0.4, 2.0, 5_000, ALPHA)
    assert found.low is not None
    assert found.high is not None
    # Peeking costs half the width again of a single look's at the sample size where it costs least.
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * math.sqrt(2 / 5_000), rel=0.7)
    assert float(mean_evidence(0.4 - found.low, 2.0, 5_000)) == pytest.approx(LIMIT, abs=1e-6)


def test_a_mismatch_of_shoppers_is_seen_and_chance_is_not() -> None:
    rng = np.random.default_rng(7)
    weights = {"a": 1.0, "b": 1.0}
    seen = 0
    for _ in range(200):
        heads = rng.binomial(500, 0.5, size=20).cumsum()
        totals = 500 * np.arange(1, 21)
        p = min(
            mismatch([({"a": int(h), "b": int(n - h)}, weights)]) for h, n in zip(heads, totals, strict=True)
        )
        seen += p < ALPHA
    assert seen / 200 <= ALPHA
    assert mismatch([({"a": 50_000, "b": 48_500}, weights)]) < 0.001
    assert mismatch([({}, weights)]) == 1.0
    ramped = [({"a": 9_000, "b": 1_000}, {"a": 9.0, "b": 1.0}), ({"a": 5_000, "b": 5_000}, weights)]
    assert mismatch(ramped) == 1.0


def test_p_values_are_levels() -> None:
    assert p_value(-5.0) == 1.0
    assert p_value(LIMIT) == pytest.approx(ALPHA)
    assert p_value(1e9) > 0
