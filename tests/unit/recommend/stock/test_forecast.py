"""Forecasts and their errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2

from mmpipe.recommend.stock import smoothing
from mmpipe.recommend.stock.demand import Demand
from mmpipe.recommend.stock.forecast import (
    HELD_OUT,
    LEAST_WEEKS,
    METHODS,
    Forecast,
    Method,
    forecast,
    poisson_interval,
)
from mmpipe.schemas.stock import SHORT_HISTORY

CHEAP: tuple[Method, ...] = ("mean", "naive", "seasonal-naive")


def sold(days: NDArray[np.float64], first: list[int] | None = None) -> Demand:
    """Of a matrix of products and days."""
    product, day = np.nonzero(days)
    return Demand(
        counts=np.zeros((len(days), 4), np.int64),
        shoppers=np.zeros(len(days), np.int64),
        product=product.astype(np.int64),
        day=day.astype(np.int64),
        sold=days[product, day],
        first_day=np.array(first or [0] * len(days), np.int64),
        days=days.shape[1],
    )


def told(demand: Demand, lead_days: float = 14.0, methods: tuple[Method, ...] = CHEAP) -> Forecast:
    groups = np.zeros(len(demand.counts), np.int64)
    return forecast(demand, groups, ["all"], lead_days, methods=methods)


def test_what_is_sold_evenly_goes_on() -> None:
    found = told(sold(np.full((1, 84), 2.0)))
    assert found.expected.tolist() == [28.0]
    assert found.method == ("mean",)
    assert found.weeks.tolist() == [12]
    (group,) = found.groups
    assert (group.products, group.held_out_weeks) == (1, HELD_OUT)
    assert group.errors["mean"].mae == 0
    # A week was never wrong about the next one: there is nothing to be a multiple of.
    assert group.errors["mean"].mase is None


def test_the_method_of_the_least_error_is_taken() -> None:
    # A step three weeks before the held-out ones: last week is right, the mean of eight is not.
    days = np.concatenate([np.full(91, 1.0), np.full(56, 5.0)])[None]
    found = told(sold(days))
    (group,) = found.groups
    assert group.method == "naive"
    assert group.errors["naive"].mae == 0
    assert group.errors["mean"].mae > 5
    assert found.expected.tolist() == [70.0]


def test_what_is_bought_now_and_then_is_not_forecast_as_nothing() -> None:
    rng = np.random.default_rng(3)
    days = (rng.random((40, 140)) < 0.04).astype(np.float64)
    (group,) = told(sold(days)).groups
    assert group.method == "mean"
    errors = group.errors["mean"]
    assert errors.rmse < group.errors["naive"].rmse
    assert errors.mae <= errors.rmse


def test_mase_is_a_multiple_of_the_naive_error_before() -> None:
    weekly = np.array([3.0, 5, 2, 6, 4, 4, 3, 7, 5, 2, 6, 8])
    days = np.zeros((1, 84))
    days[0, ::7] = weekly
    (group,) = told(sold(days)).groups
    naive = np.abs(np.diff(weekly))
    assert group.errors["naive"].mae == pytest.approx(naive[-HELD_OUT:].mean())
    assert group.errors["naive"].mase == pytest.approx(
        naive[-HELD_OUT:].mean() / naive[: 11 - HELD_OUT].mean()
    )


def test_a_year_ago_is_tried_where_there_is_one() -> None:
    weeks = 60
    yearly = np.tile(np.concatenate([np.full(20, 1.0), np.full(12, 9.0), np.full(20, 1.0)]), 2)[:weeks]
    # The last weeks are those of the season again: nothing but the year before tells.
    rolled = np.roll(np.tile(yearly[:52], 2), 30)[-weeks:]
    days = np.repeat(rolled / 7, 7)[None]
    (group,) = told(sold(days)).groups
    assert "seasonal-naive" in group.errors
    assert group.errors["seasonal-naive"].mae == pytest.approx(0, abs=1e-9)
    (group,) = told(sold(days[:, -40 * 7 :])).groups
    assert "seasonal-naive" not in group.errors


def test_little_history_is_said_and_gets_its_rate() -> None:
    days = np.zeros((2, 84))
    days[0, -10:] = 1
    days[1, -3:] = 2
    found = told(sold(days, [84 - 21, 84 - 3]), lead_days=7)
    assert found.method == (SHORT_HISTORY, SHORT_HISTORY)
    assert found.weeks.tolist() == [3, 0]
    low, high = poisson_interval(np.array([10.0, 6.0]))
    assert found.expected == pytest.approx([10 / 3, 6.0])
    assert found.low == pytest.approx([low[0] / 3, low[1]])
    assert found.high == pytest.approx([high[0] / 3, high[1]])
    (group,) = found.groups
    assert (group.products, group.held_out_weeks, group.method, group.errors) == (0, 0, None, {})


def test_the_poisson_interval_is_nearly_the_exact_one() -> None:
    counts = np.arange(0, 60, dtype=np.float64)
    low, high = poisson_interval(counts)
    exact_low = np.where(counts > 0, chi2.ppf(0.1, 2 * np.maximum(counts, 1)) / 2, 0)
    exact_high = chi2.ppf(0.9, 2 * (counts + 1)) / 2
    assert low[0] == 0
    assert low[1:] == pytest.approx(exact_low[1:], abs=0.06)
    assert high == pytest.approx(exact_high, abs=0.06)


def test_smoothing_sees_weekdays_and_a_trend() -> None:
    weekdays = np.array([4.0, 2, 2, 2, 3, 8, 10])
    series = np.tile(weekdays, 16) + np.repeat(np.arange(16.0), 7)
    ahead = smoothing.smoothed(series, 14)
    assert ahead[:7] - ahead[:7].mean() == pytest.approx(weekdays - weekdays.mean(), abs=0.6)
    assert ahead.mean() > series[-7:].mean()
    assert smoothing.smoothed(np.full(40, 3.0), 2).tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="28 or more"):
        smoothing.smoothed(series[:20], 7)


def test_smoothing_wins_where_demand_grows() -> None:
    rng = np.random.default_rng(0)
    rate = np.repeat(np.linspace(2, 12, 20), 7)
    days = rng.poisson(np.stack([rate, 2 * rate])).astype(np.float64)
    found = told(sold(days), 7, METHODS)
    (group,) = found.groups
    assert set(group.errors) == {"mean", "naive", "ets"}
    assert group.errors["ets"].mae < group.errors["mean"].mae
    assert found.expected.sum() == pytest.approx(3 * 12.3 * 7, rel=0.2)


@settings(max_examples=25)
@given(data=st.data(), weeks=st.integers(1, 14), lead=st.floats(0.1, 60))
def test_whatever_was_sold_the_bounds_hold_the_forecast(data: st.DataObject, weeks: int, lead: float) -> None:
    number = data.draw(st.integers(1, 4))
    cells = st.lists(st.integers(0, 3), min_size=7 * weeks, max_size=7 * weeks)
    days = np.array([data.draw(cells) for _ in range(number)], np.float64)
    first = [data.draw(st.integers(0, 7 * weeks)) for _ in range(number)]
    for row, start in enumerate(first):
        days[row, :start] = 0
    found = told(sold(days, first), lead)
    assert found.products.tolist() == np.flatnonzero(days.sum(axis=1)).tolist()
    for values in (found.low, found.expected, found.high):
        assert np.isfinite(values).all()
    assert (found.low >= 0).all()
    assert (found.low <= found.expected).all()
    assert (found.expected <= found.high).all()
    for method, history in zip(found.method, found.weeks.tolist(), strict=True):
        assert (method == SHORT_HISTORY) == (history < LEAST_WEEKS)
