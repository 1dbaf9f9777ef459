"""A search, what a shopper does with it, and the report; ``GET /v1/analytics``, and who may ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.lake import open_lake
from mmpipe.lake.searches import SCHEMA, SearchLog
from mmpipe.schemas.analytics import AnalyticsReport
from mmpipe.serve.answer.service import QueryService
from mmpipe.settings import AnalyticsSettings, Settings
from tests.serve.conftest import (
    InProcessWork,
    catalogue,
    make_app,
    make_service,
    order_for,
    settings_for,
    write_feed,
)
from tests.serve.held_keys import bearer, entry, held, keyed

FRONT, OFFICE = "front-key-0123456789", "office-key-0123456789"
NO_CACHE = AnalyticsSettings(write_seconds=0.02, cache_seconds=0)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake to write to, whose reports are never old."""
    folder = tmp_path_factory.mktemp("analytics")
    settings = settings_for(folder).model_copy(update={"analytics": NO_CACHE})
    feed = write_feed(folder, "all.jsonl", catalogue())
    assert [o.status for o in InProcessWork(settings).indexer.execute([order_for(feed, settings)])] == [
        "done"
    ]
    return settings


@pytest.fixture(scope="module")
def client(own: Settings) -> Iterator[TestClient]:
    with TestClient(make_app(make_service(own)), raise_server_exceptions=False) as client:
        yield client


def log_of(settings: Settings) -> SearchLog:
    return open_lake(settings).collection("shop").searches


def flush(client: TestClient) -> None:
    service: QueryService = client.app.state.service  # type: ignore[attr-defined]
    assert service.analytics._writer.flush()


def report(client: TestClient, **params: Any) -> AnalyticsReport:
    answer = client.get("/v1/analytics", params=params)
    assert answer.status_code == 200, answer.text
    return AnalyticsReport.model_validate_json(answer.text)


def test_from_a_search_to_its_click_in_the_report(client: TestClient) -> None:
    asked = {"text": "  RED Shoe", "limit": 5, "filters": {"brand": ["Acme"]}}
    shopper = {"user_id": "anna", "session_id": "visit"}
    for _ in range(3):
        page = client.post("/v1/search", json=asked | shopper).json()
        query_id = page["query_id"]
        second = client.post("/v1/search", json=asked | shopper | {"cursor": page["next_cursor"]})
        assert second.json()["query_id"] == query_id
    hit = page["hits"][3]
    base = {"user_id": "anna", "product_id": hit["id"]}
    events = [
        base | {"type": "search-click", "context": {"query_id": query_id, "position": 3}},
        base | {"type": "purchase"},
    ]
    for event in events:
        assert client.post("/v1/interactions", json=event).status_code == 202
    flush(client)
    found = report(client, collection="shop", days=2)
    (line,) = [line for line in found.top if line.query == "red shoe"]
    assert (line.searches, line.empty, line.pages, line.clicked, line.clicks) == (3, 0, 2.0, 1, 1)
    assert (line.position, line.purchases, line.ctr) == (3.0, 1, pytest.approx(1 / 3))
    assert 0 < line.p50_ms <= line.p95_ms < 10_000
    assert {each.name for each in found.marks} >= {"filtered"}
    assert [each.name for each in found.languages] == ["en"]


def test_what_finds_nothing_is_told(client: TestClient) -> None:
    for _ in range(3):
        page = client.post("/v1/search", json={"text": "紅色鞋", "filters": {"brand": ["Nobody"]}}).json()
        assert page["total"] == 0
    flush(client)
    (line,) = [line for line in report(client).without_results if line.query == "红色鞋"]
    assert (line.empty_rate, line.ctr) == (1.0, None)
    metrics = client.get("/metrics").text
    assert 'mmpipe_searches_without_results_total{collection="shop",replica="test"}' in metrics


