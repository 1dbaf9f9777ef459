"""Intervals and tests that hold at every look.

Each rests on a nonnegative martingale that starts at 1 under the hypothesis: by Ville's inequality it ever
reaches 1/α with probability at most α, so whoever looks after every shopper, and stops when they like what
they see, is misled no more often than α. What a hypothesis's martingale has not reached 1/α for is inside the
interval. Exact, at any sample size, are

* :func:`rate_interval`: a share; the beta-binomial mixture (Robbins, 1970; Howard, Ramdas, McAuliffe and
  Sekhon, *Time-uniform, nonparametric, nonasymptotic confidence sequences*, Annals of Statistics 49, 2021);
* :func:`lift_interval`: the ratio of two arms' shares, from the arms of those who converted (Lindon and
  Malek, *Anytime-valid inference for multinomial count data*, NeurIPS 2022), mixed over a Cauchy prior of
  its logarithm;
* :func:`mismatch`: whether shoppers are shared out as they should be; the Dirichlet-multinomial mixture
  (Lindon and Malek, *Sequential testing of multinomial hypotheses*, 2020).

:func:`mean_interval` is asymptotic: it holds once there is enough to look at (Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas, *Time-uniform central limit theory and asymptotic confidence sequences*, Annals of
Statistics 52, 2024, theorem 2.2). Who calls it sees to that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The prior of a share: Jeffreys' Beta(½, ½), as good near 0, where shares of clicks are, as in the middle.
_HALF = 0.5
# The prior of a lift's logarithm: Cauchy, half of it within ±15 %. It bears on power, never on validity.
LIFT_SCALE = 0.15
_WIDEST = 15.0
_BISECTIONS = 60
# Asymptotic intervals are tightest at 5 % after so many observations:
# ρ² = (2 ln(1/α) + ln(2 ln(1/α) + 1)) / TIGHTEST.
TIGHTEST = 5_000
_RHO2 = (2 * math.log(20) + math.log(2 * math.log(20) + 1)) / TIGHTEST
# The prior of how shoppers are shared out: as if this many had been seen to come as they should.
_SHARED_OUT = 1_000.0

_lgamma = np.vectorize(math.lgamma, otypes=[np.float64])


@dataclass(frozen=True)
class Interval:
    """Bounds of what is estimated; None is unbounded."""

    low: float | None
    high: float | None


def rate_evidence(successes: npt.ArrayLike, trials: npt.ArrayLike, rate: npt.ArrayLike) -> Floats:
    """Logarithm of the beta-binomial mixture martingale against a true share of ``rate``, elementwise:
    log B(½ + s, ½ + n − s) − log B(½, ½) − s log p − (n − s) log(1 − p)."""
    s, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    p = np.asarray(rate, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = np.where(s > 0, s * np.log(p), 0.0) + np.where(n > s, (n - s) * np.log1p(-p), 0.0)
    return np.asarray(_log_beta(s + _HALF, n - s + _HALF) - _log_beta(_HALF, _HALF) - likelihood)


def rate_interval(successes: int, trials: int, alpha: float) -> Interval:
    """The interval of a share, valid at every look, at any number of ``trials``."""
    if trials == 0:
        return Interval(0.0, 1.0)
    limit = math.log(1 / alpha)
    best = successes / trials

    def inside(p: float) -> bool:
        return float(rate_evidence(successes, trials, p)) < limit

    low = 0.0 if successes == 0 else _edge(inside, best, 0.0)
    high = 1.0 if successes == trials else _edge(inside, best, 1.0)
    return Interval(low, high)


@dataclass(frozen=True)
class Converted:
    """How many converted in the control and in the other arm while the arms had these weights."""

    control: int
    other: int
    control_weight: float
    other_weight: float


def lift_evidence(phases: Sequence[Converted], lift: float = 0.0) -> float:
    """Logarithm of the martingale against the other arm's share being (1 + ``lift``) times the control's.

    Of those who converted in either arm each is the other arm's with probability θ(x) = w₁eˣ / (w₀ + w₁eˣ),
    where x is the logarithm of the shares' ratio, whatever the shares are and however they change together.
    The likelihood of x over that of the hypothesis is mixed over x.
    """
    return _mixed(phases) - float(_log_likelihood(phases, np.array([math.log1p(lift)]))[0])


def lift_interval(phases: Sequence[Converted], alpha: float) -> Interval:
    """The interval of the relative lift of the other arm's share over the control's (0.1 is 10 % more), valid
    at every look, at any numbers."""
    limit = math.log(1 / alpha)
    mixed = _mixed(phases)

    def inside(x: float) -> bool:
        return mixed - float(_log_likelihood(phases, np.array([x]))[0]) < limit

    best = _likeliest(phases)
    low = None if inside(-_WIDEST) else math.expm1(_edge(inside, best, -_WIDEST))
    high = None if inside(_WIDEST) else math.expm1(_edge(inside, best, _WIDEST))
    return Interval(-1.0 if low is None else low, high)


def mean_interval(mean: float, variance: float, count: float, alpha: float) -> Interval:
    """Mean ± √variance · √(2(tρ²+1)/(t²ρ²) · ln(√(tρ²+1)/α)), with t = ``count`` observations of that mean
    and variance; :data:`TIGHTEST` says where ρ makes it tightest.

    Asymptotic: the error stays near α where the first look is late enough for a mean to be normal.
    """
    scale = count * _RHO2 + 1
    width = math.sqrt(variance * 2 * scale / (count * count * _RHO2) * math.log(math.sqrt(scale) / alpha))
    return Interval(mean - width, mean + width)


def mean_evidence(mean: npt.ArrayLike, variance: npt.ArrayLike, count: npt.ArrayLike) -> Floats:
    """Logarithm of the martingale that :func:`mean_interval` inverts, against a mean of 0, elementwise:
    t²ρ² · mean² / (2 · variance · (tρ²+1)) − ½ ln(tρ²+1)."""
    m, v, t = (np.asarray(each, dtype=np.float64) for each in (mean, variance, count))
    scale = t * _RHO2 + 1
    return np.asarray(t * t * _RHO2 * m * m / (2 * v * scale) - 0.5 * np.log(scale))


def mismatch(phases: Sequence[tuple[Mapping[str, int], Mapping[str, float]]]) -> float:
    """The p-value, valid at every look, of shoppers being shared out by the weights: for each phase the
    numbers of new shoppers by arm, and the weights that held."""
    evidence = 0.0
    for counts, weights in phases:
        share = np.array([weights[arm] for arm in weights]) / sum(weights.values())
        found = np.array([counts.get(arm, 0) for arm in weights], dtype=np.float64)
        prior = _SHARED_OUT * share
        evidence += float(
            (_lgamma(prior + found) - _lgamma(prior) - found * np.log(share)).sum()
            + math.lgamma(_SHARED_OUT)
            - math.lgamma(_SHARED_OUT + found.sum())
        )
    return p_value(evidence)


def p_value(evidence: float) -> float:
    """Of a martingale's logarithm: the level at which a look may reject, in (0, 1]."""
    return math.exp(-max(0.0, min(evidence, 700.0)))


