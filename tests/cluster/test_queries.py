"""The whole service on a real local Ray, over a folder lake: one start, shared by the tests of this file."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mcp import Client

from mmpipe.dispatch import IndexerDispatcher
from mmpipe.schemas.work import WorkOrder
from mmpipe.serve import running
from mmpipe.serve.ray.names import APP_NAME, INDEXER_APP_NAME
from mmpipe.serve.ray.run import free_port
from mmpipe.settings import DispatchSettings, Settings
from tests.serve.conftest import MAX_BODY, TOKEN, catalogue, order_for, settings_for, write_feed

pytestmark = pytest.mark.timeout(180)


class Service:
    """The running service and the folder of its uploads."""

    def __init__(self, url: str, folder: Path, settings: Settings) -> None:
        self.url, self.folder, self.settings = url, folder, settings
        self.dispatcher = IndexerDispatcher(DispatchSettings(indexer_url=url, token=TOKEN))  # type: ignore[arg-type]
        self.address = urlsplit(url).netloc

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def upload(self, name: str, rows: list[dict[str, Any]]) -> WorkOrder:
        """Put a feed where an upload would be."""
        return order_for(write_feed(self.folder, name, rows), self.settings)

    def until(self, path: str, wanted: Any, seconds: float = 10.0) -> None:
        """Wait until ``wanted`` holds of the answer."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            status, page = self.call("GET", path)
            if status == 200 and wanted(page):
                return
            time.sleep(0.01)
        raise AssertionError(f"{path} did not come true in {seconds} s: {status} {page}")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Ray, HAProxy, one query replica and the indexer, on free ports."""
    folder = tmp_path_factory.mktemp("ray")
    settings = settings_for(folder, port=free_port(), min_replicas=1, max_replicas=1)
    with running(settings) as url:
        started = Service(url, folder, settings)
        assert started.call("GET", "/readyz")[0] == 503
        outcomes = started.dispatcher.submit([started.upload("all.jsonl", catalogue())])
        assert [outcome.status for outcome in outcomes] == ["done"]
        started.until("/readyz", lambda page: page["status"] == "ready")
        yield started


def test_what_was_indexed_over_http_is_found(service: Service) -> None:
    status, page = service.call("POST", "/v1/search", {"text": "green hat", "facets": ["color"], "limit": 3})
    assert status == 200
    assert page["hits"][0]["id"].startswith("green-hat")
    status, similar = service.call("GET", f"/v1/products/{page['hits'][0]['id']}/similar?limit=3")
    assert status == 200
    assert len(similar["hits"]) == 3


def test_what_is_computed_at_once_passes_by_what_serve_makes_of_requests(service: Service) -> None:
    named = {}
    for path, body in (("/v1/search", b'{"text": "hat"}'), ("/v1/collections", None)):
        request = urllib.request.Request(service.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            named[path] = "x-request-id" in answer.headers
    assert named == {"/v1/search": False, "/v1/collections": True}


def test_a_new_version_is_followed_while_requests_go_on(service: Service) -> None:
    ended = threading.Event()
    answers: list[int] = []

    def shop() -> None:
        while not ended.is_set():
            answers.append(service.call("GET", "/v1/search?q=red+shoe&facets=brand")[0])

    shopper = threading.Thread(target=shop)
    shopper.start()
    try:
        rows = [{"id": f"new-{n}", "title": f"Violet umbrella {n}", "price": "5.00 USD"} for n in range(3)]
        outcomes = service.dispatcher.submit([service.upload("more.jsonl", rows)])
        assert [outcome.status for outcome in outcomes] == ["done"]
        service.until(
            "/v1/search?q=violet+umbrella", lambda page: page["hits"][:1] and page["hits"][0]["id"] == "new-0"
        )
        since = len(answers)
        while len(answers) < since + 5 and shopper.is_alive():
            time.sleep(0.01)
    finally:
        ended.set()
        shopper.join()
    assert len(answers) >= since + 5
    assert set(answers) == {200}


def test_concurrent_orders_each_get_their_own_outcome(service: Service) -> None:
    orders = [
        service.upload(f"part-{n}.jsonl", [{"id": f"part-{n}", "title": f"Part {n}", "price": "1.00 USD"}])
        for n in range(6)
    ]
    outcomes: dict[str, Any] = {}

    def send(order: WorkOrder) -> None:
        (outcomes[order.run_id],) = service.dispatcher.submit([order])

    threads = [threading.Thread(target=send, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {run: outcome.run_id for run, outcome in outcomes.items()} == {o.run_id: o.run_id for o in orders}
    assert {outcome.status for outcome in outcomes.values()} == {"done"}
    service.until("/v1/products/part-5", lambda page: page["product"]["title"] == "Part 5")


def test_interactions_are_accepted(service: Service) -> None:
    body = {"interactions": [{"type": "view", "user_id": "u", "product_id": "red-hat-1"}]}
    status, answer = service.call("POST", "/v1/interactions", body)
    assert (status, answer["accepted"], answer["unknown_products"]) == (202, 1, 0)


def test_problems_survive_the_proxy(service: Service) -> None:
    assert service.call("POST", "/v1/search", {"limit": -1})[1]["field"] == "limit"
    assert service.call("GET", "/v1/products/none")[0] == 404
    connection = http.client.HTTPConnection(service.address, timeout=30)
    chunk = b"x" * (MAX_BODY // 4)
    try:
        connection.request(
            "POST", "/v1/search", iter([chunk] * 6), {"Content-Type": "application/json"}, encode_chunked=True
        )
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["field"] == "body"
    finally:
        connection.close()
    assert service.call("GET", "/healthz") == (200, {"status": "ok"})


def test_the_internal_door_is_an_application_of_its_own(service: Service) -> None:
    from ray import serve

    applications = serve.status().applications
    assert {name: set(app.deployments) for name, app in applications.items()} == {
        APP_NAME: {"Api"},
        INDEXER_APP_NAME: {"Indexer"},
    }
    assert service.call("GET", "/internal/v1/healthz") == (200, {"status": "ok"})
    for path in ("work", "runs", "rejects"):
        method = "POST" if path == "work" else "GET"
        status, problem = service.call(method, f"/internal/v1/{path}", {} if path == "work" else None)
        assert (status, problem["type"]) == (401, "urn:mmpipe:problem:unauthorized")
    status, answer = service.call("GET", "/internal/v1/runs?limit=1", token=TOKEN)
    assert (status, answer["collection"], len(answer["runs"])) == (200, "shop", 1)
    assert service.call("POST", "/internal/v1/work", {"orders": []}, token=TOKEN)[1]["field"] == "orders"
    for path in ("/internal/v1/other", "/internal/v1", "/internal/v10/work"):
        assert service.call("GET", path, token=TOKEN)[0] == 404


def _replica_of(application: str) -> int:
    """The process of this cluster's only replica of an application."""
    ours = f"TMPDIR={os.environ['TMPDIR']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes().decode()
            if f"ServeReplica:{application}:" in title and ours in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # it has just ended, or is somebody else's
    (pid,) = found
    return pid


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the process by /proc")
def test_an_indexer_that_answers_nobody_delays_no_query(service: Service) -> None:
    order = service.upload("slow.jsonl", [{"id": "slow-1", "title": "Slow lamp", "price": "1.00 USD"}])
    outcomes: list[Any] = []
    upload = threading.Thread(target=lambda: outcomes.extend(service.dispatcher.submit([order])))
    indexer = _replica_of(INDEXER_APP_NAME)
    os.kill(indexer, signal.SIGSTOP)
    try:
        upload.start()
        time.sleep(0.5)
        took = []
        for _ in range(20):
            begun = time.monotonic()
            assert service.call("GET", "/v1/search?q=red+shoe")[0] == 200
            took.append(time.monotonic() - begun)
        assert upload.is_alive()
        assert not outcomes, "it is still waiting"
        assert statistics.median(took) < 1.0, took
    finally:
        os.kill(indexer, signal.SIGCONT)
        upload.join(60)
    assert [outcome.status for outcome in outcomes] == ["done"]


