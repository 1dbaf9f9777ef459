from __future__ import annotations

import shlex
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from mmpipe.dispatch.scheduled import ScheduledJobs, job_entrypoint, job_id
from mmpipe.errors import DispatchUnavailable
from mmpipe.schemas.maintenance import MaintenanceDue
from mmpipe.settings import DispatchSettings, LakeSettings, Settings

NIGHT = "2026-03-01T03:00:00Z"


def due(**fields: Any) -> MaintenanceDue:
    return MaintenanceDue.model_validate({"task": "maintain", "time": NIGHT, **fields})


def settings(url: str = "http://127.0.0.1:9") -> Settings:
    dispatch = DispatchSettings(jobs_url=url, ray_token=SecretStr("t"))
    return Settings(dispatch=dispatch, lake=LakeSettings(uri="s3://lake/tables"))


def test_one_due_time_is_one_job_whatever_its_time_zone() -> None:
    assert job_id(due()).startswith("mmpipe-maintain-20260301T030000Z-")
    assert job_id(due()) == job_id(due(time="2026-03-01T04:00:00+01:00"))
    others = [
        due(time="2026-03-02T03:00:00Z"),
        due(collections=["shop"]),
        due(task="retrain", catalogue="s3://b/a.csv"),
        due(task="retrain", catalogue="s3://b/b.csv"),
        due(task="retrain", recommender=["shop"]),
        due(task="settle"),
        due(task="settle", collections=["shop"]),
    ]
    assert len({job_id(due()), *map(job_id, others)}) == 8


def test_a_repeated_event_submits_nothing(site: Any) -> None:
    jobs: dict[str, dict[str, Any]] = {}

    def ray(request: Any) -> tuple[int, object]:
        if request.method == "POST":
            jobs[request.body["submission_id"]] = request.body
            return 200, {}
        job = request.path.rpartition("/")[2]
        return (200, {"status": "RUNNING"}) if job in jobs else (404, "no such job")

    site.answer = ray
    scheduled = ScheduledJobs(settings(site.url))
    assert [scheduled.submit(due()).status for _ in range(3)] == ["accepted", "duplicate", "duplicate"]
    (body,) = jobs.values()
    assert body["entrypoint"] == "python -m mmpipe.indexing.maintain"
    assert body["runtime_env"] == {"env_vars": {"MMPIPE_LAKE__URI": "s3://lake/tables"}}


def test_rays_absence_is_an_error_that_repeats_the_call() -> None:
    with pytest.raises(DispatchUnavailable):
        ScheduledJobs(settings()).submit(due())


def test_whatever_the_input_holds_is_one_word_of_the_command() -> None:
    words = shlex.split(job_entrypoint(due(collections=["a", "b"])))
    assert words == ["python", "-m", "mmpipe.indexing.maintain", "--collection", "a", "--collection", "b"]
    words = shlex.split(job_entrypoint(due(task="settle", collections=["a"])))
    assert words == ["python", "-m", "mmpipe.recommend.sponsored.settling", "--collection", "a"]
    hostile = "s3://b/$(id) '; rm -rf x"
    words = shlex.split(job_entrypoint(due(task="retrain", catalogue=hostile)))
    assert words == ["python", "-m", "mmpipe.learn.retrain", "--catalogue", hostile]
    words = shlex.split(job_entrypoint(due(task="retrain", recommender=["shop", "outlet"])))
    assert words[3:] == ["--recommender", "shop", "--recommender", "outlet"]
    both = shlex.split(job_entrypoint(due(task="retrain", catalogue="s3://b/a.csv", recommender=["shop"])))
    assert both[3:] == ["--catalogue", "s3://b/a.csv", "--recommender", "shop"]


@pytest.mark.parametrize(
    "fields",
    [
        {"task": "delete"},
        {"time": "yesterday"},
        {"time": "2026-03-01T03:00:00"},  # of which time zone?
        {"collections": ["../other"]},
        {"collections": ["a\n"]},
        {"catalogue": "s3://b/a.csv"},
        {"recommender": ["shop"]},
        {"task": "retrain"},
        {"task": "retrain", "recommender": ["--help"]},
        {"task": "retrain", "catalogue": "--help"},
        {"task": "retrain", "catalogue": "s3://b/a.csv", "collections": ["a"]},
        {"task": "settle", "catalogue": "s3://b/a.csv"},
        {"task": "settle", "recommender": ["shop"]},
        {"surprise": 1},
    ],
)
def test_what_is_no_task_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        due(**fields)
