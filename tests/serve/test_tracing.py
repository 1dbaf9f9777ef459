"""Traces of requests, recorded by a real OpenTelemetry SDK in this process."""

from __future__ import annotations

import asyncio
import contextvars
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from starlette.testclient import TestClient

from mmpipe.encoders import registry
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import Searcher
from mmpipe.serve.http import tracing
from mmpipe.serve.ray.deployments.api import remote_encoder
from mmpipe.serve.ray.deployments.encoders import Encoders
from mmpipe.settings import IndexingSettings, Settings
from mmpipe.telemetry import span
from tests.serve.conftest import (
    TOKEN,
    catalogue,
    make_app,
    make_service,
    order_for,
    png,
    settings_for,
    write_feed,
)
from tests.tracing import recorded

Spans = Callable[[], list[ReadableSpan]]
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Of a provider that is not the process's, for that could never be taken away again."""
    monkeypatch.setattr(tracing, "_off", lambda: False)
    with recorded() as found:
        yield found


def _tree(spans: list[ReadableSpan]) -> dict[str, str | None]:
    """Each span's name to its parent's."""
    names = {each.context.span_id: each.name for each in spans}
    return {each.name: names.get(each.parent.span_id) if each.parent else None for each in spans}


def test_a_search_is_one_trace_of_its_steps(client: TestClient, spans: Spans) -> None:
    body = {"text": "red shoe", "facets": ["color"], "limit": 3}
    assert client.post("/v1/search", json=body).status_code == 200
    request = "POST /v1/search"
    steps = {"query.encode": request, "query.search": request}
    assert _tree(spans()) == {request: None, **steps}
    found = {each.name: dict(each.attributes or {}) for each in spans()}
    assert found["query.search"] == {"mmpipe.products": 120, "mmpipe.limit": 3, "mmpipe.facets": 1}
    assert found["query.encode"] == {"mmpipe.media": 0}
    assert found[request] == {"mmpipe.route": "/v1/search", "mmpipe.status": 200}
    assert "shoe" not in "".join(each.to_json() for each in spans()), "what shoppers ask is in no trace"


def test_media_are_a_step_of_their_own(client: TestClient, spans: Spans) -> None:
    files = {"image": ("a.png", png((240, 20, 20)), "image/png")}
    assert client.post("/v1/search", data={"request": json.dumps({})}, files=files).status_code == 200
    assert spans()[0].name == "query.media"
    (encode,) = [each for each in spans() if each.name == "query.encode"]
    assert dict(encode.attributes or {}) == {"mmpipe.media": 1}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/products/red-shoe-1", "product.read"),
        ("/v1/products/red-shoe-1/similar", "query.similar"),
    ],
)
def test_products(client: TestClient, spans: Spans, path: str, name: str) -> None:
    assert client.get(path).status_code == 200
    route = "GET " + path.replace("red-shoe-1", "{product_id}")
    assert _tree(spans()) == {name: route, route: None}


@pytest.mark.parametrize("path", ["/v1/search?q=hat", "/internal/v1/runs"])
def test_the_callers_trace_is_continued(client: TestClient, spans: Spans, path: str) -> None:
    headers = PARENT | {"authorization": f"Bearer {TOKEN}"}
    assert client.get(path, headers=headers).status_code == 200
    assert {each.context.trace_id for each in spans()} == {int(TRACE, 16)}
    request = spans()[-1]
    assert request.parent is not None
    assert request.parent.span_id == 0xB7AD6B7169203331
    client.get(path, headers={"traceparent": "nonsense"})
    assert spans()[-1].parent is None


