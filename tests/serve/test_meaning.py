"""What a query's words mean, over HTTP."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient


def search(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/search", json={"collection": "shop", "limit": 100, **body})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def test_a_price_in_words_filters_and_is_told(client: TestClient) -> None:
    page = search(client, text="red shoe under 50")
    assert page["total"] == len(page["hits"]) > 0
    assert all(float(hit["price"].split()[0]) <= 50 for hit in page["hits"])
    color, kind, price = page["understood"]
    assert (color["field"], color["value"], color["applied"]) == ("color", "red", "boost")
    assert (kind["field"], kind["value"]) == ("category", "Shoes")
    assert price == {
        "field": "price", "value": None, "gte": None, "lte": "50", "currency": "USD", "start": 9, "end": 17,
        "applied": "filter",
    }  # fmt: skip
    assert page["relaxed"] == []
    assert page["hits"][0]["scores"]["boosts"] > 0


def test_the_same_in_a_query_string_and_as_filters(client: TestClient) -> None:
    asked = {"collection": "shop", "q": "黑色 50美元以下", "understand": "filter", "limit": 50}
    page = client.get("/v1/search", params=asked).json()
    assert [part["applied"] for part in page["understood"]] == ["filter", "filter"]
    assert {hit["id"].split("-")[0] for hit in page["hits"]} == {"black"}


def test_off_means_words(client: TestClient) -> None:
    page = search(client, text="red shoe under 50", understand="off")
    assert page["understood"] == []
    assert any(float(hit["price"].split()[0]) > 50 for hit in page["hits"])


def test_what_finds_nothing_is_left_out_and_told(client: TestClient) -> None:
    page = search(client, text="red shoe under 5")
    assert page["relaxed"] == ["price: at most 5"]
    assert page["total"] == len(page["hits"]) > 0
    own = search(client, text="red shoe under 5", filters={"brand": ["Nobody"]})
    assert (own["total"], own["relaxed"]) == (0, [])


def test_pages_go_on(client: TestClient) -> None:
    whole = [hit["id"] for hit in search(client, text="red shoe under 80")["hits"]]
    found: list[str] = []
    cursor = None
    while True:
        page = search(client, text="red shoe under 80", limit=3, cursor=cursor)
        found += [hit["id"] for hit in page["hits"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole


def test_did_you_mean(client: TestClient) -> None:
    assert search(client, text="Red modle under 50")["did_you_mean"] == "Red model under 50"
    assert search(client, text="red shoe")["did_you_mean"] is None


def test_an_unknown_way_to_understand_is_refused_by_name(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"collection": "shop", "text": "red", "understand": "guess"})
    assert answer.status_code == 422
    assert "understand" in answer.text
