from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from mmpipe.dispatch import (
    Dispatcher,
    IndexerDispatcher,
    InProcessDispatcher,
    LaneDispatcher,
    RayJobsDispatcher,
    dispatcher_for,
)
from mmpipe.dispatch.environment import to_environment
from mmpipe.dispatch.ray_jobs import entrypoint
from mmpipe.errors import StorageUnavailable
from mmpipe.schemas.work import Lane, ObjectRef, OutcomeStatus, WorkOrder, WorkOutcome
from mmpipe.settings import DispatchSettings, IndexingSettings, LakeSettings, MediaSettings, Settings

TOKEN = "s3cr3t-token"


def order(n: int, lane: Lane = "warm", uri: str = "s3://bucket/shop/feeds/a.jsonl") -> WorkOrder:
    ref = ObjectRef(uri=uri, etag="e", size=1, event_time=datetime(2026, 3, 1, tzinfo=UTC))
    run_id = f"{n:032x}"
    return WorkOrder(run_id=run_id, kind="feed_uploaded", collection="shop", object=ref, lane=lane)


def settings(url: str, timeout: float = 5.0) -> Settings:
    return Settings(
        dispatch=DispatchSettings(
            indexer_url=url,
            jobs_url=url,
            token=SecretStr(TOKEN),
            ray_token=SecretStr(TOKEN),
            timeout_seconds=timeout,
        )
    )


def indexer(url: str, timeout: float = 5.0) -> Dispatcher:
    return IndexerDispatcher(settings(url, timeout).dispatch)


def ray_jobs(url: str, timeout: float = 5.0) -> Dispatcher:
    return RayJobsDispatcher(settings(url, timeout))


def lanes(url: str, timeout: float = 5.0) -> Dispatcher:
    return dispatcher_for(settings(url, timeout))


def works(request: Any) -> tuple[int, object]:
    """Both services at once, in good health."""
    if request.path == "/internal/v1/work":
        runs = [o["run_id"] for o in request.body["orders"]]
        return 200, {"outcomes": [{"run_id": run, "status": "done"} for run in reversed(runs)]}
    return (404, "Job does not exist") if request.method == "GET" else (200, {"submission_id": "x"})


# --- the contract: holds for every dispatcher -------------------------------------------------------------

remote = pytest.mark.parametrize("make", [indexer, ray_jobs, lanes])
Make = Callable[..., Dispatcher]


@remote
def test_one_outcome_per_order_in_their_order(make: Make, site: Any) -> None:
    site.answer = works
    orders = [order(3), order(1, "batch"), order(2)]
    outcomes = make(site.url).submit(orders)
    assert [o.run_id for o in outcomes] == [o.run_id for o in orders]
    assert {o.status for o in outcomes} <= {"done", "accepted"}


@remote
def test_no_orders_no_request(make: Make, site: Any) -> None:
    assert make(site.url).submit([]) == []
    assert site.seen == []


@remote
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 413, 422, 429, 500, 502, 503, 504])
def test_whatever_refuses_the_work_leaves_it_on_the_queue(make: Make, status: int, site: Any) -> None:
    site.answer = lambda request: (status, {"title": "No", "detail": "not today"})
    if make is not indexer and status == 404:
        site.answer = lambda request: (
            404,
            "no such route",
        )  # looks like an unknown job, then refuses the POST
    outcomes = make(site.url).submit([order(1), order(2)])
    assert [(o.status, bool(o.reason)) for o in outcomes] == [("retry", True)] * 2
    assert f"HTTP {status}" in outcomes[0].reason
    assert not any(TOKEN in o.reason for o in outcomes)
    assert all(request.path != "/elsewhere" for request in site.seen)


@remote
@pytest.mark.parametrize("body", ["<html>", "[]", '"x"', "{}", '{"outcomes": 3}', "[" * 50_000])
def test_nonsense_leaves_it_on_the_queue(make: Make, body: str, site: Any) -> None:
    site.answer = lambda request: (200, body)
    assert [o.status for o in make(site.url).submit([order(1)])] == ["retry"]


@remote
def test_nobody_there(make: Make) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        assert [o.status for o in make(url).submit([order(1), order(2)])] == ["retry", "retry"]


@remote
def test_no_answer_in_time(make: Make, site: Any) -> None:
    def hang(request: Any) -> tuple[int, object]:
        site.release.wait(10)
        return 200, {}

    site.answer = hang
    assert [o.status for o in make(site.url, 0.2).submit([order(1)])] == ["retry"]


