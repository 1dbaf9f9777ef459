"""What browsers are told: which pages may ask for which collection, and how an answer may be used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from mmpipe.serve.http.bounded_protocol import MALFORMED, OVERLOAD
from mmpipe.serve.http.cors import Cors
from mmpipe.serve.http.security_headers import SECURITY_HEADERS, SecurityHeaders
from mmpipe.settings import ServeSettings, Settings
from tests.serve.conftest import make_app, make_service
from tests.serve.held_keys import bearer, entry, held, keyed

WEB, OTHER, ALL = "web-key-0123456789", "other-key-0123456789", "all-key-0123456789"
SHOP, ELSEWHERE, NOBODY = "https://shop.example", "https://elsewhere.example:8443", "https://nobody.example"
ORIGINS = {"shop": (SHOP, "http://localhost:3000"), "elsewhere": (ELSEWHERE,)}


@pytest.fixture(scope="module")
def pages(shop: tuple[Path, Settings]) -> Iterator[TestClient]:
    keys = held(
        web=entry(WEB, ["search"], ["shop"]), other=entry(OTHER, ["search"], ["elsewhere"]), all=entry(ALL)
    )
    service = make_service(keyed(shop[1], api_keys=keys, cors_origins=ORIGINS, hsts_seconds=31_536_000))
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client
    service.close()


def ask(client: TestClient, origin: str | None, path: str = "/v1/search?q=red", key: str = WEB) -> Any:
    headers = bearer(key) | ({} if origin is None else {"origin": origin})
    return client.get(path, headers=headers)


@pytest.mark.parametrize("origin", [SHOP, "http://localhost:3000"])
def test_a_collections_own_pages_may_read_its_answers(pages: TestClient, origin: str) -> None:
    for path in ("/v1/search?q=red", "/v1/products/red-shoe-1", "/v1/collections", "/v1/products/nothing"):
        answer = ask(pages, origin, path)
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-expose-headers"] == "Retry-After"
        assert "origin" in answer.headers["vary"].lower()
        assert "access-control-allow-credentials" not in answer.headers


def test_no_other_page_may(pages: TestClient) -> None:
    for origin in (ELSEWHERE, NOBODY, "null", "", SHOP.upper(), f"{SHOP}.evil.example", f"{SHOP}:444", None):
        answer = ask(pages, origin)
        assert answer.status_code == 200, "what becomes of it is the browser's affair"
        assert "access-control-allow-origin" not in answer.headers
        assert "origin" in answer.headers["vary"].lower(), "a cache must not hand it to the right page"


def test_a_key_of_every_collection_goes_by_the_one_that_was_asked(pages: TestClient) -> None:
    assert ask(pages, SHOP, key=ALL).headers["access-control-allow-origin"] == SHOP
    assert "access-control-allow-origin" not in ask(pages, ELSEWHERE, key=ALL).headers
    assert "access-control-allow-origin" not in ask(pages, SHOP, "/v1/collections", ALL).headers


def test_a_page_learns_why_it_was_refused(pages: TestClient) -> None:
    for answer in (
        pages.get("/v1/search", headers={"origin": SHOP}),
        ask(pages, SHOP, key="no-such-key-0123456789"),
        ask(pages, SHOP, "/v1/rules"),
        ask(pages, SHOP, "/v1/search?limit=none"),
        ask(pages, SHOP, "/v1/search?q=red&collection=nowhere"),
    ):
        assert answer.status_code >= 400
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert (
            "access-control-allow-origin" not in pages.get("/v1/search", headers={"origin": NOBODY}).headers
        )


def test_a_preflight_needs_no_key(pages: TestClient) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    for path in ("/v1/search", "/v1/interactions", "/v1/suggest"):
        answer = pages.options(path, headers=asked | {"origin": SHOP})
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "PUT" not in answer.headers["access-control-allow-methods"]
        assert "DELETE" not in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"].lower()
        assert int(answer.headers["access-control-max-age"]) > 0
        refused = pages.options(path, headers=asked | {"origin": NOBODY})
        assert refused.status_code == 204
        assert not [name for name in refused.headers if name.startswith("access-control")]
        assert "origin" in refused.headers["vary"].lower()
    assert "GET" in pages.options("/v1/search", headers={"origin": SHOP}).headers["allow"], "no preflight"


def test_without_the_setting_no_page_is_told_anything(client: TestClient) -> None:
    answer = client.get("/v1/search?q=red", headers={"origin": SHOP})
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


def test_an_open_service_goes_by_the_collection_too(shop: tuple[Path, Settings]) -> None:
    service = make_service(keyed(shop[1], cors_origins=ORIGINS))
    with TestClient(make_app(service)) as client:
        found = client.get("/v1/search?q=red", headers={"origin": SHOP})
        assert found.headers["access-control-allow-origin"] == SHOP
        other = client.get("/v1/search?q=red", headers={"origin": ELSEWHERE})
        assert "access-control-allow-origin" not in other.headers
    service.close()


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "https://*.shop.example",
        "shop.example",
        "https://shop.example/",
        "https://Shop.example",
        "https://a@shop.example",
        "ftp://shop.example",
        "https://shop.example\r\nx: y",
        "",
    ],
)
def test_an_origin_is_exact(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        ServeSettings(cors_origins={"shop": (origin,)})
    ServeSettings(
        cors_origins={"shop": ("https://shop.example:8443", "http://[::1]:3000", "http://localhost")}
    )


def test_every_answer_says_how_it_may_be_used(pages: TestClient, client: TestClient) -> None:
    asked = [
        ("GET", "/v1/search?q=red"),
        ("GET", "/v1/suggest?q=re"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/openapi.json"),
        ("GET", "/no/such/path"),
        ("DELETE", "/v1/search"),
        ("OPTIONS", "/v1/search"),
        ("POST", "/v1/search"),
        ("GET", "/v1/users/x"),
        ("GET", f"/v1/search?q={'&a=' * 600}"),
        ("GET", "/internal/v1/healthz"),
        ("GET", "/internal/v1/runs"),
        ("GET", "/internal/v1/nothing"),
    ]
    for service in (pages, client):
        for method, path in asked:
            answer = service.request(method, path, headers=bearer(WEB))
            told = {name: answer.headers.get(name) for name in SECURITY_HEADERS}
            assert told == SECURITY_HEADERS, (method, path)
            hsts = answer.headers.get("strict-transport-security")
            assert hsts == ("max-age=31536000" if service is pages else None)


def test_a_page_of_ours_has_its_own_policy(pages: TestClient) -> None:
    answer = pages.get("/docs")
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1, "two would be held to both"
    assert "script-src 'unsafe-inline'" in policies[0]
    assert "frame-ancestors 'none'" in policies[0]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_breaks_and_what_is_refused_at_the_door_says_so_too(
    pages: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = pages.app

    def broken() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(app.state.service, "not_ready", broken)
    answer = pages.get("/readyz")
    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    for refusal in (OVERLOAD, MALFORMED):
        head = refusal.as_bytes("HEAD", last=True).decode()
        assert [
            name for name in SECURITY_HEADERS if f"\r\n{name}: {SECURITY_HEADERS[name]}\r\n" not in head
        ] == []


def test_other_protocols_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def story() -> None:
        for middleware in (SecurityHeaders(app), Cors(app, ORIGINS)):
            await middleware({"type": "lifespan"}, None, None)  # type: ignore[arg-type]

    asyncio.run(story())
    assert seen == ["lifespan"] * 2
