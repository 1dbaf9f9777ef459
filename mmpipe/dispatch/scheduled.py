"""Scheduled tasks: each due time becomes one Ray job, however often it is announced."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from datetime import UTC

from mmpipe.dispatch.jobs import RayJobs, Submission
from mmpipe.schemas.maintenance import MaintenanceDue, Task
from mmpipe.settings import Settings

_MODULES: Mapping[Task, str] = {
    "maintain": "mmpipe.indexing.maintain",
    "retrain": "mmpipe.learn.retrain",
    "settle": "mmpipe.recommend.sponsored.settling",
}


def job_id(due: MaintenanceDue) -> str:
    """``mmpipe-<task>-<time due, UTC>-<digest of the options>``."""
    options = due.model_dump_json(exclude={"task", "time"})
    digest = hashlib.sha256(options.encode()).hexdigest()[:8]
    return f"mmpipe-{due.task}-{due.time.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}"


def job_entrypoint(due: MaintenanceDue) -> str:
    """The job's shell command; whatever the schedule's input holds is quoted."""
    words = ["python", "-m", _MODULES[due.task]]
    for collection in due.collections:
        words += ["--collection", collection]
    if due.catalogue is not None:
        words += ["--catalogue", due.catalogue]
    for collection in due.recommender:
        words += ["--recommender", collection]
    return shlex.join(words)


class ScheduledJobs:
    """Submits scheduled tasks to Ray's Jobs API."""

    def __init__(self, settings: Settings) -> None:
        self._jobs = RayJobs(settings)

    def submit(self, due: MaintenanceDue) -> Submission:
        """One job per task, due time and options; ``duplicate`` where it runs or has run well.

        Raises :class:`mmpipe.errors.DispatchUnavailable` where Ray does not take it.
        """
        metadata = {"task": due.task, "due": due.time.isoformat()}
        return self._jobs.submit(job_id(due), job_entrypoint(due), metadata)
