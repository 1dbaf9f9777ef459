"""One Ray job by its submission id, through the Jobs REST API (Ray 2.60).

A submission id that is taken answers HTTP 500, so the id is looked up first; between two callers that look at
the same moment, "already exists" means that the other one was faster.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mmpipe.dispatch.environment import to_environment
from mmpipe.dispatch.http import Answer, HttpClient
from mmpipe.dispatch.tokens import token_source
from mmpipe.errors import DispatchUnavailable
from mmpipe.settings import Settings
from mmpipe.telemetry import annotate, carrier, span

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
_JOBS = "/api/jobs/"
_RAISED = re.compile(r"^\w[\w.]*(?:Error|Exception|Timeout)\b.*", re.MULTILINE)
_ENDED_BADLY = frozenset({"FAILED", "STOPPED"})
# What a worker reads; addresses and tokens of dispatch are not its business.
_SECTIONS = ("storage", "media", "feeds", "indexing", "lake")


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of one call; ``retry`` where every allowed attempt at the job has ended badly."""

    status: Literal["accepted", "duplicate", "retry"]
    reason: str


class RayJobs:
    """Submits jobs, each as often as it takes to run once: as ``<id>``, and where that job ended badly, as
    ``<id>-2``, then ``<id>-3``."""

    def __init__(self, settings: Settings) -> None:
        dispatch = settings.dispatch
        # Ray takes the token as "Authorization: Bearer"; it reads x-ray-authorization only without that.
        token = token_source(dispatch.ray_token, dispatch.ray_token_secret)
        self._http = HttpClient(dispatch.jobs_url, token, dispatch.timeout_seconds)
        self._environment = to_environment(settings, _SECTIONS)

    def submit(self, job: str, entrypoint: str, metadata: Mapping[str, str]) -> Submission:
        """Run a shell command as the job of that id, unless it runs or has run well.

        The job finds the current trace in its environment (``TRACEPARENT``), where traces are on. Raises
        :class:`DispatchUnavailable` where Ray does not answer, or refuses.
        """
        with span("job.submit") as current:
            submission = self._submit(job, entrypoint, metadata)
            annotate(current, "status", submission.status)
            return submission

    def _submit(self, job: str, entrypoint: str, metadata: Mapping[str, str]) -> Submission:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            name = job if attempt == 1 else f"{job}-{attempt}"
            state = self._state(name)
            if state is None:
                return self._start(name, entrypoint, metadata)
            if state not in _ENDED_BADLY:
                return Submission("duplicate", f"job {name} is {state}")
            logger.warning("an earlier attempt at this job ended badly", extra={"job": name, "state": state})
        reason = f"{MAX_ATTEMPTS} attempts at this job ended badly; see `ray job logs {name}`, then redrive"
        return Submission("retry", reason)

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

    def _start(self, job: str, entrypoint: str, metadata: Mapping[str, str]) -> Submission:
        payload = {
            "entrypoint": entrypoint,
            "submission_id": job,
            "runtime_env": {"env_vars": self._environment | _trace()},
            "metadata": dict(metadata),
        }
        answer = self._http.request("POST", _JOBS, payload)
        if answer.ok:
            return Submission("accepted", f"job {job}")
        if answer.status == 500 and "already exists" in answer.text:
            return Submission("duplicate", f"job {job} was submitted a moment ago")
        raise DispatchUnavailable(_refusal(answer))


def _trace() -> dict[str, str]:
    return {name.upper(): value for name, value in carrier().items()}


def _refusal(answer: Answer) -> str:
    if answer.status in (401, 403):
        return (
            f"Ray refused the token: {answer.summary()} (MMPIPE_DISPATCH__RAY_TOKEN, or the text of"
            " MMPIPE_DISPATCH__RAY_TOKEN_SECRET, must be the cluster's)"
        )
    if answer.status == 500 and (raised := _RAISED.findall(answer.text)):
        # Ray answers errors with a traceback, where the last exception says what happened.
        return f"Ray's Jobs API: HTTP 500: {raised[-1][:300]}"
    return f"Ray's Jobs API: {answer.summary()}"
