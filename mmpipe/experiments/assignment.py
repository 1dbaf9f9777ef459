"""Who gets which arm: a keyed hash of the shopper, and nothing kept.

Each arm of an experiment draws an exponential time with its weight as the rate, from a hash of the shopper
under the experiment's own salt; the first one wins (weighted rendezvous hashing: Thaler and Ravishankar,
1998; the race of exponentials is Efraimidis and Spirakis', 2006). So an arm gets exactly its weight's share
of the shoppers, assignments of different experiments are independent, and when an arm's weight grows shoppers
only move *into* it. Who takes part at all is another hash: raising ``traffic`` adds shoppers and moves
nobody.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from mmpipe.experiments.definition import ArmSettings, Experiment, Experiments

_SCALE = 2.0**-64


class Shopper(Protocol):
    """Who acts, by pseudonyms."""

    @property
    def user(self) -> str | None: ...

    @property
    def session(self) -> str | None: ...


def unit_of(shopper: Shopper) -> str | None:
    """By whom an assignment goes: the user, else the session; None where neither is known."""
    return shopper.user or shopper.session


def assign(experiments: Experiments, shopper: Shopper, now: datetime) -> dict[str, str]:
    """The arm's name by the experiment's, of every ``split`` that runs and that the shopper takes part in.

    The same answer in every process, without I/O, a few microseconds each. A shopper without user and
    session is in none. One who logs in is assigned by the user from then on, and may change arms by that;
    reports count the person where they were first.
    """
    unit = unit_of(shopper)
    if unit is None:
        return {}
    running = (each for each in experiments.running(now) if each.design == "split")
    return {each.name: arm_of(each, unit) for each in running if takes_part(each, unit)}


def takes_part(experiment: Experiment, unit: str) -> bool:
    """Whether the shopper is among the experiment's share of all shoppers (``traffic``)."""
    return _uniform(experiment.salt, "traffic", unit) < experiment.traffic


def arm_of(experiment: Experiment, unit: str) -> str:
    """The name of a shopper's arm, whether they take part or not."""
    times = (
        (-math.log(_uniform(experiment.salt, f"arm\0{arm.name}", unit)) / arm.weight, arm.name)
        for arm in experiment.arms
    )
    return min(times)[1]


def settings_of(experiments: Experiments, assigned: Mapping[str, str]) -> ArmSettings:
    """What the assigned arms change, together. No two experiments that run at once change the same."""
    return merged(
        each.arm(assigned[each.name]).settings for each in experiments.experiments if each.name in assigned
    )


def merged(settings: Iterable[ArmSettings]) -> ArmSettings:
    """Several arms' settings in one; of what two give the later one's."""
    given: dict[str, object] = {}
    for each in settings:
        given.update(each.model_dump(exclude_none=True))
    return ArmSettings.model_validate(given)


def _uniform(salt: str, purpose: str, unit: str) -> float:
    """In (0, 1), from 64 bits of a keyed hash."""
    digest = hashlib.blake2b(f"{purpose}\0{unit}".encode(), digest_size=8, key=bytes.fromhex(salt)).digest()
    # The topmost of the 2**64 values is rounded to 1.0, whose logarithm would be no time at all: harmless.
    return (int.from_bytes(digest, "big") + 0.5) * _SCALE
