"""The service with two shards on a real local Ray, asked over HTTP: what one process answers, one shard
killed, its replacement."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from mmpipe.serve import running
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ray.names import APP_NAME
from mmpipe.serve.ray.run import free_port
from mmpipe.serve.ray.shards import RayTransport
from mmpipe.settings import Settings
from tests.serve.conftest import InProcessWork, catalogue, make_service, order_for, settings_for, write_feed

pytestmark = pytest.mark.timeout(180)
SHARDS = 2
_OF_ONE_TIME = ("took_ms", "instance", "query_id", "plan")
Answer = tuple[int, Any]
SEARCH = {"text": "red shoe", "facets": ["brand", "price"], "limit": 9}
ASKED: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/v1/search", SEARCH),
    ("POST", "/v1/search", {"facets": ["color"], "limit": 50}),
    ("POST", "/v1/search", {"text": "hat", "sort": "price_asc", "filters": {"brand": ["Acme"]}, "limit": 5}),
    ("GET", "/v1/search?q=no+such+words", None),
    ("POST", "/v1/search", {"facets": ["nothing"]}),
    ("GET", "/v1/products/green-bag-4", None),
    ("GET", "/v1/products/none", None),
    ("GET", "/v1/products/green-bag-4/similar?limit=7", None),
    ("GET", "/v1/products/red-hat-0/similar?brand=Orbit&limit=100", None),
    ("GET", "/v1/products/none/similar", None),
    ("GET", "/v1/collections", None),
    ("GET", "/readyz", None),
)


class Shop:
    """The same lake thrice: ``whole`` in one process, behind shards that must all answer, and behind the
    same shards while those that are there may."""

    def __init__(self, url: str, whole: TestClient, partial: TestClient) -> None:
        self._address = urlsplit(url).netloc
        self._whole, self._partial = whole, partial

    def shards(self, method: str, path: str, body: Any = None) -> Answer:
        """From Ray Serve, through its proxy."""
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, told(json.loads(answer.read()))
        finally:
            connection.close()

    def partial(self, method: str, path: str, body: Any = None) -> Answer:
        """From the same shards, with ``serve.partial_answers``."""
        answer = self._partial.request(method, path, json=body)
        return answer.status_code, told(answer.json())

    def whole(self, method: str, path: str, body: Any = None) -> Answer:
        """From one process."""
        answer = self._whole.request(method, path, json=body)
        return answer.status_code, told(answer.json())


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """All but what differs between two times of asking."""
    listed = [
        {name: value for name, value in each.items() if name != "age_seconds"}
        if isinstance(each, dict)
        else each
        for each in answer.get("collections", ())
    ]
    kept = {name: value for name, value in answer.items() if name not in _OF_ONE_TIME}
    return kept | {"collections": listed} if listed else kept


def alike(answer: Answer) -> Answer:
    """The same without the search's id, which its cursor carries."""
    status, page = answer
    cursor = page.get("next_cursor")
    if cursor is None:
        return answer
    held = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    del held["q"]
    return status, page | {"next_cursor": held}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """120 products in four fragments, behind two shards."""
    folder = tmp_path_factory.mktemp("shards")
    settings = settings_for(folder, port=free_port(), min_replicas=1, max_replicas=1, shards=SHARDS)
    work, rows = InProcessWork(settings), catalogue()
    for part in range(4):
        feed = write_feed(folder, f"part-{part}.jsonl", rows[part::4])
        work.indexer.execute([order_for(feed, settings)])
    whole = make_service(with_serve(settings, shards=1))
    with running(settings) as url:
        from ray import serve

        handles = [serve.get_deployment_handle(f"Shard-{number}", APP_NAME) for number in range(SHARDS)]
        encoder = LocalQueryEncoder(Models(threads=1))
        forgiving = with_serve(settings, partial_answers=True)
        partial = QueryService(forgiving, encoder, shards=RayTransport(handles))
        with (
            TestClient(create_app(whole, Metrics("whole"))) as one,
            TestClient(create_app(partial, Metrics("partial"))) as other,
        ):
            yield Shop(url, one, other)
            # Ends the handles of this process while the loop that they are of still runs.
            serve.shutdown()