def test_ports_are_none_that_a_connection_could_come_by() -> None:
    handed_out = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(handed_out.read_text().split()[0]) if handed_out.exists() else 32_768
    ports = {free_port() for _ in range(50)}
    assert len(ports) > 40
    assert all(19_999 < port < max(lowest, 20_001) or lowest < 20_000 for port in ports)


def test_agents_are_answered_through_the_proxy(service: Service) -> None:
    async def ask(endpoint: str) -> Any:
        async with Client(endpoint) as agent:
            return await agent.call_tool("search_catalog", {"catalog": {"query": "green hat"}})

    status, profile = service.call("GET", "/.well-known/ucp")
    assert status == 200
    endpoints = {
        each["transport"]: each["endpoint"] for each in profile["ucp"]["services"]["dev.ucp.shopping"]
    }
    found = asyncio.run(asyncio.wait_for(ask(endpoints["mcp"]), 30)).structured_content
    assert found["products"][0]["id"].startswith("green-hat")
    path = urlsplit(endpoints["rest"]).path
    status, looked = service.call("POST", f"{path}/catalog/lookup", {"ids": [found["products"][0]["id"]]})
    assert status == 200
    assert [each["id"] for each in looked["products"]] == [found["products"][0]["id"]]


def _proxy() -> int:
    """The process that answers on the service's port, as who stands by tells."""
    (told,) = Path(os.environ["TMPDIR"]).glob("*/haproxy.cfg.pid")
    return int(told.read_text())


