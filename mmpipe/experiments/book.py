"""``<lake>/<collection>/experiments.json``: read cheaply, changed by conditional writes only."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from pydantic import ValidationError

from mmpipe.errors import CommitConflict, InvalidRequest, NotFound, StorageUnavailable
from mmpipe.experiments.definition import Arm, Design, Experiment, Experiments, Goal
from mmpipe.objects import FollowedObject

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStat, ObjectStore

_MAX_BYTES = 4_000_000
_ATTEMPTS = 8


class ExperimentBook:
    """The experiments of one collection. Safe to share between threads."""

    def __init__(self, store: ObjectStore, collection_uri: str) -> None:
        self.uri = f"{collection_uri.rstrip('/')}/experiments.json"
        self._file = FollowedObject(store, self.uri, partial(_content_of, self.uri), max_bytes=_MAX_BYTES)

    def read(self) -> Experiments:
        """What is defined; nothing where nothing ever was.

        While the file stays as it was, every further call costs one conditional request without a body and
        gives the same object. Raises ``StorageUnavailable``, also where the file is damaged."""
        return self._read()[0]

    def define(
        self,
        name: str,
        arms: tuple[Arm, ...],
        *,
        now: datetime,
        design: Design = "split",
        traffic: float = 1.0,
        goal: Goal = "conversion",
        alpha: float = 0.05,
        window_hours: float = 24.0,
        start: datetime | None = None,
        stop: datetime | None = None,
    ) -> Experiment:
        """Store a new experiment, or new weights, ``traffic`` and ``stop`` of one that has not ended.

        All else of a defined one is fixed: another treatment under the same name would be another
        experiment. Raises ``InvalidRequest`` for what cannot be, and where an experiment that runs at the
        same time changes the same setting; ``CommitConflict``, ``StorageUnavailable``.
        """
        salt = secrets.token_hex(16)
        phase = {"since": now, "weights": {arm.name: arm.weight for arm in arms}, "traffic": traffic}

        def changed(held: Experiments) -> tuple[Experiments, Experiment]:
            former = held.get(name)
            if former is not None:
                _check_goes_on(former, arms, now)
            first = [] if former is None else [each.model_dump() for each in former.phases]
            made = _checked(
                {
                    "name": name,
                    "design": design,
                    "arms": [arm.model_dump() for arm in arms],
                    "traffic": traffic,
                    "goal": goal,
                    "alpha": alpha,
                    "window_hours": window_hours,
                    "start": start or (now if former is None else former.start),
                    "stop": stop,
                    "salt": salt if former is None else former.salt,
                    "phases": [*first, phase],
                }
            )
            if former is not None:
                made = _followed(former, made, now)
            _check_alone(held, made)
            return _with(held, made), made

        return self._change(changed)

    def stop(self, name: str, *, now: datetime) -> Experiment:
        """End an experiment; one that has ended stays as it is. One that has not begun ends at its start,
        without a shopper. Raises ``NotFound``, ``CommitConflict``, ``StorageUnavailable``."""

        def changed(held: Experiments) -> tuple[Experiments, Experiment]:
            former = held.get(name)
            if former is None:
                raise NotFound(f"there is no experiment {name[:80]!r}: see mmpipe experiments list")
            if former.stop is not None and former.stop <= now:
                return held, former
            made = former.model_copy(update={"stop": max(now, former.start)})
            return _with(held, made), made

        return self._change(changed)

    def get(self, name: str) -> Experiment:
        """The experiment of that name. Raises ``NotFound``, ``StorageUnavailable``."""
        found = self.read().get(name)
        if found is None:
            raise NotFound(f"there is no experiment {name[:80]!r}: see mmpipe experiments list")
        return found

    def _change(self, change: Callable[[Experiments], tuple[Experiments, Experiment]]) -> Experiment:
        for _ in range(_ATTEMPTS):
            held, etag = self._read()
            content, made = change(held)
            if content is held:
                return made
            data = content.model_dump_json(indent=1, exclude_none=True).encode()
            if len(data) > _MAX_BYTES:
                raise InvalidRequest("experiments", "too many are kept: remove some that ended from the file")
            try:
                self._file.write(data, former=etag)
            except CommitConflict:
                continue
            return made
        raise CommitConflict(f"{self.uri}: others kept changing it first")

    def _read(self) -> tuple[Experiments, str | None]:
        return self._file.read() or (Experiments(), None)


def _content_of(uri: str, data: bytes, found: ObjectStat) -> tuple[Experiments, str | None]:
    try:
        return Experiments.model_validate_json(data), found.etag
    except ValidationError as error:
        raise StorageUnavailable(
            f"{uri} holds no experiments ({error.error_count()} faults): restore or remove it"
        ) from error


def _checked(content: dict[str, object]) -> Experiment:
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"]) or "experiment"
        raise InvalidRequest(field, fault["msg"].removeprefix("Value error, ")) from error


def _check_goes_on(former: Experiment, arms: tuple[Arm, ...], now: datetime) -> None:
    if former.stop is not None and former.stop <= now:
        raise InvalidRequest("name", f"experiment {former.name} has ended: define it under another name")
    if [(arm.name, arm.settings) for arm in former.arms] != [(arm.name, arm.settings) for arm in arms]:
        raise InvalidRequest("arms", "only weights may change: define another treatment under another name")


def _followed(former: Experiment, made: Experiment, now: datetime) -> Experiment:
    fixed = ("design", "goal", "alpha", "window_hours", "start")
    for field in fixed:
        if getattr(former, field) != getattr(made, field):
            raise InvalidRequest(field, "is fixed once an experiment is defined: use another name")
    latest, said = former.phases[-1], made.phases[-1]
    if (latest.weights, latest.traffic) == (said.weights, said.traffic):
        return made.model_copy(update={"phases": former.phases})
    # What was said before the start never held.
    return made if now >= former.start else made.model_copy(update={"phases": (said,)})


def _check_alone(held: Experiments, made: Experiment) -> None:
    for other in held.experiments:
        shared = other.changes() & made.changes()
        if other.name != made.name and shared and other.meets(made):
            raise InvalidRequest(
                "arms",
                f"experiment {other.name} changes {', '.join(sorted(shared))} at the same time:"
                " stop it first, or give times apart",
            )
        if other.name != made.name and other.meets(made) and other.design == made.design == "interleave":
            raise InvalidRequest("design", f"{other.name} interleaves at the same time: stop it first")


def _with(held: Experiments, made: Experiment) -> Experiments:
    others = [made if each.name == made.name else each for each in held.experiments]
    if held.get(made.name) is None:
        others.append(made)
    if len(others) > 1_000:
        raise InvalidRequest("name", "a collection keeps 1,000 experiments: remove some that ended")
    return Experiments(experiments=tuple(others))
