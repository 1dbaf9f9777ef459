"""``/v1/rules`` and ``/v1/synonyms``: set over HTTP, and what searches then do."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.lake.interactions import InteractionLog
from tests.serve.test_interactions import own

__all__ = ["own"]
Own = tuple[TestClient, InteractionLog]
RED = {"field": "color", "eq": "red"}


@pytest.fixture
def alone(own: Own) -> TestClient:
    """A replica over a lake of this test's own."""
    return own[0]


def put(client: TestClient, *rules: dict[str, Any], **also: Any) -> dict[str, Any]:
    answer = client.put("/v1/rules", json={"rules": list(rules), **also})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(client: TestClient, **request: Any) -> list[str]:
    answer = client.post("/v1/search", json=request)
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def test_rules_are_set_versioned_and_brought_back(alone: TestClient) -> None:
    assert alone.get("/v1/rules").json() == {"version": 0, "rules": []}
    assert alone.get("/v1/rules/versions").json() == {"versions": []}
    assert put(alone, {"name": "one", "banner": "Sale"})["version"] == 1
    assert put(alone, {"name": "two", "banner": "End"}, version=1)["version"] == 2
    late = alone.put("/v1/rules", json={"version": 1, "rules": []})
    assert (late.status_code, late.json()["field"]) == (409, "version")
    former = alone.get("/v1/rules", params={"version": 1}).json()
    assert [rule["name"] for rule in former["rules"]] == ["one"]
    assert put(alone, *former["rules"])["version"] == 3
    assert alone.get("/v1/rules/versions").json() == {"versions": [1, 2, 3]}
    assert alone.get("/v1/rules", params={"version": 9}).json()["field"] == "version"


def test_searches_go_by_rules_at_once(alone: TestClient) -> None:
    plain = ids(alone, text="hat", limit=40)
    put(
        alone,
        {"name": "no blue", "when": {"query_contains": ["hats"]}, "hide": [plain[0]], "banner": "Hats!"},
        {"name": "red first", "when": {"query_is": ["hat"]}, "boost": [{"filter": RED, "weight": 1}]},
        {"name": "sale", "when": {"query_is": ["sale"]}, "redirect": "/sale"},
    )
    answer = alone.post("/v1/search", json={"text": "hat", "limit": 40}).json()
    found = [hit["id"] for hit in answer["hits"]]
    assert answer["rules"] == ["no blue", "red first"]
    assert answer["banners"] == ["Hats!"]
    assert answer["redirect"] is None
    assert plain[0] not in found
    assert found[0].startswith("red-hat")
    for hit in answer["hits"]:
        assert sum(hit["scores"].values()) == pytest.approx(hit["score"], abs=2e-3)
        assert (hit["scores"]["rules"] > 0) == hit["id"].startswith("red")
    assert alone.post("/v1/search", json={"text": "sale"}).json()["redirect"] == "/sale"
    assert ids(alone, text="hat", limit=40, rules=False) == plain
    assert "rules" not in alone.post("/v1/search", json={"text": "bag"}).json()


def test_what_is_buried_comes_last_and_a_filter_holds(alone: TestClient) -> None:
    put(
        alone,
        {"name": "bury", "when": {"query_is": ["shoe"]}, "bury": [RED]},
        {"name": "only", "when": {"query_is": ["bag"]}, "filter": {"field": "brand", "eq": "Acme"}},
        {"name": "app", "when": {"context": {"channel": "app"}}, "banner": "In the app"},
    )
    answer = alone.post("/v1/search", json={"text": "shoe", "limit": 100}).json()
    reds = [hit["id"].startswith("red") for hit in answer["hits"]]
    assert any(reds)
    assert reds == sorted(reds)
    bags = alone.post("/v1/search", json={"text": "bag", "limit": 100, "facets": ["brand"]}).json()
    assert bags["facets"]["brand"] == [{"value": "Acme", "count": bags["total"]}]
    told = alone.post("/v1/search", json={"text": "x", "context": {"channel": "App"}}).json()
    assert told["banners"] == ["In the app"]


def test_pages_go_on_with_the_rules_of_the_first(alone: TestClient) -> None:
    put(alone, {"name": "red", "when": {"query_is": ["hat"]}, "boost": [{"filter": RED, "weight": 1}]})
    whole = ids(alone, text="hat", limit=40)
    first = alone.post("/v1/search", json={"text": "hat", "limit": 5}).json()
    put(alone, {"name": "other", "banner": "x"})
    found, cursor = [hit["id"] for hit in first["hits"]], first["next_cursor"]
    while cursor:
        page = alone.post("/v1/search", json={"text": "hat", "limit": 5, "cursor": cursor}).json()
        assert page["rules"] == ["red"]
        found += [hit["id"] for hit in page["hits"]]
        cursor = page["next_cursor"]
    assert found == whole


def test_a_preview_sets_nothing(alone: TestClient) -> None:
    body = {"search": {"text": "hat", "limit": 3}, "rules": [{"name": "bury", "bury": [RED], "banner": "b"}]}
    found = alone.post("/v1/rules/preview", json=body).json()
    assert "rules" not in found["before"]
    assert found["after"]["rules"] == ["bury"]
    assert not any(hit["id"].startswith("red") for hit in found["after"]["hits"])
    assert alone.get("/v1/rules").json()["version"] == 0
    body["search"] = {"text": "hat", "cursor": "x"}
    refused = alone.post("/v1/rules/preview", json=body)
    assert (refused.status_code, refused.json()["field"]) == (422, "search.cursor")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"rules": [{"name": "x"}]}, 422, "rules.0"),
        ({"rules": [{"name": "x", "filter": {"field": "nope", "eq": 1}}]}, 422, "filter"),
        ({"rules": [{"name": "x", "redirect": "javascript:x"}]}, 422, "redirect"),
        ({"rules": "x"}, 422, "rules"),
        ({}, 422, "rules"),
        ({"rules": [], "version": True}, 422, "version"),
    ],
)
def test_bad_rules_are_named_and_change_nothing(
    client: TestClient, body: dict[str, Any], status: int, field: str
) -> None:
    answer = client.put("/v1/rules", json=body)
    assert answer.status_code == status, answer.text
    assert field in answer.text
    assert client.get("/v1/rules").json()["version"] == 0


def test_synonyms_are_set_over_http(alone: TestClient) -> None:
    assert alone.get("/v1/synonyms").text == ""
    assert alone.post("/v1/search", json={"text": "snorkelpipe"}).json()["words"]["required"] == 0
    kind = {"Content-Type": "text/tab-separated-values; charset=utf-8"}
    answer = alone.put("/v1/synonyms", content=b"snorkelpipe => hat\n", headers=kind)
    assert (answer.status_code, answer.json()) == (200, {"lines": 1})
    found = alone.post("/v1/search", json={"text": "snorkelpipe"}).json()
    assert found["words"]["required"] == 1
    assert found["hits"][0]["id"].split("-")[1] == "hat"
    assert alone.get("/v1/synonyms").text == "snorkelpipe => hat\n"
    bad = alone.put("/v1/synonyms", content=b"alone", headers=kind)
    assert (bad.status_code, bad.json()["field"]) == (422, "synonyms")
    assert alone.put("/v1/synonyms", json=["x"]).status_code == 415