def _settled_proxy(seconds: float = 2.0) -> int:
    """The same, once it has not been replaced for so long: every change of the replicas starts another."""
    proxy, since = _proxy(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.05)
        if (now := _proxy()) != proxy:
            proxy, since = now, time.monotonic()
    return proxy


def _answers(service: Service, seconds: float = 60.0) -> None:
    """Until connections are taken again and searches are answered."""
    begun, status = time.monotonic(), 0
    while status != 200:
        assert time.monotonic() - begun < seconds, f"no answer: {status}"
        try:
            status = service.call("GET", "/v1/search?q=red+shoe")[0]
        except OSError:
            status = 0
        time.sleep(0.02)


def _another_than(former: int, seconds: float = 80.0) -> int:
    begun = time.monotonic()
    while (now := _proxy()) == former:
        assert time.monotonic() - begun < seconds, "nobody took over"
        time.sleep(0.02)
    return now


@contextmanager
def _shopper(service: Service) -> Iterator[list[tuple[float, int]]]:
    """Somebody who searches all the time: the moment and the status of each, 0 where no connection was taken
    or it broke."""
    ended = threading.Event()
    seen: list[tuple[float, int]] = []

    def shop() -> None:
        while not ended.is_set():
            begun = time.monotonic()
            try:
                status = service.call("GET", "/v1/search?q=red+shoe")[0]
            except (OSError, http.client.HTTPException):
                status = 0
            seen.append((begun, status))
            time.sleep(0.01)

    shopper = threading.Thread(target=shop)
    shopper.start()
    try:
        yield seen
    finally:
        ended.set()
        shopper.join()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process is told by Linux alone")
def test_a_killed_proxy_is_back_at_once_and_knows_its_routes(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    with _shopper(service) as seen:
        first = _proxy()
        killed_at = time.monotonic()
        os.kill(first, signal.SIGKILL)
        stands_in = _another_than(first)
        _answers(service)
        of_ray = _another_than(stands_in)
        replaced_at = time.monotonic()
        # Its manager alone: the proxy goes on, until the next manager's takes over.
        os.kill(_parent(of_ray), signal.SIGKILL)
        _another_than(of_ray)
        _answers(service)
    refused = [at - killed_at for at, status in seen if status == 0 and at < replaced_at]
    assert {status for _, status in seen} <= {200, 503, 0}
    assert [at for at, status in seen if status == 200 and killed_at < at < replaced_at], "nobody stood in"
    with capsys.disabled():
        print(f"\nrefused until {max(refused, default=0.0):.2f} s after; Ray's own after", end=" ")
        print(f"{replaced_at - killed_at:.1f} s; {sum(status == 503 for _, status in seen)} times 503")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process is told by Linux alone")
def test_proxy_and_replicas_that_are_lost_together_come_back_by_themselves(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who stands in knows no new replica: until Ray's next proxy does, callers are asked to wait."""
    with _shopper(service) as seen:
        _answers(service)
        replica, first = _replica_of(APP_NAME), _settled_proxy()
        killed_at = time.monotonic()
        os.kill(replica, signal.SIGKILL)
        os.kill(first, signal.SIGKILL)
        stands_in = _another_than(first)
        _another_than(stands_in)
        replaced_at = time.monotonic()
        _answers(service, 120)
    since = [(at - killed_at, status) for at, status in seen if at >= killed_at]
    assert {status for _, status in since} <= {200, 503, 0}
    answered = min(at for at, status in since if status == 200)
    refused = [at for at, status in since if status == 0 and at < replaced_at - killed_at]
    assert max(refused, default=0.0) < 5.0, "nobody said that it will be back"
    assert any(status == 503 for _, status in since)
    with capsys.disabled():
        print(f"\nrefused until {max(refused, default=0.0):.2f} s after; Ray's own after", end=" ")
        print(f"{replaced_at - killed_at:.1f} s, answers after {answered:.1f} s;", end=" ")
        longest = max(later - at for (at, _), (later, _) in pairwise(since))
        print(f"{sum(status == 503 for _, status in since)} times 503, the longest wait {longest:.1f} s")