def with_serve(settings: Settings, **changes: Any) -> Settings:
    """Other settings of the service."""
    return settings.model_copy(update={"serve": settings.serve.model_copy(update=changes)})


@pytest.mark.parametrize("request_of", range(len(ASKED)))
def test_shards_answer_as_one_process_does(shop: Shop, request_of: int) -> None:
    method, path, body = ASKED[request_of]
    expected = alike(shop.whole(method, path, body))
    assert alike(shop.shards(method, path, body)) == expected
    assert alike(shop.partial(method, path, body)) == expected


def test_pages_follow_one_another_as_in_one_process(shop: Shop) -> None:
    body, seen = dict(SEARCH), []
    for _ in range(3):
        answer = shop.shards("POST", "/v1/search", body)
        assert alike(answer) == alike(shop.whole("POST", "/v1/search", body))
        page = answer[1]
        seen += [hit["id"] for hit in page["hits"]]
        body = {**SEARCH, "cursor": page["next_cursor"]}
    assert len(set(seen)) == 27


def test_a_spoken_query_is_refused_with_the_reason(shop: Shop) -> None:
    status, problem = shop.shards("POST", "/v1/search", {"text": "shoe", "audio_as": "speech"})
    assert (status, problem["field"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, "audio_as")
    assert "shards" in problem["detail"]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the process by /proc")
def test_a_shard_that_hangs_is_named_and_once_killed_replaced(shop: Shop) -> None:
    status, before = shop.shards("POST", "/v1/search", SEARCH)
    assert status == HTTPStatus.OK
    process = _process("Shard-1")
    # Stopped first: after a kill alone the replacement may be there before any call misses it.
    os.kill(process, signal.SIGSTOP)
    stopped = time.monotonic()
    seen: list[Answer] = []
    partial: list[Answer] = []
    with ThreadPoolExecutor(2) as both:
        while time.monotonic() - stopped < 90:
            # At once: what one waits for, the other must not find mended.
            strict = both.submit(shop.shards, "POST", "/v1/search", SEARCH)
            forgiving = both.submit(shop.partial, "POST", "/v1/search", SEARCH)
            seen.append(strict.result())
            partial.append(forgiving.result())
            if len(seen) == 1:
                os.kill(process, signal.SIGKILL)
            if seen[-1][0] == HTTPStatus.OK and "partial" not in partial[-1][1]:
                break
            time.sleep(0.05)
    assert alike(seen[-1]) == alike((HTTPStatus.OK, before)), (
        "Serve has replaced it, and it has loaded what is live"
    )
    problems = [problem for status, problem in seen if status != HTTPStatus.OK]
    assert problems
    assert {problem["status"] for problem in problems} == {HTTPStatus.SERVICE_UNAVAILABLE}
    assert all("shard 1" in problem["detail"] for problem in problems)
    assert {status for status, _ in partial} == {HTTPStatus.OK}, "the others answer all the while"
    fewer = [page for _, page in partial if page.get("partial")]
    assert fewer
    assert all(0 < page["total"] < before["total"] for page in fewer)
    assert shop.shards("GET", "/readyz")[0] == HTTPStatus.OK


def _process(deployment: str) -> int:
    """The process of this cluster's only replica of a deployment."""
    ours = f"TMPDIR={os.environ['TMPDIR']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes().decode()
            if (
                f"ServeReplica:{APP_NAME}:{deployment}" in title
                and ours in (process / "environ").read_bytes()
            ):
                found.append(int(process.name))
        except OSError:
            continue  # it has just ended, or is somebody else's
    (pid,) = found
    return pid