@remote
def test_an_unusable_address_is_no_crash(make: Make) -> None:
    assert [o.status for o in make("http://[bad").submit([order(1)])] == ["retry"]


@remote
def test_the_token_is_a_bearer_token(make: Make, site: Any) -> None:
    site.answer = works
    make(site.url).submit([order(1)])
    assert {request.headers["Authorization"] for request in site.seen} == {f"Bearer {TOKEN}"}


# --- the indexer -------------------------------------------------------------------------------------------


def test_the_indexers_verdicts_are_passed_on(site: Any) -> None:
    verdicts = [
        {"run_id": order(1).run_id, "status": "failed", "reason": "title: missing"},
        {"run_id": order(2).run_id, "status": "duplicate"},
    ]
    site.answer = lambda request: (200, {"outcomes": verdicts})
    outcomes = indexer(site.url).submit([order(1), order(2), order(3)])
    assert [(o.status, o.reason) for o in outcomes[:2]] == [("failed", "title: missing"), ("duplicate", "")]
    assert outcomes[2].status == "retry"  # no verdict


def test_a_batch_is_one_request_and_carries_the_orders(site: Any) -> None:
    site.answer = works
    orders = [order(n) for n in range(10)]
    indexer(site.url).submit(orders)
    (request,) = site.seen
    assert [WorkOrder.model_validate(o) for o in request.body["orders"]] == orders


def test_one_refused_order_does_not_hold_up_the_others(site: Any) -> None:
    def picky(request: Any) -> tuple[int, object]:
        if any(o["run_id"] == order(2).run_id for o in request.body["orders"]):
            return 422, {"title": "Unprocessable", "detail": "orders.1.lane"}
        return works(request)

    site.answer = picky
    assert [o.status for o in indexer(site.url).submit([order(1), order(2), order(3)])] == [
        "done",
        "retry",
        "done",
    ]


# --- Ray jobs ----------------------------------------------------------------------------------------------


def ray(jobs: dict[str, str], on_post: tuple[int, object] = (200, {})) -> Callable[[Any], tuple[int, object]]:
    """The Jobs API with these jobs and their states."""

    def answer(request: Any) -> tuple[int, object]:
        if request.method == "POST":
            return on_post
        job = request.path.rpartition("/")[2]
        return (200, {"submission_id": job, "status": jobs[job]}) if job in jobs else (404, "does not exist")

    return answer


ID = f"mmpipe-{1:032x}"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "SUCCEEDED"])
def test_a_run_with_a_job_is_a_duplicate(state: str, site: Any) -> None:
    site.answer = ray({ID: state})
    (outcome,) = ray_jobs(site.url).submit([order(1, "batch")])
    assert (outcome.status, [r.method for r in site.seen]) == ("duplicate", ["GET"])


@pytest.mark.parametrize(
    ("jobs", "submitted"),
    [({}, ID), ({ID: "FAILED"}, f"{ID}-2"), ({ID: "STOPPED", f"{ID}-2": "FAILED"}, f"{ID}-3")],
)
def test_a_job_that_ended_badly_is_tried_again(jobs: dict[str, str], submitted: str, site: Any) -> None:
    site.answer = ray(jobs)
    (outcome,) = ray_jobs(site.url).submit([order(1, "batch")])
    assert (outcome.status, site.seen[-1].body["submission_id"]) == ("accepted", submitted)


def test_a_retried_job_that_runs_is_a_duplicate(site: Any) -> None:
    site.answer = ray({ID: "FAILED", f"{ID}-2": "RUNNING"})
    assert ray_jobs(site.url).submit([order(1, "batch")])[0].status == "duplicate"


def test_attempts_are_bounded(site: Any) -> None:
    site.answer = ray({ID: "FAILED", f"{ID}-2": "FAILED", f"{ID}-3": "FAILED"})
    (outcome,) = ray_jobs(site.url).submit([order(1, "batch")])
    assert (outcome.status, f"{ID}-3" in outcome.reason) == ("retry", True)
    assert {r.method for r in site.seen} == {"GET"}


def test_losing_the_race_for_an_id_is_a_duplicate(site: Any) -> None:
    trace = f"Traceback (most recent call last):\nRuntimeError: Job with submission_id {ID} already exists."
    site.answer = ray({}, on_post=(500, trace))
    assert ray_jobs(site.url).submit([order(1, "batch")])[0].status == "duplicate"