def _log_beta(a: Any, b: Any) -> Any:
    return _lgamma(a) + _lgamma(b) - _lgamma(np.asarray(a) + np.asarray(b))


def _log_likelihood(phases: Sequence[Converted], x: Floats) -> Floats:
    total = np.zeros_like(x)
    for phase in phases:
        odds = x + math.log(phase.other_weight / phase.control_weight)
        total -= phase.other * np.logaddexp(0.0, -odds) + phase.control * np.logaddexp(0.0, odds)
    return total


def _likeliest(phases: Sequence[Converted]) -> float:
    """Where the likelihood, concave in x, is greatest; an end of the range where it is monotone."""
    low, high = -_WIDEST, _WIDEST
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        slope = 0.0
        for phase in phases:
            odds = middle + math.log(phase.other_weight / phase.control_weight)
            slope += phase.other - (phase.other + phase.control) / (1 + math.exp(-odds))
        low, high = (middle, high) if slope > 0 else (low, middle)
    return (low + high) / 2


def _mixed(phases: Sequence[Converted]) -> float:
    """Logarithm of the likelihood's integral over the prior. What is cut off beyond the range makes it
    smaller, so intervals wider."""
    best = _likeliest(phases)
    total = sum(phase.control + phase.other for phase in phases)
    spread = min(1.0, 20.0 / math.sqrt(total + 1))
    # A wide grid for the prior, a fine one where a large sample's likelihood is.
    wide = np.sinh(np.linspace(-math.asinh(_WIDEST / 0.05), math.asinh(_WIDEST / 0.05), 2_001)) * 0.05
    near = np.clip(best + spread * np.linspace(-1.0, 1.0, 2_001), -_WIDEST, _WIDEST)
    x = np.unique(np.concatenate([wide, near]))
    log_prior = -np.log(math.pi * LIFT_SCALE * (1 + (x / LIFT_SCALE) ** 2))
    height = _log_likelihood(phases, x) + log_prior
    top = float(height.max())
    return top + math.log(float(np.trapezoid(np.exp(height - top), x)))


def _edge(inside: Any, within: float, beyond: float) -> float:
    """Where ``inside`` ends between a point that is inside and one that may not be; never short of it."""
    if inside(beyond):
        return beyond
    for _ in range(_BISECTIONS):
        middle = (within + beyond) / 2
        if inside(middle):
            within = middle
        else:
            beyond = middle
    return beyond
