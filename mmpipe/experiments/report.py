"""What an experiment has shown so far, in numbers that hold however often they are looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from mmpipe.experiments.definition import Experiment
from mmpipe.experiments.observed import COLUMNS, Observed, Person, by_phase, observe
from mmpipe.experiments.sequential import (
    Converted,
    Interval,
    lift_evidence,
    lift_interval,
    mean_evidence,
    mean_interval,
    mismatch,
    p_value,
    rate_evidence,
    rate_interval,
)

if TYPE_CHECKING:
    from mmpipe.lake import Collection

Metric = Literal["ctr", "click", "conversion"]

# Clicks by impressions have asymptotic intervals only: none before there is this much of each arm.
ENOUGH_SHOPPERS = 200
ENOUGH_CLICKS = 50
# Shoppers shared out this unlikely are a fault of the set-up: the arms cannot be compared.
MISMATCH_LEVEL = 0.001


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Estimate(_Figures):
    """A figure and its interval, valid at every look at the experiment's level; null where unbounded or where
    there is not enough to tell."""

    value: float | None
    low: float | None
    high: float | None


class ArmReport(_Figures):
    """One arm. ``shoppers`` are those whose window is over; every other figure but ``pending`` and
    ``exposures`` is of them."""

    name: str
    shoppers: int
    pending: int = Field(description="shoppers whose window is not over, who are not counted yet")
    exposures: int = Field(description="of all shoppers, once a day each")
    impressions: int
    clicks: int
    ctr: Estimate = Field(description="clicks by impressions; its interval is asymptotic")
    clicked: int
    click: Estimate = Field(description="share of the shoppers who clicked at least once")
    converted: int
    conversion: Estimate = Field(description="share of the shoppers who bought")


class Comparison(_Figures):
    """An arm against the control, by one metric. ``lift`` is relative: 0.1 is 10 % more. Its level is the
    experiment's, divided by the number of arms that are compared."""

    arm: str
    metric: Metric
    lift: Estimate
    p_value: float | None
    verdict: Literal["better", "worse", "undecided"]
    goal: bool = Field(description="whether this is what the experiment is decided by")


class Preference(_Figures):
    """Of interleaved rankings: on whose products more of a shopper's clicks were. ``share`` is the second
    arm's among shoppers who had a preference."""

    control: str
    other: str
    control_won: int
    other_won: int
    ties: int
    share: Estimate
    p_value: float
    verdict: Literal["better", "worse", "undecided"]


class Report(_Figures):
    """Everything ``mmpipe experiments report`` prints. ``sample_ratio_p`` is the p-value, valid at every
    look, of shoppers being shared out as the weights say; ``mismatch`` says that they were not: find out why
    before believing anything else."""

    experiment: Experiment
    at: datetime
    running: bool
    alpha: float
    arms: list[ArmReport]
    comparisons: list[Comparison]
    preference: Preference | None
    sample_ratio_p: float | None
    mismatch: bool
    crossed: int = Field(description="shoppers who saw several arms, counted for their first one")


def report(collection: Collection, experiment: Experiment, now: datetime) -> Report:
    """The report of an experiment by the collection's interaction log. Raises ``StorageUnavailable``."""
    log = collection.interactions
    return report_of(list(log.scan(columns=COLUMNS, since=experiment.start)), experiment, now)


def report_of(tables: Sequence[pa.Table], experiment: Experiment, now: datetime) -> Report:
    """The report from tables of the log, each event once."""
    seen = observe(tables, experiment, now)
    split = experiment.design == "split"
    phases = [
        (by_arm(experiment, people), experiment.phases[place].weights)
        for place, people in sorted(by_phase(experiment, seen.people).items())
    ]
    shared_out = mismatch(phases) if split else None
    return Report(
        experiment=experiment,
        at=now,
        running=experiment.runs(now),
        alpha=experiment.alpha,
        arms=[_arm(experiment, seen, place) for place in range(len(experiment.arms))] if split else [],
        comparisons=_comparisons(experiment, seen) if split else [],
        preference=None if split else _preference(experiment, seen),
        sample_ratio_p=shared_out,
        mismatch=shared_out is not None and shared_out < MISMATCH_LEVEL,
        crossed=seen.crossed,
    )


def by_arm(experiment: Experiment, people: Sequence[Person]) -> dict[str, int]:
    """How many people are in each arm."""
    return {
        arm.name: sum(person.arm == place for person in people) for place, arm in enumerate(experiment.arms)
    }


def _arm(experiment: Experiment, seen: Observed, place: int) -> ArmReport:
    people = [person for person in seen.people if person.arm == place]
    clicked, converted = sum(p.clicks > 0 for p in people), sum(p.purchased for p in people)
    value, variance = _ratio(people)
    interval = Interval(None, None)
    # Where all are alike a normal mean's interval would have no width, which nobody may believe.
    if value is not None and variance and _enough(people):
        interval = mean_interval(value, variance, len(people), experiment.alpha)
    return ArmReport(
        name=experiment.arms[place].name,
        shoppers=len(people),
        pending=seen.pending[place],
        exposures=seen.exposures[place],
        impressions=sum(p.impressions for p in people),
        clicks=sum(p.clicks for p in people),
        ctr=_estimate(value, interval),
        clicked=clicked,
        click=_rate(clicked, len(people), experiment.alpha),
        converted=converted,
        conversion=_rate(converted, len(people), experiment.alpha),
    )


