"""How a collection and the service do, on one page."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from mmpipe.schemas.status import Freshness, Models, Publication
from mmpipe.schemas.work import REMOVALS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.encoders.base import Profile
    from mmpipe.lake import Collection
    from mmpipe.lake.live import LiveVersion
    from mmpipe.schemas.run import RunRecord

HISTORY: Final = 20
RUNS: Final = 50
"""Whose times from event to live are looked at."""


def publication(live: LiveVersion | None) -> Publication | None:
    """What of it is told."""
    return None if live is None else Publication.model_validate(live.model_dump())


def freshness(runs: Sequence[RunRecord], age: float | None, version: int | None) -> Freshness:
    """Of runs, the newest first."""
    waits = [
        max(0.0, run.finished_at.timestamp() - int(second))
        for run in runs
        if run.status == "done" and run.finished_at is not None and run.kind not in REMOVALS
        if (run.indexed or run.deleted) and not run.refused
        if (second := run.event_order.partition(".")[0]).isdigit()
    ]
    return Freshness(
        age_seconds=None if age is None else round(age, 3),
        served_version=version,
        upload_to_live_seconds=round(median(waits), 1) if waits else None,
        runs=len(waits),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What the lake says of a collection."""

    live: Publication | None
    history: list[Publication]
    back_to: Publication | None
    models: Models | None
    rejects: int
    runs: list[RunRecord]

    @classmethod
    def of(cls, held: Collection) -> Told:
        """Reads it. Blocks."""
        content = held.live_file()
        history = () if content is None else tuple(reversed(content.history))[:HISTORY]
        return cls(
            live=None if content is None else publication(content.live),
            history=[told for entry in history if (told := publication(entry)) is not None],
            back_to=None if content is None else publication(content.before()),
            models=None if content is None else models_of(held.table(content.live.table).profile),
            rejects=held.rejects.count(),
            runs=held.runs.list(limit=RUNS),
        )


def models_of(profile: Profile) -> Models:
    """A profile as people read it."""
    return Models(
        profile=profile.name,
        fingerprint=profile.fingerprint,
        encoders={name: f"{each.id} {each.revision}" for name, each in profile.encoders.items()},
        fusion=profile.fusion.kind,
    )
