"""Health, readiness, metrics, docs, the internal route and interactions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from mmpipe.lake import open_lake
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


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Path, Settings, TestClient]]:
    """A service over an empty lake."""
    settings = settings_for(tmp_path)
    service = make_service(settings)
    with TestClient(make_app(service, "r1"), raise_server_exceptions=False) as client:
        yield tmp_path, settings, client
    service.close()


def test_health_readiness_and_collections(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready", "collections": ["shop"]}
    (entry,) = client.get("/v1/collections").json()["collections"]
    assert entry["collection"] == "shop"
    assert entry["rows"] == 120
    assert entry["profile"] == "fake"


def test_metrics_count_requests_by_route_and_show_the_live_version(client: TestClient) -> None:
    client.get("/v1/products/none")
    client.get("/v1/products/other")
    text = client.get("/metrics").text
    found = re.search(
        r'mmpipe_http_requests_total\{method="GET",replica="test",'
        r'route="/v1/products/\{product_id\}",status="404"\} (\d+)',
        text,
    )
    assert found, text
    assert int(found[1]) >= 2
    assert 'mmpipe_snapshot_rows{collection="shop",replica="test"} 120.0' in text
    assert re.search(
        r'mmpipe_live_version\{collection="shop",replica="test",table="products_fake_\w+"\} [1-9]', text
    )
    assert "mmpipe_http_request_seconds_bucket" in text


def test_metrics_of_the_indexer_are_its_own(client: TestClient) -> None:
    assert client.get("/internal/v1/runs").status_code == 401
    assert client.get("/internal/v1/nothing").status_code == 404
    assert client.get("/nothing").status_code == 404
    counted = 'mmpipe_http_requests_total{method="GET",replica="test",route="%s",status="%d"}'
    internal, public = client.get("/internal/v1/metrics").text, client.get("/metrics").text
    assert counted % ("/internal/v1/runs", 401) in internal
    assert counted % ("unmatched", 404) in internal
    assert counted % ("unmatched", 404) in public
    assert "/internal" not in public


def test_the_docs_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_an_empty_lake_is_unready_and_says_why(fresh: tuple[Path, Settings, TestClient]) -> None:
    _, _, client = fresh
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["type"] == "urn:mmpipe:problem:not-ready"
    assert "live" in answer.json()["detail"]
    assert client.get("/v1/collections").json() == {"collections": []}
    assert client.get("/v1/search?q=shoe").status_code in (404, 503)


@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", "Bearer ünicode"]
)
def test_internal_work_needs_its_token(client: TestClient, header: str | None) -> None:
    headers = {"authorization": header.encode()} if header else {}
    answer = client.post("/internal/v1/work", json={"orders": []}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


def test_without_a_configured_token_nobody_gets_in(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    settings = settings.model_copy(
        update={"dispatch": settings.dispatch.model_copy(update={"token": SecretStr("")})}
    )
    service = make_service(settings)
    try:
        client = TestClient(make_app(service))
        answer = client.post("/internal/v1/work", json={"orders": []}, headers={"authorization": "Bearer "})
        assert answer.status_code == 401
    finally:
        service.close()


def test_internal_work_indexes_and_becomes_searchable(fresh: tuple[Path, Settings, TestClient]) -> None:
    folder, settings, client = fresh
    order = order_for(write_feed(folder, "one.jsonl", catalogue()[:5]), settings)
    headers = {"authorization": f"Bearer {TOKEN}"}
    body = {"orders": [order.model_dump(mode="json")]}
    answer = client.post("/internal/v1/work", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcomes"] == [{"run_id": order.run_id, "status": "done", "reason": ""}]
    again = client.post("/internal/v1/work", json=body, headers=headers).json()
    assert again["outcomes"][0]["status"] == "duplicate"
    client.app.state.service.refresh()  # type: ignore[attr-defined]
    assert client.get("/v1/search?q=red+shoe").json()["total"] == 5
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"orders": []}, {"orders": [{"run_id": "x"}]}, {"orders": 1}, {"order": []}]
)
def test_internal_work_names_what_is_wrong(client: TestClient, body: object) -> None:
    answer = client.post("/internal/v1/work", json=body, headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 422
    assert answer.json()["field"].startswith("order")


def test_interactions_are_stored_before_they_are_accepted(fresh: tuple[Path, Settings, TestClient]) -> None:
    folder, settings, client = fresh
    InProcessWork(settings).indexer.execute(
        [order_for(write_feed(folder, "f.jsonl", catalogue()[:3]), settings)]
    )
    client.app.state.service.refresh()  # type: ignore[attr-defined]
    events = [
        {
            "type": "view",
            "user_id": "u1",
            "product_id": "red-shoe-0",
            "time": f"{datetime.now(UTC):%Y-%m-%d}",
        },
        {"type": "search", "user_id": "u1", "context": {"query": "red shoe"}},
    ]
    answer = client.post("/v1/interactions", json={"collection": "shop", "interactions": events})
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "duplicates": 0, "unknown_products": 0, "rejected": []}
    assert open_lake(settings).collection("shop").interactions.count() == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"interactions": []}, 422, "interactions"),
        ({"interactions": [{"type": "stare", "user_id": "u"}]}, 422, "interactions.0.type"),
        ({"interactions": [{"type": "view", "product_id": "p"}]}, 422, "interactions.0.user_id"),
        (
            {"interactions": [{"type": "view", "user_id": "u", "product_id": "p", "time": "yesterday"}]},
            422,
            "interactions.0.time",
        ),
        ({"interactions": [{"type": "view", "user_id": "u"}], "collection": "none"}, 404, None),
    ],
)
def test_bad_interactions(client: TestClient, body: object, status: int, field: str | None) -> None:
    answer = client.post("/v1/interactions", json=body)
    assert answer.status_code == status, answer.text
    if field:
        assert answer.json()["field"] == field


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/v1/products/red-shoe-1", 200), ("/v1/products/none", 404)]
)
def test_head_is_get_without_the_body(client: TestClient, path: str, status: int) -> None:
    answer = client.head(path)
    assert answer.status_code == status
    assert answer.content == b""
    assert answer.headers["content-type"] == client.get(path).headers["content-type"]


def test_head_of_what_takes_no_get_is_refused(client: TestClient) -> None:
    assert client.head("/v1/interactions").status_code == 405
