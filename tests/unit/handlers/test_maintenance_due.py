from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handlers.maintenance_due import build_handler
from mmpipe.dispatch.jobs import Submission
from mmpipe.errors import DispatchUnavailable, InvalidEvent
from mmpipe.schemas.maintenance import MaintenanceDue

ROOT = Path(__file__).parents[3]
EVENT = {"task": "maintain", "time": "2026-03-01T03:00:00Z"}


def test_a_task_becomes_a_job_and_its_answer_names_it() -> None:
    seen: list[MaintenanceDue] = []

    def submit(due: MaintenanceDue) -> Submission:
        seen.append(due)
        return Submission("duplicate", "job x is RUNNING")

    answer = build_handler(submit)(dict(EVENT), None)
    assert answer["status"] == "duplicate"
    assert answer["job"].startswith("mmpipe-maintain-20260301T030000Z")
    assert [due.task for due in seen] == ["maintain"]


def test_what_was_not_taken_is_an_error_so_that_lambda_repeats_it() -> None:
    handle = build_handler(lambda due: Submission("retry", "3 attempts at this job ended badly"))
    with pytest.raises(DispatchUnavailable, match="3 attempts"):
        handle(dict(EVENT), None)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({}, "task: Field required"),
        ({**EVENT, "task": "x"}, "task"),
        ({"task": "retrain"}, "time"),
        ([], "event"),
    ],
)
def test_an_input_that_is_no_task_says_what_to_mend(event: Any, words: str) -> None:
    with pytest.raises(InvalidEvent, match=words) as caught:
        build_handler(lambda due: Submission("accepted", ""))(event, None)
    assert "schedule" in str(caught.value)


def test_importing_is_light() -> None:
    heavy = ("torch", "ray", "lancedb", "lance", "pyarrow", "numpy", "boto3", "botocore.session")
    program = f"import sys, handlers.maintenance_due; print([m for m in {heavy!r} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[]"
