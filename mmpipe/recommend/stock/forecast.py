"""How many pieces of each product will be bought: simple methods, chosen by their error on weeks they did not
see.

Everything is judged by whole weeks, one week ahead: the last :data:`HELD_OUT` weeks are forecast one after
the other from the weeks before each. Of a product group the method with the least mean squared error over its
products and these weeks is taken, the simplest of equals: the absolute error would favour whatever says that
nothing is bought of a product that is bought every other week.

* ``mean``: the mean of the last eight weeks.
* ``naive``: the week before, which is the seasonal naive forecast of days by weekday, summed.
* ``seasonal-naive``: the same week a year before; only where there are 57 weeks or more.
* ``ets``: exponential smoothing of the whole group's days (:mod:`~mmpipe.recommend.stock.smoothing`), of
  which a product gets the part that it had of the last eight weeks. One product's days are mostly zeros, of
  which nothing can be smoothed.

A product with fewer than :data:`LEAST_WEEKS` weeks gets the mean rate of those it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.stock import smoothing
from mmpipe.schemas.stock import SHORT_HISTORY

if TYPE_CHECKING:
    from mmpipe.recommend.stock.demand import Demand

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Method = Literal["mean", "naive", "seasonal-naive", "ets"]
METHODS: Final[tuple[Method, ...]] = ("mean", "naive", "seasonal-naive", "ets")

HELD_OUT: Final = 4
LEAST_WEEKS: Final = 8
MEAN_WEEKS: Final = 8
YEAR_WEEKS: Final = 52
# What lies between the bounds of an interval: four of five.
LEVEL: Final = 0.8
_Z: Final = 1.2815515594600038  # the standard normal's 0.9 quantile


@dataclass(frozen=True)
class Errors:
    """Of one method on the held-out weeks of one group: ``rmse`` and ``mae`` in pieces a week and product,
    the root of the mean squared and the mean absolute error; ``mase`` is the latter as a multiple of what the
    week before was wrong by in the weeks that were not held out (Hyndman and Koehler, 2006), None where that
    was never wrong."""

    rmse: float
    mae: float
    mase: float | None


@dataclass(frozen=True)
class GroupForecast:
    """How a product group is forecast. ``products`` had :data:`LEAST_WEEKS` weeks or more and were judged,
    over ``held_out_weeks``; where none had, there is no error and ``method`` is None."""

    group: str
    products: int
    held_out_weeks: int
    method: Method | None
    errors: Mapping[Method, Errors]


@dataclass(frozen=True)
class Forecast:
    """Of some products, parallel arrays: how many pieces are ``expected`` within ``lead_days``, and the
    bounds that hold it in four of five cases; ``weeks`` of history, and ``method`` or
    :data:`SHORT_HISTORY`."""

    products: Ints
    lead_days: float
    expected: Floats
    low: Floats
    high: Floats
    weeks: Ints
    method: tuple[str, ...]
    groups: tuple[GroupForecast, ...]


def poisson_interval(count: Floats) -> tuple[Floats, Floats]:
    """The bounds of a Poisson mean of which ``count`` events were seen, four of five, by Byar's approximation
    (Breslow and Day, *Statistical Methods in Cancer Research II*, 1987, p. 69)."""
    some = np.maximum(count, 1.0)
    low = np.where(count > 0, some * (1 - 1 / (9 * some) - _Z / (3 * np.sqrt(some))) ** 3, 0.0)
    more = count + 1
    high = more * (1 - 1 / (9 * more) + _Z / (3 * np.sqrt(more))) ** 3
    return np.maximum(low, 0.0), high


def forecast(
    demand: Demand,
    groups: Ints,
    names: Sequence[str],
    lead_days: float,
    *,
    methods: Sequence[Method] = METHODS,
) -> Forecast:
    """Of all products that were bought at least once; ``groups`` has the place in ``names`` of every
    product's group."""
    products = np.unique(demand.product)
    weekly = demand.per_week(products)
    daily = demand.per_day(groups, len(names)) if "ets" in methods else np.zeros((len(names), 0))
    total = weekly.shape[1]
    # A week in which a product was not there for all seven days is no week of its history.
    history = np.clip((demand.days - demand.first_day[products]) // 7, 0, total)
    expected, variance = np.zeros(len(products)), np.zeros(len(products))
    low, high = np.zeros(len(products)), np.zeros(len(products))
    used = [SHORT_HISTORY] * len(products)
    told = []
    lead_weeks = lead_days / 7
    for number, name in enumerate(names):
        members = np.flatnonzero(groups[products] == number)
        if not len(members):
            continue
        judged = members[history[members] >= LEAST_WEEKS]
        days = daily[number, daily.shape[1] - 7 * total :] if daily.size else daily[number]
        group = _Group(weekly[judged], history[judged], days, methods)
        chosen, errors, squared = group.judge()
        told.append(GroupForecast(name, len(judged), HELD_OUT if len(judged) else 0, chosen, errors))
        if chosen is None:
            continue
        expected[judged] = group.ahead(chosen, lead_days)
        # Counts vary at least as much as a Poisson's; by how much more is what the held-out weeks say.
        variance[judged] = np.maximum(expected[judged], squared * lead_weeks)
        for at in judged.tolist():
            used[at] = chosen
    spread = _Z * np.sqrt(variance)
    low[:], high[:] = np.maximum(expected - spread, 0.0), expected + spread
    short = np.flatnonzero([method == SHORT_HISTORY for method in used])
    _by_rate(weekly, history, short, lead_weeks, expected, low, high)
    return Forecast(products, lead_days, expected, low, high, history, tuple(used), tuple(told))


def _by_rate(
    weekly: Floats, history: Ints, short: Ints, lead_weeks: float, expected: Floats, low: Floats, high: Floats
) -> None:
    for at in short.tolist():
        # Of a product that appeared this week all that was sold counts as of one week.
        weeks = max(int(history[at]), 1)
        sold = weekly[at, weekly.shape[1] - weeks :].sum()
        bounds = poisson_interval(np.array([sold]))
        factor = lead_weeks / weeks
        expected[at], low[at], high[at] = sold * factor, bounds[0][0] * factor, bounds[1][0] * factor


@dataclass(frozen=True)
class _Group:
    """The judged products of a group: ``weekly`` ``(n, weeks)``, how many weeks of each are its history, and
    the days of the whole group."""

    weekly: Floats
    history: Ints
    days: Floats
    methods: Sequence[Method]

    @property
    def _total(self) -> int:
        return int(self.weekly.shape[1])

    def judge(self) -> tuple[Method | None, dict[Method, Errors], Floats]:
        """The best method, the errors of all that could be tried, and the best one's mean squared error per
        product."""
        errors: dict[Method, Errors] = {}
        best: Method | None = None
        squared = np.zeros(len(self.weekly))
        if not len(self.weekly):
            return None, errors, squared
        total = self._total
        actual = self.weekly[:, total - HELD_OUT :]
        scale = self._scale(total - HELD_OUT)
        for method in METHODS:
            if method not in self.methods or not self._possible(method):
                continue
            told = np.stack([self._week(method, total - HELD_OUT + h) for h in range(HELD_OUT)], axis=1)
            wrong = told - actual
            mae, rmse = float(np.abs(wrong).mean()), float(np.sqrt((wrong**2).mean()))
            errors[method] = Errors(rmse, mae, mae / scale if scale else None)
            if best is None or rmse < errors[best].rmse:
                best, squared = method, (wrong**2).mean(axis=1)
        return best, errors, squared

    def ahead(self, method: Method, lead_days: float) -> Floats:
        """Pieces per product in the days to come."""
        total = self._total
        if method == "ets":
            whole = int(np.ceil(lead_days))
            days = smoothing.smoothed(self._series(total), whole)
            # The last day counts as far as it belongs to the time that was asked about.
            days[-1] *= lead_days - (whole - 1)
            return self._share(total) * float(days.sum())
        return self._week(method, total) * (lead_days / 7)

    def _possible(self, method: Method) -> bool:
        total = self._total
        if method == "seasonal-naive":
            return total >= YEAR_WEEKS + HELD_OUT + 1
        if method == "ets":
            return smoothing.is_installed() and len(self._series(total - HELD_OUT)) >= smoothing.LEAST_DAYS
        return True

    def _week(self, method: Method, week: int) -> Floats:
        """The forecast of one week per product, from the weeks before it."""
        if method == "naive":
            return self.weekly[:, week - 1]
        if method == "seasonal-naive":
            return self.weekly[:, week - YEAR_WEEKS]
        if method == "ets":
            return self._share(week) * float(smoothing.smoothed(self._series(week), 7).sum())
        mean: Floats = self._recent(week).sum(axis=1) / self._weeks_known(week)
        return mean

    def _recent(self, week: int) -> Floats:
        return self.weekly[:, max(week - MEAN_WEEKS, 0) : week]

    def _weeks_known(self, week: int) -> Floats:
        since = self._total - self.history
        return np.clip(week - since, 1, MEAN_WEEKS).astype(np.float64)

    def _series(self, week: int) -> Floats:
        """The group's days before a week, from the week of its first sale on."""
        days = self.days[: 7 * week]
        sold = np.flatnonzero(days)
        return days[7 * (int(sold[0]) // 7) :] if len(sold) else days[:0]

    def _share(self, week: int) -> Floats:
        whole = float(self.days[7 * max(week - MEAN_WEEKS, 0) : 7 * week].sum())
        shares: Floats = self._recent(week).sum(axis=1) / whole if whole else np.zeros(len(self.weekly))
        return shares

    def _scale(self, weeks: int) -> float:
        """How far a week was from the one before, on average, before the held-out ones."""
        steps = np.abs(np.diff(self.weekly[:, :weeks], axis=1))
        # Only steps between two weeks of a product's own history.
        since = self._total - self.history
        counted = np.arange(1, weeks)[None, :] > since[:, None]
        number = int(counted.sum())
        return float(steps[counted].sum() / number) if number else 0.0
