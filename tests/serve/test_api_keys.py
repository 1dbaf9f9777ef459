"""API keys over HTTP: what is closed without one, what stays open, and how a rotation looks to callers."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from mmpipe.errors import DispatchUnavailable
from mmpipe.serve.http import keys
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.key_entries import DEMO_KEY, SCOPES
from mmpipe.serve.http.keys import LIMIT_SECONDS
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.standalone import standalone_app
from mmpipe.serve.ucp.names import MCP_PATH
from mmpipe.settings import Settings, SpeechSettings
from tests.serve.conftest import TOKEN, make_app, make_service
from tests.serve.held_keys import bearer, entry, held, keyed, text_of

WEB, NEW = "web-key-0123456789", "new-key-0123456789"
_OPEN = ["/healthz", "/readyz", "/openapi.json", "/docs", "/.well-known/ucp"]
_SCHEMAS = "/ucp/schemas/{name}.json"
_PUBLIC = [
    ("POST", "/v1/search"),
    ("GET", "/v1/search"),
    ("GET", "/v1/products/{product_id}"),
    ("GET", "/v1/products/{product_id}/similar"),
    ("GET", "/v1/products/{product_id}/reviews"),
    ("GET", "/v1/products/{product_id}/reviews/photos/{photo}"),
    ("GET", "/v1/products/{product_id}/media/{kind}/{number}"),
    ("GET", "/v1/collections"),
    ("POST", "/v1/interactions"),
    ("POST", "/v1/recommendations"),
    ("GET", "/v1/users/{user_id}"),
    ("DELETE", "/v1/users/{user_id}"),
    ("GET", "/v1/stock"),
    ("GET", "/v1/suggest"),
    ("POST", "/v1/assistant"),
    ("GET", "/v1/analytics"),
    ("GET", "/v1/rules"),
    ("PUT", "/v1/rules"),
    ("GET", "/v1/rules/versions"),
    ("POST", "/v1/rules/preview"),
    ("GET", "/v1/synonyms"),
    ("PUT", "/v1/synonyms"),
    ("PUT", "/v1/uploads/{section}/{name}"),
    ("GET", "/v1/uploads"),
    ("GET", "/v1/uploads/{upload_id}"),
    ("GET", "/v1/rejects"),
    ("POST", "/v1/rejects/{reject_id}/replay"),
    ("GET", "/v1/status"),
    ("POST", "/v1/live/rollback"),
    ("POST", "/v1/live/promote"),
    ("GET", "/metrics"),
    ("POST", "/ucp/catalog/search"),
    ("POST", "/ucp/catalog/lookup"),
    ("POST", "/ucp/catalog/product"),
]
_INTERNAL = [f"/internal/v1/{name}" for name in ("work", "replay", "runs", "rejects", "metrics")]
_INTERNAL_OPEN = ["/internal/v1/healthz"]


@pytest.fixture(scope="module")
def closed(shop: tuple[Path, Settings]) -> Iterator[TestClient]:
    settings = keyed(shop[1], api_keys=held(web=WEB))
    with TestClient(make_app(make_service(settings)), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), _PUBLIC)
@pytest.mark.parametrize(
    "header",
    [
        None,
        f"Bearer {NEW}",
        "Bearer ",
        WEB,
        f"Basic {WEB}",
        f"Bearer {TOKEN}",
        "Bearer ünicode",
        "Bearer \xff",
    ],
)
def test_public_routes_need_a_key(closed: TestClient, method: str, path: str, header: str | None) -> None:
    headers = {b"authorization": header.encode("latin-1")} if header else {}
    path = path.replace("{product_id}", "red-shoe-1")
    answer = closed.request(
        method, path, headers=headers, content=b"not even JSON" if method == "POST" else b""
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert refused(path, answer)[0] == "unauthorized"
    assert not [key for key in (WEB, NEW, TOKEN) if key in answer.text]


def test_with_its_key_a_caller_is_answered(closed: TestClient) -> None:
    found = closed.get("/v1/search", params={"q": "green hat"}, headers=bearer(WEB))
    assert found.status_code == 200
    assert found.json()["hits"][0]["id"].startswith("green-hat")
    for path in ("/v1/products/red-shoe-1", "/v1/products/red-shoe-1/similar", "/v1/collections"):
        assert closed.get(path, headers={"authorization": f"bearer  {WEB} "}).status_code == 200
    assert closed.post("/v1/search", json={"text": "red shoe"}, headers=bearer(WEB)).status_code == 200
    assert closed.post("/v1/interactions", json={"interactions": []}, headers=bearer(WEB)).status_code == 422
    assert closed.head("/v1/products/red-shoe-1").status_code == 401
    assert closed.head("/v1/products/red-shoe-1", headers=bearer(WEB)).status_code == 200


@pytest.mark.parametrize("path", _OPEN)
def test_health_and_docs_stay_open(closed: TestClient, path: str) -> None:
    assert closed.get(path).status_code == 200


def test_no_route_is_forgotten(closed: TestClient) -> None:
    assert set(every_route(closed)) == set(_PUBLIC)
    app: Any = closed.app
    documented = closed.get("/openapi.json").json()["paths"]
    undocumented = set(_paths([*app.routes, *app.router.default.routes])) - set(documented)
    assert undocumented == {*_INTERNAL, *_INTERNAL_OPEN, "/openapi.json", "/docs", MCP_PATH}
    # Its contract is MCP's; who is let in there: tests/serve/ucp/test_doors.py.
    assert closed.post(MCP_PATH, json={}).status_code == 401


def every_route(client: TestClient) -> list[tuple[str, str]]:
    """Method and path of every documented route that is not open."""
    documented = client.get("/openapi.json").json()["paths"]
    found = [(method.upper(), path) for path, methods in documented.items() for method in methods]
    return [(method, path) for method, path in found if path not in (*_OPEN, _SCHEMAS)]


def _paths(routes: Iterable[Any], prefix: str = "") -> Iterator[str]:
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from _paths(router.routes, prefix)
        elif isinstance(route, Mount):
            yield from _paths(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield prefix + route.path_format


def test_keys_do_not_open_the_internal_routes(closed: TestClient) -> None:
    for path in _INTERNAL:
        method = "POST" if path.endswith(("work", "replay")) else "GET"
        assert closed.request(method, path, headers=bearer(WEB)).status_code == 401
    assert closed.post("/internal/v1/work", json={"orders": []}, headers=bearer(TOKEN)).status_code == 422
    assert closed.get("/internal/v1/metrics", headers=bearer(TOKEN)).status_code == 200
    for path in _INTERNAL_OPEN:
        assert closed.get(path).status_code == 200


def test_the_document_declares_it(closed: TestClient, client: TestClient) -> None:
    spec = closed.get("/openapi.json").json()
    (scheme,) = spec["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for method, path in _PUBLIC:
        operation = spec["paths"][path][method.lower()]
        assert operation["security"] == [{"ApiKey": [scope_of(method, path)]}]
        for status in ("401", "403"):
            kind = "application/json" if path.startswith("/ucp/") else "application/problem+json"
            assert list(operation["responses"][status]["content"]) == [kind]
    assert "security" not in spec["paths"]["/healthz"]["get"]
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"], "an open service"


def refused(path: str, answer: Any) -> tuple[str, str]:
    """The kind of a problem and its detail; agents are told by their own protocol."""
    told, kind = answer.json(), answer.headers["content-type"]
    if path.startswith("/ucp/"):
        assert kind == "application/json"
        return told["code"], told["content"]
    assert kind == "application/problem+json"
    return told["type"].removeprefix("urn:mmpipe:problem:"), told["detail"]


def scope_of(method: str, path: str) -> str:
    """The scope that a public route needs."""
    if path == "/metrics":
        return "metrics"
    if path == "/v1/interactions":
        return "interactions"
    if path.startswith("/ucp/"):
        return "agent"
    shoppers = ("search", "products", "collections", "recommendations", "suggest", "assistant")
    return "search" if path.startswith(tuple(f"/v1/{name}" for name in shoppers)) else "admin"


@pytest.fixture(scope="module")
def scoped(shop: tuple[Path, Settings]) -> Iterator[TestClient]:
    """A service with a key for each scope, which has that alone, and one whose time is over."""
    entries = {scope: entry(f"{scope}-key-0123456789", [scope]) for scope in SCOPES}
    over = entry(WEB, expires="2026-01-01T00:00:00Z")
    service = make_service(keyed(shop[1], api_keys=held(**entries, over=over)))
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client
    service.close()


@pytest.mark.parametrize(("method", "path"), _PUBLIC)
def test_a_route_takes_its_scope_and_no_other(scoped: TestClient, method: str, path: str) -> None:
    path = path.replace("{product_id}", "red-shoe-1").replace("{user_id}", "x" * 200)
    needed = scope_of(method, path)
    for scope in SCOPES:
        answer = scoped.request(method, path, headers=bearer(f"{scope}-key-0123456789"), content=b"no JSON")
        if scope == needed:
            assert answer.status_code not in (401, 403), "let in, whatever becomes of the body"
        else:
            assert answer.status_code == 403
            kind, detail = refused(path, answer)
            assert kind == "forbidden"
            assert f"the scope '{needed}'" in detail


def test_a_key_whose_time_is_over_says_so(scoped: TestClient) -> None:
    answer = scoped.get("/v1/collections", headers=bearer(WEB))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "the time of this API key is over" in answer.json()["detail"]


def test_metrics_tell_callers_apart_by_name_to_those_who_may_see_them(scoped: TestClient) -> None:
    scoped.get("/v1/collections", headers=bearer("search-key-0123456789"))
    scoped.get("/v1/collections", headers=bearer(NEW))
    text = scoped.get("/metrics", headers=bearer("metrics-key-0123456789")).text
    assert re.search(r'mmpipe_caller_requests_total\{caller="search",replica="test"\} [1-9]', text)
    assert re.search(r'mmpipe_http_requests_total\{.*route="/v1/collections",status="401"\} [1-9]', text)
    assert 'mmpipe_snapshot_rows{collection="shop"' in text
    assert not [key for key in (WEB, NEW, "search-key-0123456789") if key in text]


def test_readiness_names_no_collection_to_strangers(scoped: TestClient, client: TestClient) -> None:
    assert scoped.get("/readyz").json() == {"status": "ready", "collections": []}
    assert client.get("/readyz").json()["collections"] == ["shop"], "an open service"


def test_the_demo_key_is_asked_of_nobody_and_taken_where_it_is_sent(shop: tuple[Path, Settings]) -> None:
    service = make_service(keyed(shop[1], demo_key=True))
    with TestClient(make_app(service)) as client:
        for headers in ({}, bearer(DEMO_KEY)):
            for path in ("/v1/collections", "/v1/rules", "/metrics", "/v1/search?q=red"):
                assert client.get(path, headers=headers).status_code == 200
        assert client.get("/v1/collections", headers=bearer(WEB)).status_code == 401, "what is sent is right"
        assert client.get("/readyz").json()["collections"] == ["shop"]
    service.close()


def test_an_open_service_says_so_at_its_start(
    shop: tuple[Path, Settings], caplog: pytest.LogCaptureFixture
) -> None:
    service = make_service(shop[1])
    try:
        with caplog.at_level(logging.WARNING, logger="mmpipe.serve"):
            create_app(service, Metrics("test"))
        (line,) = [record.getMessage() for record in caplog.records if "API keys" in record.getMessage()]
        assert "MMPIPE_SERVE__API_KEYS_SECRET" in line
        caplog.clear()
        settings = keyed(shop[1], api_keys=held(web=WEB))
        closed = make_service(settings)
        create_app(closed, Metrics("test"))
        closed.close()
        assert not caplog.records
    finally:
        service.close()


def test_a_rotation_without_a_restart(shop: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = [text_of(web=WEB)]

    def read(_secret: str) -> str:
        if not held:
            raise DispatchUnavailable("Secrets Manager does not answer")
        return held[0]

    monkeypatch.setattr(keys, "read_secret", read)
    silent = {"speech": SpeechSettings(recognizer="none")}
    app = standalone_app(keyed(shop[1], api_keys_secret="shop/api-keys").model_copy(update=silent))

    def status(key: str) -> int:
        return client.get("/v1/collections", headers=bearer(key)).status_code

    with TestClient(app) as client:
        assert (status(WEB), status(NEW)) == (200, 401)
        held[0] = text_of(**{"web": WEB, "web-2": NEW})
        monkeypatch.setattr(keys, "RETRY_SECONDS", 0.0)
        assert (status(WEB), status(NEW)) == (200, 200)
        held.clear()
        monkeypatch.setattr(keys, "LIMIT_SECONDS", 0.0)
        assert (status(WEB), status(NEW), status("guess-0123456789")) == (200, 200, 401)
        held.append(text_of(**{"web-2": NEW}))
        assert (status(WEB), status(NEW)) == (401, 200)
    assert LIMIT_SECONDS < 60
