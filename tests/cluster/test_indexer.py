"""Uploads while no query replica runs, on a real local Ray that lets them go to zero."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mmpipe.serve import running
from mmpipe.serve.ray.names import APP_NAME, INDEXER_APP_NAME
from mmpipe.serve.ray.run import free_port
from tests.cluster.test_queries import Service
from tests.serve.conftest import TOKEN, catalogue, settings_for

pytestmark = pytest.mark.timeout(240)
# Twice what the autoscaler needs to see a request and answer it (scaling.api: 2 s and 5 s).
WATCHED_SECONDS = 14.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Ray, HAProxy, the indexer, and query replicas that go a second after the last request."""
    folder = tmp_path_factory.mktemp("ray")
    settings = settings_for(folder, port=free_port(), min_replicas=0, max_replicas=1, idle_seconds=1)
    with running(settings) as url:
        yield Service(url, folder, settings)


def _replicas(application: str, deployment: str) -> int:
    """How many there are, in whatever state: one that is only wanted yet is STARTING."""
    from ray import serve

    return sum(serve.status().applications[application].deployments[deployment].replica_states.values())


def test_an_upload_wakes_no_query_replica(service: Service) -> None:
    begun = time.monotonic()
    while _replicas(APP_NAME, "Api"):
        assert time.monotonic() - begun < 120, "nobody asks, so none should be left"
        time.sleep(0.2)
    first = service.upload("all.jsonl", catalogue())
    assert [outcome.status for outcome in service.dispatcher.submit([first])] == ["done"]
    status, answer = service.call("GET", "/internal/v1/runs", token=TOKEN)
    assert (status, [run["status"] for run in answer["runs"]]) == (200, ["done"])
    begun = time.monotonic()
    n = 0
    while time.monotonic() - begun < WATCHED_SECONDS:
        n += 1
        rows = [{"id": f"new-{n}", "title": f"Violet umbrella {n}", "price": "5.00 USD"}]
        order = service.upload(f"new-{n}.jsonl", rows)
        assert [outcome.status for outcome in service.dispatcher.submit([order])] == ["done"]
        assert _replicas(APP_NAME, "Api") == 0
        time.sleep(0.5)
    assert n > 3
    assert _replicas(INDEXER_APP_NAME, "Indexer") == 1
    # A query does wake one, which finds what was uploaded meanwhile; until then callers are asked to wait.
    begun = time.monotonic()
    while (found := service.call("GET", "/v1/search?q=violet+umbrella"))[0] == 503:
        assert time.monotonic() - begun < 60, "nothing is woken"
        time.sleep(0.5)
    status, page = found
    assert status == 200
    assert page["total"] >= n
    assert _replicas(APP_NAME, "Api") == 1
