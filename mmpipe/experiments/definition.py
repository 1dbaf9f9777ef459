"""What an experiment is: arms with weights, and what each changes. The content of ``experiments.json``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Goal = Literal["click", "conversion"]
Design = Literal["split", "interleave"]

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MAX_ARMS = 10
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ArmSettings(_Part):
    """All that an arm may change. What it gives stands above the request and the service's settings, what it
    leaves out is as these say. It cannot touch limits, keys or another collection."""

    taste: float | None = Field(
        default=None, ge=0, le=1, description="how far a search's ranking leans to the shopper's taste"
    )
    diversity: float | None = Field(default=None, ge=0, le=1, description="of a list, as in a request")
    explore: float | None = Field(default=None, ge=0, le=1, description="of a list, as in a request")
    model: bool | None = Field(
        default=None, description="whether the learnt recommender is asked, where the collection has one"
    )
    sponsored: bool | None = Field(default=None, description="false shows no sponsored products")

    def changed(self) -> frozenset[str]:
        """Names of the settings that are given."""
        return frozenset(self.model_dump(exclude_none=True))


class Arm(_Part):
    """One way to answer. Weights are relative: 1 and 1 is half and half."""

    name: Name
    weight: float = Field(default=1.0, gt=0, le=1_000_000)
    settings: ArmSettings = ArmSettings()


class Phase(_Part):
    """From when on which weights and which share of the shoppers held."""

    since: AwareDatetime
    weights: dict[Name, Annotated[float, Field(gt=0, le=1_000_000)]]
    traffic: float = Field(gt=0, le=1)


class Experiment(_Part):
    """One experiment of one collection. The first arm is the control.

    ``split`` gives each shopper one arm. ``interleave`` merges the lists of exactly two arms into one for
    everybody and credits clicks; it finds a better ranking with far fewer shoppers, but tells nothing of
    conversion. ``window_hours`` after their first exposure a shopper's outcome is final; only then are they
    counted, whatever the looks in between. ``salt`` keys the assignment.
    """

    name: Name
    design: Design = "split"
    arms: tuple[Arm, ...] = Field(min_length=2, max_length=MAX_ARMS)
    traffic: float = Field(default=1.0, gt=0, le=1, description="share of the shoppers that takes part")
    goal: Goal = "conversion"
    alpha: float = Field(default=0.05, gt=0, le=0.5)
    window_hours: float = Field(default=24.0, gt=0, le=24 * 90)
    start: AwareDatetime
    stop: AwareDatetime | None = None
    salt: str = Field(pattern=r"^[0-9a-f]{32}$")
    phases: tuple[Phase, ...] = Field(min_length=1, max_length=1_000)

    @model_validator(mode="after")
    def _whole(self) -> Experiment:
        names = [arm.name for arm in self.arms]
        if len(set(names)) != len(names):
            raise ValueError("arms must have names of their own")
        if not _EARLIEST <= self.start <= _LATEST:
            raise ValueError("start must lie between the years 2000 and 2100")
        if self.stop is not None and not self.start <= self.stop <= _LATEST:
            raise ValueError("stop must not come before start, nor after the year 2100")
        if self.design == "interleave" and len(names) != 2:
            raise ValueError("interleaving compares exactly two arms")
        if self.design == "interleave" and (alone := self.changes() & {"taste", "sponsored"}):
            raise ValueError(
                f"interleaving compares how lists are ranked: split for {', '.join(sorted(alone))}"
            )
        if any(phase.weights.keys() != set(names) for phase in self.phases):
            raise ValueError("each phase must give every arm's weight")
        return self

    @property
    def window(self) -> timedelta:
        """``window_hours`` as a span."""
        return timedelta(hours=self.window_hours)

    def arm(self, name: str) -> Arm:
        """The arm of that name. Raises ``KeyError``."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise KeyError(name)

    def changes(self) -> frozenset[str]:
        """Names of the settings that any arm gives."""
        return frozenset().union(*(arm.settings.changed() for arm in self.arms))

    def runs(self, now: datetime) -> bool:
        """Whether shoppers are assigned at that time: from ``start``, before ``stop``."""
        return self.start <= now and (self.stop is None or now < self.stop)

    def meets(self, other: Experiment) -> bool:
        """Whether both run at some time."""
        first, second = self.stop or _LATEST, other.stop or _LATEST
        return max(self.start, other.start) < min(first, second)


class Experiments(_Part):
    """The content of ``experiments.json``, in the order of definition."""

    experiments: tuple[Experiment, ...] = Field(default=(), max_length=1_000)

    @model_validator(mode="after")
    def _named_once(self) -> Experiments:
        names = [each.name for each in self.experiments]
        if len(set(names)) != len(names):
            raise ValueError("experiments must have names of their own")
        return self

    def get(self, name: str) -> Experiment | None:
        """The experiment of that name, if there is one."""
        return next((each for each in self.experiments if each.name == name), None)

    def running(self, now: datetime) -> list[Experiment]:
        """Those that run at that time."""
        return [each for each in self.experiments if each.runs(now)]