def test_another_500_is_told_by_its_last_line(site: Any) -> None:
    site.answer = ray(
        {}, on_post=(500, "Traceback (most recent call last):\n  File\nValueError: no room\n.\n")
    )
    (outcome,) = ray_jobs(site.url).submit([order(1, "batch")])
    assert (outcome.status, outcome.reason) == ("retry", "Ray's Jobs API: HTTP 500: ValueError: no room")


@pytest.mark.parametrize(
    "name", ["a'; touch /tmp/x; '.jsonl", "$(id).jsonl", '`id` \\"\n.jsonl', "春季 'x'.csv"]
)
def test_hostile_keys_are_one_shell_word(name: str) -> None:
    given = order(1, "batch", uri=f"s3://bucket/shop/feeds/{name}")
    words = shlex.split(entrypoint(given))
    assert words[:4] == ["python", "-m", "mmpipe.indexing.batch", "--order"]
    assert [WorkOrder.model_validate_json(word) for word in words[4:]] == [given]


def test_a_job_carries_settings_but_no_secret(site: Any) -> None:
    site.answer = ray({})
    base = settings(site.url)
    RayJobsDispatcher(base.model_copy(update={"lake": LakeSettings(uri="s3://lake/tables")})).submit(
        [order(1, "batch")]
    )
    body = site.seen[-1].body
    assert body["runtime_env"]["env_vars"] == {"MMPIPE_LAKE__URI": "s3://lake/tables"}
    assert TOKEN not in json.dumps(body)


def test_settings_survive_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        media=MediaSettings(allowed_hosts=("cdn.example.com", "*.shop.example"), max_audio_seconds=1.5),
        indexing=IndexingSettings(profile="fake"),
        dispatch=DispatchSettings(token=SecretStr(TOKEN)),
    )
    environment = to_environment(given, ["media", "indexing", "dispatch"])
    assert not any(TOKEN in value for value in environment.values())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings().media == given.media
    assert Settings().indexing == given.indexing


# --- in this process ----------------------------------------------------------------------------------


def done(orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
    return [WorkOutcome(run_id=o.run_id, status="done") for o in orders]


def test_in_process() -> None:
    assert InProcessDispatcher(done).submit([order(1), order(2)]) == done([order(1), order(2)])
    assert InProcessDispatcher(done).submit([]) == []
    assert [
        o.status for o in InProcessDispatcher(lambda orders: done(orders[:1])).submit([order(1), order(2)])
    ] == [
        "done",
        "retry",
    ]


@pytest.mark.parametrize("error", [StorageUnavailable("throttled"), ZeroDivisionError("bug")])
def test_in_process_trouble_leaves_it_on_the_queue(error: Exception) -> None:
    def crash(orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        raise error

    (outcome,) = InProcessDispatcher(crash).submit([order(1)])
    assert (outcome.status, str(error) in outcome.reason) == ("retry", True)


def test_lanes_are_called_once_each() -> None:
    calls: list[tuple[str, list[str]]] = []

    def lane(name: str) -> Dispatcher:
        def execute(orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
            calls.append((name, [o.run_id[-1] for o in orders]))
            return done(orders)

        return InProcessDispatcher(execute)

    orders = [order(1), order(2, "batch"), order(3), order(4, "batch")]
    outcomes = LaneDispatcher(lane("warm"), lane("batch")).submit(orders)
    assert [o.run_id for o in outcomes] == [o.run_id for o in orders]
    assert calls == [("warm", ["1", "3"]), ("batch", ["2", "4"])]


def test_what_is_too_much_for_the_warm_lane_goes_to_the_batch_lane() -> None:
    seen: dict[Lane, list[WorkOrder]] = {"warm": [], "batch": []}

    class Far:
        def __init__(self, lane: Lane) -> None:
            self._lane = lane

        def submit(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
            seen[self._lane] += orders
            return [WorkOutcome(run_id=each.run_id, status=self._status(each)) for each in orders]

        def _status(self, order: WorkOrder) -> OutcomeStatus:
            if self._lane == "batch":
                return "accepted"
            return "large" if int(order.run_id, 16) % 2 else "done"

    orders = [order(1), order(2), order(3), order(4, "batch")]
    outcomes = LaneDispatcher(Far("warm"), Far("batch")).submit(orders)
    assert [outcome.run_id for outcome in outcomes] == [each.run_id for each in orders]
    assert [outcome.status for outcome in outcomes] == ["accepted", "done", "accepted", "accepted"]
    assert [each.run_id for each in seen["batch"]] == [orders[at].run_id for at in (3, 0, 2)]
    assert {each.lane for each in seen["batch"]} == {"batch"}
