"""A schedule's input → one Ray job: ``{"task": "maintain", "time": "<when it was due>"}``.

EventBridge Scheduler fills in ``"<aws.scheduler.scheduled-time>"``, an EventBridge rule's input transformer
``$.time``: the job's id is derived from it, so that an event delivered twice is one job. A call that raises
is repeated by Lambda and ends in the function's dead-letter queue or failure destination.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from handlers._runtime import Runtime
from mmpipe.dispatch.jobs import Submission
from mmpipe.dispatch.scheduled import ScheduledJobs, job_id
from mmpipe.errors import DispatchUnavailable, InvalidEvent
from mmpipe.schemas.maintenance import MaintenanceDue
from mmpipe.settings import load_settings
from mmpipe.telemetry import annotate, span

logger = logging.getLogger("mmpipe.handlers.maintenance_due")

Handler = Callable[[dict[str, Any], Any], dict[str, str]]


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """The Lambda entry point. Settings are read at the first invocation, not at import."""
    return _cold_start()(event, context)


@functools.cache
def _cold_start() -> Handler:
    runtime = Runtime()
    return runtime.observed(build_handler(ScheduledJobs(load_settings()).submit, runtime.count))


def build_handler(
    submit: Callable[[MaintenanceDue], Submission], count: Callable[[str, int], None] | None = None
) -> Handler:
    """The same handler with its parts given. Answers ``{"job", "status", "reason"}``.

    ``count`` takes one of the metrics ``JobsAccepted``, ``JobsDuplicate`` and ``JobsRetry``.

    Raises :class:`InvalidEvent` for an input that is no task, :class:`DispatchUnavailable` where the job was
    not taken.
    """

    def handle(event: dict[str, Any], context: Any) -> dict[str, str]:
        with span("maintenance_due") as current:
            due = _due(event)
            annotate(current, "task", due.task)
            submission = submit(due)
            annotate(current, "status", submission.status)
            if count is not None:
                count(f"Jobs{submission.status.capitalize()}", 1)
            answer = {"job": job_id(due), "status": submission.status, "reason": submission.reason}
            logger.info("scheduled %s %s", due.task, submission.status, extra=answer)
            if submission.status == "retry":
                raise DispatchUnavailable(submission.reason)
        return answer

    return handle


def _due(event: object) -> MaintenanceDue:
    try:
        return MaintenanceDue.model_validate(event)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        reason = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'event'}: {fault['msg']}" for fault in faults
        )
        raise InvalidEvent(f"{reason}; mend the schedule's input") from error