def test_nobody_and_nothing_private_is_in_any_object(own: Settings) -> None:
    with TestClient(make_app(make_service(own))) as client:
        for text in ("anna@example.com", "+86 138 0013 8000", "order 4711 2208 99"):
            body = {"text": text, "user_id": "user-anna-7", "session_id": "session-anna-7"}
            assert client.post("/v1/search", json=body).status_code == 200
            asked = {"q": text, "user_id": "user-anna-7"}
            assert client.get("/v1/search", params=asked).status_code == 200
    # The end of the service has written what was waiting.
    kinds = log_of(own).read(["kind"])["kind"].to_pylist()
    assert (kinds.count("address"), kinds.count("number")) == (2, 4)
    store_of = Path(own.lake.uri) / "shop" / "analytics"
    held = [path.read_bytes() for path in store_of.rglob("*") if path.is_file()]
    assert held
    rows = log_of(own).read(SCHEMA.names).to_pylist()
    for secret in ("anna", "4711", "138 0013"):
        assert not any(secret.encode() in data for data in held)
        assert secret not in str(rows)


def test_a_store_that_is_away_fails_no_search(
    client: TestClient, own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **more: Any) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(SearchLog, "append", away)
        assert client.post("/v1/search", json={"text": "kept for later"}).status_code == 200
        service: QueryService = client.app.state.service  # type: ignore[attr-defined]
        assert not service.analytics._writer.flush()
    flush(client)
    assert "kept for later" in log_of(own).read(["query"])["query"].to_pylist()


def test_what_a_rule_would_do_is_no_search(client: TestClient, own: Settings) -> None:
    from mmpipe.schemas.search import SearchRequest

    flush(client)
    before = len(log_of(own).read(["record"]))
    service: QueryService = client.app.state.service  # type: ignore[attr-defined]
    client.portal.call(service.preview_rules, SearchRequest(text="tried out"), [])  # type: ignore[union-attr]
    flush(client)
    assert len(log_of(own).read(["record"])) == before


@pytest.mark.parametrize(
    "params", [{"limit": "0"}, {"limit": "1000"}, {"days": "0"}, {"days": "400"}, {"when": "now"}]
)
def test_bad_parameters_are_named(client: TestClient, params: dict[str, str]) -> None:
    answer = client.get("/v1/analytics", params=params)
    assert answer.status_code == 422
    assert answer.json()["field"] in params


def test_an_unknown_collection(client: TestClient) -> None:
    assert client.get("/v1/analytics", params={"collection": "nowhere"}).status_code == 404


def test_too_many_records_are_refused_before_they_are_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/search", json={"text": "boots"})
    flush(client)
    monkeypatch.setattr("mmpipe.serve.answer.analytics._MOST_BYTES", 10)
    answer = client.get("/v1/analytics", params={"days": 3})
    assert (answer.status_code, answer.json()["field"]) == (422, "days")


@pytest.fixture(scope="module")
def closed(own: Settings) -> Iterator[TestClient]:
    """A service with keys that records nothing, and keeps reports for a minute."""
    settings = keyed(own, api_keys=held(front=entry(FRONT, ["search"]), office=OFFICE))
    settings = settings.model_copy(update={"analytics": AnalyticsSettings(enabled=False)})
    with TestClient(make_app(make_service(settings)), raise_server_exceptions=False) as client:
        yield client


def test_the_shop_front_may_not_ask(closed: TestClient) -> None:
    assert closed.get("/v1/analytics").status_code == 401
    refused = closed.get("/v1/analytics", headers=bearer(FRONT))
    assert refused.status_code == 403
    assert closed.get("/v1/analytics", headers=bearer(OFFICE)).status_code == 200


def test_reports_are_kept_for_a_while(closed: TestClient) -> None:
    def made(**params: int) -> str:
        found = closed.get("/v1/analytics", params=params, headers=bearer(OFFICE))
        return str(found.json()["made_at"])

    assert made() == made(limit=1)
    assert made() != made(days=2)


def test_off_records_nothing(closed: TestClient, own: Settings) -> None:
    answer = closed.post("/v1/search", json={"text": "not recorded"}, headers=bearer(FRONT))
    assert answer.json()["query_id"]
    flush(closed)
    assert "not recorded" not in log_of(own).read(["query"])["query"].to_pylist()
