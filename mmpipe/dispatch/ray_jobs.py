"""Batch work: one Ray job per order."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence

from mmpipe.dispatch.base import retry_all
from mmpipe.dispatch.jobs import RayJobs
from mmpipe.errors import DispatchUnavailable
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import Settings

logger = logging.getLogger(__name__)


def submission_id(run_id: str) -> str:
    """Ray's id for the first attempt at a run; see :class:`mmpipe.dispatch.jobs.RayJobs`."""
    return f"mmpipe-{run_id}"


def entrypoint(order: WorkOrder) -> str:
    """The shell command of the job; the order is quoted, whatever its key holds."""
    return f"python -m mmpipe.indexing.batch --order {shlex.quote(order.model_dump_json())}"


class RayJobsDispatcher:
    """Submits each order as the job ``mmpipe-<run_id>``."""

    def __init__(self, settings: Settings) -> None:
        self._jobs = RayJobs(settings)

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """See :meth:`mmpipe.dispatch.Dispatcher.submit`."""
        return [self._submit(order) for order in orders]

    def _submit(self, order: WorkOrder) -> WorkOutcome:
        metadata = {"run_id": order.run_id, "collection": order.collection}
        try:
            submission = self._jobs.submit(submission_id(order.run_id), entrypoint(order), metadata)
        except DispatchUnavailable as error:
            logger.warning("Ray's Jobs API unavailable", extra={"run_id": order.run_id, "reason": str(error)})
            return retry_all([order], str(error))[0]
        return WorkOutcome(run_id=order.run_id, status=submission.status, reason=submission.reason)
