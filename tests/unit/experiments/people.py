"""Experiments and shoppers for the tests of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mmpipe.experiments import Arm, ArmSettings, Experiment, Experiments
from mmpipe.experiments.definition import Phase
from mmpipe.lake.interactions import SCHEMA

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Who:
    user: str | None = None
    session: str | None = None


def experiment(name: str = "bolder", **changes: Any) -> Experiment:
    arms = changes.pop("arms", (("control", 1.0), ("bold", 1.0)))
    made = tuple(
        Arm(name=arm, weight=weight, settings=ArmSettings(diversity=0.1 * place))
        for place, (arm, weight) in enumerate(arms)
    )
    phase = Phase(since=START, weights={arm.name: arm.weight for arm in made}, traffic=1.0)
    given: dict[str, Any] = {
        "name": name,
        "arms": made,
        "start": START,
        "salt": f"{sum(name.encode()):032x}",
        "phases": (phase,),
    }
    return Experiment(**(given | changes))


def book(*held: Experiment) -> Experiments:
    return Experiments(experiments=held)


def after(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of the log; what is left out is null, the id its place, the arrival its time."""
    full = [
        {"event_id": f"e{place}", "received_at": row["occurred_at"], **row} for place, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(full, schema=SCHEMA)


def did(kind: str, hours: float, who: Who, product: str | None = "p1", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "occurred_at": after(hours),
        "user": who.user,
        "session": who.session,
        "product_id": product,
        **more,
    }