def test_warm_work_continues_the_dispatchers_trace(tmp_path: Path, spans: Spans) -> None:
    settings = settings_for(tmp_path)
    service = make_service(settings)
    order = order_for(write_feed(tmp_path, "one.jsonl", catalogue()[:2]), settings)
    with TestClient(make_app(service)) as client:
        body = {"orders": [order.model_dump(mode="json")]}
        headers = PARENT | {"authorization": f"Bearer {TOKEN}"}
        answer = client.post("/internal/v1/work", json=body, headers=headers)
    assert answer.json()["outcomes"][0]["status"] == "done"
    (request,) = [each for each in spans() if each.name == "POST /internal/v1/work"]
    assert request.context.trace_id == int(TRACE, 16)
    assert dict(request.attributes or {}) == {"mmpipe.route": "/internal/v1/work", "mmpipe.status": 200}


def test_failures_are_told_apart(client: TestClient, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/v1/products/none").status_code == 404
    assert client.get("/v1/nothing").status_code == 404

    def broken(*_: object) -> Any:
        raise RuntimeError("the words of a shopper")

    monkeypatch.setattr(Searcher, "answer", broken)
    assert client.get("/v1/search?q=hat").status_code == 500
    found = {each.name: each for each in spans()}
    assert found["GET /v1/products/{product_id}"].status.status_code is StatusCode.UNSET
    assert dict(found["GET unmatched"].attributes or {})["mmpipe.status"] == 404
    assert found["GET /v1/search"].status.status_code is StatusCode.ERROR
    search = found["query.search"]
    assert (search.status.status_code, search.status.description) == (StatusCode.ERROR, "RuntimeError")
    assert "shopper" not in search.to_json()


def test_whoever_watches_is_not_traced(client: TestClient, spans: Spans) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/internal/v1/healthz", "/internal/v1/metrics"):
        assert client.get(path).status_code == 200, client.get(path).text
    assert spans() == []


def test_the_trace_goes_on_at_the_encoders(spans: Spans) -> None:
    settings = Settings(indexing=IndexingSettings(profile="fake"))
    far = Encoders(settings)

    class Handle:
        class encode:
            @staticmethod
            async def remote(*arguments: Any) -> Any:
                # Another process: nothing but the arguments gets there.
                return await asyncio.create_task(far.encode(*arguments), context=contextvars.Context())

    async def scenario() -> None:
        encode = remote_encoder(Handle(), settings).bound(registry.load("fake").profile)
        with span("query.encode"):
            await encode(SearchRequest(text="red shoe"), {})

    asyncio.run(scenario())
    assert _tree(spans()) == {"query.encode.model": "query.encode", "query.encode": None}


def test_without_an_sdk_nothing_is_asked(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> Any:
        raise AssertionError("a span was asked for")

    monkeypatch.setattr(tracing, "span", asked)
    monkeypatch.setattr(tracing, "continued", asked)
    assert client.get("/v1/search?q=hat", headers=PARENT).status_code == 200
    assert client.get("/v1/products/red-shoe-1/similar").status_code == 200


def test_an_sdk_in_the_process_turns_them_on_and_nobody_else_traces(shop: tuple[Path, Settings]) -> None:
    code = (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import SimpleSpanProcessor\n"
        "from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter\n"
        "from starlette.testclient import TestClient\n"
        "from mmpipe.serve.standalone import standalone_app\n"
        "from mmpipe.settings import load_settings\n"
        "exporter, provider = InMemorySpanExporter(), TracerProvider()\n"
        "provider.add_span_processor(SimpleSpanProcessor(exporter))\n"
        "trace.set_tracer_provider(provider)\n"
        "with TestClient(standalone_app(load_settings())) as client:\n"
        "    assert client.get('/v1/search?q=hat').status_code == 200\n"
        "spans = exporter.get_finished_spans()\n"
        "assert 'hat' not in ''.join(span.to_json() for span in spans)\n"
        "print(*(span.name for span in spans), sep=',')\n"
    )
    environment = {
        "PATH": "",
        "OMP_NUM_THREADS": "1",
        "MMPIPE_LAKE__URI": shop[1].lake.uri,
        "MMPIPE_INDEXING__PROFILE": "fake",
        "MMPIPE_SPEECH__RECOGNIZER": "none",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "query.encode,query.search,GET /v1/search"