def _comparisons(experiment: Experiment, seen: Observed) -> list[Comparison]:
    level = experiment.alpha / (len(experiment.arms) - 1)
    found = []
    for place in range(1, len(experiment.arms)):
        found.append(_share_compared(experiment, seen, place, "conversion", level))
        found.append(_share_compared(experiment, seen, place, "click", level))
        found.append(_ratio_compared(experiment, seen, place, level))
    return found


def _share_compared(
    experiment: Experiment, seen: Observed, place: int, metric: Literal["click", "conversion"], level: float
) -> Comparison:
    def did(person: Person) -> bool:
        return person.purchased if metric == "conversion" else person.clicks > 0

    control, other = experiment.arms[0].name, experiment.arms[place].name
    phases = []
    for number, people in by_phase(experiment, seen.people).items():
        weights = experiment.phases[number].weights
        counts = by_arm(experiment, [person for person in people if did(person)])
        phases.append(Converted(counts[control], counts[other], weights[control], weights[other]))
    totals = by_arm(experiment, seen.people)
    done = by_arm(experiment, [person for person in seen.people if did(person)])
    value = None
    if done[control] and totals[other]:
        value = (done[other] / totals[other]) / (done[control] / totals[control]) - 1
    interval = lift_interval(phases, level)
    p = p_value(lift_evidence(phases))
    return _compared(other, metric, value, interval, p, experiment)


def _ratio_compared(experiment: Experiment, seen: Observed, place: int, level: float) -> Comparison:
    groups = [[person for person in seen.people if person.arm == each] for each in (0, place)]
    (base, base_variance), (value, variance) = (_ratio(group) for group in groups)
    name = experiment.arms[place].name
    if not base or not value or not (base_variance or variance) or not all(map(_enough, groups)):
        lift = None if base is None or value is None or base == 0 else value / base - 1
        return _compared(name, "ctr", lift, Interval(None, None), None, experiment)
    # Of the ratio's logarithm, by the delta method; as many observations as people in both.
    count = len(groups[0]) + len(groups[1])
    spread = count * (base_variance / base**2 / len(groups[0]) + variance / value**2 / len(groups[1]))
    centre = math.log(value / base)
    found = mean_interval(centre, spread, count, level)
    interval = Interval(*(None if bound is None else math.expm1(bound) for bound in (found.low, found.high)))
    p = p_value(float(mean_evidence(centre, spread, count)))
    return _compared(name, "ctr", value / base - 1, interval, p, experiment)


def _compared(
    arm: str,
    metric: Metric,
    value: float | None,
    interval: Interval,
    p: float | None,
    experiment: Experiment,
) -> Comparison:
    return Comparison(
        arm=arm,
        metric=metric,
        lift=_estimate(value, interval),
        p_value=p,
        verdict=_verdict(interval, 0.0),
        goal=metric == experiment.goal,
    )


def _preference(experiment: Experiment, seen: Observed) -> Preference:
    won = [person.won() for person in seen.people]
    control, other = sum(a > b for a, b in won), sum(b > a for a, b in won)
    interval = rate_interval(other, control + other, experiment.alpha)
    return Preference(
        control=experiment.arms[0].name,
        other=experiment.arms[1].name,
        control_won=control,
        other_won=other,
        ties=len(won) - control - other,
        share=_estimate(other / (control + other) if control + other else None, interval),
        p_value=p_value(float(rate_evidence(other, control + other, 0.5))),
        verdict=_verdict(interval, 0.5),
    )


def _ratio(people: Sequence[Person]) -> tuple[float | None, float]:
    """Clicks by impressions, and the variance of one person's part of it: people are independent of one
    another, their clicks are not. (c − r·i) / ī linearises the ratio."""
    impressions = np.array([person.impressions for person in people], dtype=np.float64)
    if not impressions.sum():
        return None, 0.0
    clicks = np.array([person.clicks for person in people], dtype=np.float64)
    value = float(clicks.sum() / impressions.sum())
    return value, float(np.var((clicks - value * impressions) / impressions.mean()))


def _enough(people: Sequence[Person]) -> bool:
    return len(people) >= ENOUGH_SHOPPERS and sum(person.clicks for person in people) >= ENOUGH_CLICKS


def _rate(successes: int, trials: int, alpha: float) -> Estimate:
    return _estimate(successes / trials if trials else None, rate_interval(successes, trials, alpha))


def _estimate(value: float | None, interval: Interval) -> Estimate:
    return Estimate(value=value, low=interval.low, high=interval.high)


def _verdict(interval: Interval, neutral: float) -> Literal["better", "worse", "undecided"]:
    if interval.low is not None and interval.low > neutral:
        return "better"
    if interval.high is not None and interval.high < neutral:
        return "worse"
    return "undecided"
