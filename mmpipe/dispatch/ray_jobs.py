"""Batch work: one Ray job per order, through the Jobs REST API (Ray 2.60).

A submission id that is taken answers HTTP 500, so the id is looked up first; between two dispatchers that
look at the same moment, "already exists" means that the other one was faster.
"""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Sequence
from typing import Literal

from mmpipe.dispatch.base import retry_all
from mmpipe.dispatch.environment import to_environment
from mmpipe.dispatch.http import Answer, HttpClient
from mmpipe.errors import DispatchUnavailable
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.settings import Settings

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
_JOBS = "/api/jobs/"
_RAISED = re.compile(r"^\w[\w.]*(?:Error|Exception|Timeout)\b.*", re.MULTILINE)
_ENDED_BADLY = frozenset({"FAILED", "STOPPED"})
# What a worker reads; addresses and tokens of dispatch are not its business.
_SECTIONS = ("storage", "media", "feeds", "indexing", "lake")


def submission_id(run_id: str, attempt: int = 1) -> str:
    """Ray's id for one attempt at a run."""
    return f"mmpipe-{run_id}" if attempt == 1 else f"mmpipe-{run_id}-{attempt}"


def entrypoint(order: WorkOrder) -> str:
    """The shell command of the job; the order is quoted, whatever its key holds."""
    return f"python -m mmpipe.indexing.batch --order {shlex.quote(order.model_dump_json())}"


class RayJobsDispatcher:
    """Submits an order as ``mmpipe-<run_id>``; where that job ended badly, as ``…-2``, then ``…-3``."""

    def __init__(self, settings: Settings) -> None:
        dispatch = settings.dispatch
        # Ray takes the token as "Authorization: Bearer"; it reads x-ray-authorization only without that.
        token = dispatch.ray_token.get_secret_value()
        self._http = HttpClient(dispatch.jobs_url, token, dispatch.timeout_seconds)
        self._environment = to_environment(settings, _SECTIONS)

    def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """See :meth:`mmpipe.dispatch.Dispatcher.submit`."""
        return [self._submit(order) for order in orders]

    def _submit(self, order: WorkOrder) -> WorkOutcome:
        try:
            for attempt in range(1, MAX_ATTEMPTS + 1):
                job = submission_id(order.run_id, attempt)
                state = self._state(job)
                if state is None:
                    return self._start(order, job)
                if state not in _ENDED_BADLY:
                    return _outcome(order, "duplicate", f"job {job} is {state}")
                logger.warning("an earlier job of this run ended badly", extra={"job": job, "state": state})
        except DispatchUnavailable as error:
            logger.warning("Ray's Jobs API unavailable", extra={"run_id": order.run_id, "reason": str(error)})
            return retry_all([order], str(error))[0]
        reason = f"{MAX_ATTEMPTS} jobs of this run ended badly; see `ray job logs {job}`, then redrive"
        return _outcome(order, "retry", reason)

    def _state(self, job: str) -> str | None:
        answer = self._http.request("GET", _JOBS + job)
        if answer.status == 404:
            return None
        if not answer.ok:
            raise DispatchUnavailable(_refusal(answer))
        body = answer.json()
        state = body.get("status") if isinstance(body, dict) else None
        if not isinstance(state, str):
            raise DispatchUnavailable(f"Ray's Jobs API described job {job} without a status")
        return state

    def _start(self, order: WorkOrder, job: str) -> WorkOutcome:
        payload = {
            "entrypoint": entrypoint(order),
            "submission_id": job,
            "runtime_env": {"env_vars": self._environment},
            "metadata": {"run_id": order.run_id, "collection": order.collection, "profile": order.profile},
        }
        answer = self._http.request("POST", _JOBS, payload)
        if answer.ok:
            return _outcome(order, "accepted", f"job {job}")
        if answer.status == 500 and "already exists" in answer.text:
            return _outcome(order, "duplicate", f"job {job} was submitted a moment ago")
        raise DispatchUnavailable(_refusal(answer))


def _outcome(order: WorkOrder, status: Literal["accepted", "duplicate", "retry"], reason: str) -> WorkOutcome:
    return WorkOutcome(run_id=order.run_id, status=status, reason=reason)


def _refusal(answer: Answer) -> str:
    if answer.status in (401, 403):
        return f"Ray refused the token: {answer.summary()} (set MMPIPE_DISPATCH__RAY_TOKEN to the cluster's)"
    if answer.status == 500 and (raised := _RAISED.findall(answer.text)):
        # Ray answers errors with a traceback, where the last exception says what happened.
        return f"Ray's Jobs API: HTTP 500: {raised[-1][:300]}"
    return f"Ray's Jobs API: {answer.summary()}"
