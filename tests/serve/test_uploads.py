"""How uploads went, asked over HTTP by whoever has the dispatch token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from mmpipe.lake import open_lake
from mmpipe.lake.runs import RunTable
from mmpipe.schemas.run import Reject, RunRecord
from mmpipe.serve.ingest.uploads import MAX_REJECTS, MAX_RUNS
from mmpipe.settings import Settings
from tests.serve.conftest import (
    TOKEN,
    InProcessWork,
    catalogue,
    make_app,
    make_service,
    order_for,
    settings_for,
    write_feed,
)

AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}
ROUTES = ["/internal/v1/runs", "/internal/v1/rejects"]


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[str]]:
    """Two feeds, the second with two rows that are no products; and the ids of the runs."""
    folder = tmp_path_factory.mktemp("uploads")
    settings = settings_for(folder)
    rows = catalogue()[:4]
    bad = [{"id": "bad-1", "title": "x", "price": "a fortune", "cost": "7 USD"}, {"id": "bad-2"}]
    feeds = [write_feed(folder, "good.jsonl", rows), write_feed(folder, "poor.jsonl", [*rows[:1], *bad])]
    work = InProcessWork(settings)
    orders = [order_for(feed, settings) for feed in feeds]
    for order in orders:
        assert [outcome.status for outcome in work.indexer.execute([order])] == ["done"]
    return settings, [order.run_id for order in orders]


@pytest.fixture(scope="module")
def client(uploaded: tuple[Settings, list[str]]) -> Iterator[TestClient]:
    service = make_service(uploaded[0])
    with TestClient(make_app(service), raise_server_exceptions=False, headers=AUTHORIZED) as client:
        yield client
    service.close()


def test_runs_are_answered_newest_first(client: TestClient, uploaded: tuple[Settings, list[str]]) -> None:
    settings, (first, second) = uploaded
    answer = client.get("/internal/v1/runs").json()
    assert answer["collection"] == "shop"
    runs = [RunRecord.model_validate(run) for run in answer["runs"]]
    assert [run.run_id for run in runs] == [second, first]
    assert runs == open_lake(settings).collection("shop").runs.list(), "as the ledger has them"
    assert [(run.status, run.indexed, run.rejected) for run in runs][1] == ("done", 4, 0)
    assert runs[0].rejected == 2
    (newest,) = client.get("/internal/v1/runs", params={"limit": 1, "collection": "shop"}).json()["runs"]
    assert newest["run_id"] == second
    source = {"source": runs[1].source_uri}
    assert [run["run_id"] for run in client.get("/internal/v1/runs", params=source).json()["runs"]] == [first]
    assert client.get("/internal/v1/runs", params={"source": "s3://b/other.csv"}).json()["runs"] == []


def test_rejects_of_a_run_come_with_their_rows(
    client: TestClient, uploaded: tuple[Settings, list[str]]
) -> None:
    _, (first, second) = uploaded
    answer = client.get("/internal/v1/rejects", params={"run_id": second}).json()
    assert (answer["collection"], answer["total"]) == ("shop", 2)
    rejects = {reject["product_id"]: Reject.model_validate(reject) for reject in answer["rejects"]}
    assert "price" in rejects["bad-1"].field
    assert '"cost": "7 USD"' in rejects["bad-1"].raw
    assert "title" in rejects["bad-2"].field
    one = client.get("/internal/v1/rejects", params={"run_id": second, "limit": 1}).json()
    assert (one["total"], len(one["rejects"])) == (2, 1)
    assert client.get("/internal/v1/rejects").json()["total"] == 2
    none = client.get("/internal/v1/rejects", params={"run_id": first}).json()
    assert (none["total"], none["rejects"]) == (0, [])


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", "Bearer ünicode"]
)
def test_they_need_the_token_whatever_is_asked(client: TestClient, path: str, header: str | None) -> None:
    headers = {"authorization": (header or "").encode()}
    for asked in ({}, {"limit": "many"}, {"collection": "nowhere"}):
        answer = client.get(path, params=asked, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["type"] == "urn:mmpipe:problem:unauthorized"
        assert TOKEN not in answer.text
    assert client.head(path, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ROUTES)
def test_without_a_configured_token_they_are_closed(tmp_path: Path, path: str) -> None:
    settings = settings_for(tmp_path)
    closed = {"dispatch": settings.dispatch.model_copy(update={"token": SecretStr("")})}
    settings = settings.model_copy(update=closed)
    service = make_service(settings)
    try:
        client = TestClient(make_app(service))
        assert client.get(path, headers={"authorization": "Bearer "}).status_code == 401
        assert "MMPIPE_DISPATCH__TOKEN" in client.get(path).json()["detail"]
    finally:
        service.close()


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ("runs?limit=0", 422, "limit"),
        (f"runs?limit={MAX_RUNS + 1}", 422, "limit"),
        (f"rejects?limit={MAX_REJECTS + 1}", 422, "limit"),
        ("runs?status=done", 422, "status"),
        (f"rejects?run_id={'0' * 65}", 422, "run_id"),
        (f"runs?source=s3://{'x' * 2_000}", 422, "source"),
        ("runs?collection=nowhere", 404, None),
        ("rejects?collection=../shop", 404, None),
        ("rejects?run_id=0123456789abcdef0123456789abcdef", 404, None),
        ("rejects?run_id=' OR true --", 404, None),
    ],
)
def test_what_is_wrong_is_named(client: TestClient, asked: str, status: int, field: str | None) -> None:
    answer = client.get(f"/internal/v1/{asked}")
    assert answer.status_code == status, answer.text
    assert answer.json().get("field") == field
    assert answer.json()["detail"]


def test_an_upload_that_never_went_live_can_be_asked_for(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    service = make_service(settings)
    with TestClient(make_app(service), headers=AUTHORIZED) as client:
        assert client.get("/internal/v1/runs").status_code == 404
        lake = open_lake(settings)
        started = datetime(2026, 1, 1, tzinfo=UTC)
        for name in ("one", "two"):
            lake.collection(name, create=True).runs.put(*(run(n, started) for n in range(3)))
        answer = client.get("/internal/v1/runs")
        assert (answer.status_code, answer.json()["field"]) == (422, "collection")
        assert "one, two" in answer.json()["detail"]
        runs = client.get("/internal/v1/runs?collection=two&limit=2").json()["runs"]
        assert [(r["run_id"], r["status"], r["error"]) for r in runs] == [
            ("2" * 32, "failed", "the feed cannot be read"),
            ("1" * 32, "failed", "the feed cannot be read"),
        ]
    service.close()


def run(n: int, started: datetime) -> RunRecord:
    return RunRecord(
        run_id=str(n) * 32,
        kind="feed_uploaded",
        lane="warm",
        source_uri="s3://b/feed.csv",
        profile="fake",
        status="failed",
        started_at=started + timedelta(hours=n),
        error="the feed cannot be read",
    )


def test_the_lake_is_read_off_the_event_loop(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    original = RunTable.list

    def recorded(self: RunTable, **asked: Any) -> list[RunRecord]:
        threads.append(threading.current_thread().name)
        return original(self, **asked)

    monkeypatch.setattr(RunTable, "list", recorded)
    assert client.get("/internal/v1/runs").status_code == 200
    assert len(threads) == 1
    assert threads[0].startswith("asyncio_"), threads
