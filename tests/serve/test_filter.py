"""``filter`` over HTTP: in a body, a form and a query string, and what is refused of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.schemas.conditions import MAX_COMPARISONS, MAX_VALUES, Condition
from mmpipe.serve.http.bounds import FILTERS, RECOMMENDATIONS, SEARCH, check

CHEAP_OR_RED = {
    "and": [
        {"field": "availability", "eq": "in_stock"},
        {"or": [{"field": "price", "lt": "20.00"}, {"field": "color", "in": ["Red", "blue"]}]},
        {"not": {"field": "brand", "prefix": "orb"}},
    ]
}


def test_a_body_a_form_and_a_query_string_find_the_same(client: TestClient) -> None:
    text = json.dumps(CHEAP_OR_RED)
    pages = [
        client.post("/v1/search", json={"filter": CHEAP_OR_RED, "limit": 100}).json(),
        client.get("/v1/search", params={"filter": text, "limit": 100}).json(),
        client.post("/v1/search", files={"filter": (None, text), "limit": (None, "100")}).json(),
    ]
    found = [[hit["id"] for hit in page["hits"]] for page in pages]
    assert found[0] == found[1] == found[2]
    assert found[0]
    for hit in pages[0]["hits"]:
        assert hit["brand"] != "Orbit"
        assert hit["availability"] == "in_stock"
        assert float(hit["price"].split()[0]) < 20 or hit["color"].lower() in ("red", "blue")


def test_it_holds_beside_the_plain_filters_and_for_facets(client: TestClient) -> None:
    brand = {"field": "brand", "eq": "acme"}
    both = client.post(
        "/v1/search", json={"filter": brand, "filters": {"color": ["red"]}, "facets": ["availability"]}
    ).json()
    plain = client.post("/v1/search", json={"filters": {"brand": ["Acme"], "color": ["red"]}}).json()
    assert both["total"] == plain["total"] > 0
    assert sum(each["count"] for each in both["facets"]["availability"]) == both["total"]


def test_pages_of_one_filter_do_not_go_on_with_another(client: TestClient) -> None:
    first = client.post("/v1/search", json={"filter": {"field": "brand", "eq": "Acme"}, "limit": 1}).json()
    cursor = first["next_cursor"]
    same = client.post(
        "/v1/search", json={"filter": {"field": "brand", "eq": "Acme"}, "limit": 1, "cursor": cursor}
    )
    other = client.post("/v1/search", json={"filter": {"field": "brand", "eq": "Orbit"}, "cursor": cursor})
    assert same.status_code == 200
    assert (other.status_code, other.json()["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"and": [{"field": "brand", "eq": "a"}, {"field": "price", "gte": True}]}, "filter.and[1].gte"),
        ({"field": "secret", "eq": "a"}, "filter.field"),
        ({"not": {"field": "price", "gte": "1e999999999"}}, "filter.not.gte"),
        ({"field": "id", "prefix": "../../etc/passwd" * 20}, "filter.prefix"),
        ({"field": "title", "eq": "(a+)+$"}, "filter.eq"),
        ([], "filter"),
        ("brand", "filter"),
    ],
)
def test_the_place_that_is_wrong_is_named(client: TestClient, asked: Any, field: str) -> None:
    text = json.dumps(asked)
    for answer in (
        client.post("/v1/search", json={"filter": asked}),
        client.get("/v1/search", params={"filter": text}),
        client.post("/v1/search", files={"filter": (None, text)}),
        client.post("/v1/search", json={"boosts": [{"filter": asked, "weight": 0.5}]}),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["field"].removeprefix("boosts.0.") == field


def _deep(levels: int) -> str:
    return '{"and":[' * levels + '{"field":"brand","eq":"a"}' + "]}" * levels


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        (_deep(8), {422}),
        (_deep(5_000), {400}),
        ('{"or":[' + ",".join(['{"field":"brand","eq":"a"}'] * 100_000) + "]}", {413}),
        ('{"field":"brand","in":[' + ",".join(['"a"'] * 100_000) + "]}", {413}),
        ('{"field":"price","gte":NaN}', {422}),
        ('{"field":"price","gte":-Infinity}', {422}),
        ('{"field":"price","gte":1e400}', {422}),
        ('{"field":"price","gte":' + "9" * 4_000 + "}", {422}),
        ('{"field":"price","gte":' + "9" * 50_000 + "}", {400, 422}),
        ('{"field":"brand","eq":"\\ud800"}', {400, 422}),
        ('{"field":"brand","eq":"' + "x" * 90_000 + '"}', {422}),
        ("{", {400, 422}),
        ("", {400, 422}),
    ],
)
def test_hostile_filters_are_refused(client: TestClient, text: str, statuses: set[int]) -> None:
    posted = client.post(
        "/v1/search", content=f'{{"filter":{text or "[]"}}}', headers={"content-type": "application/json"}
    )
    formed = client.post("/v1/search", files={"filter": (None, text)})
    assert posted.status_code in statuses
    assert posted.json()["field"].split(".")[0] in ("filter", "body")
    assert formed.status_code in (*statuses, 413)
    assert formed.json()["field"].split(".")[0] in ("filter", "body")
    assert len(posted.content) < 1_000


def test_the_largest_filter_there_is_passes_its_bounds() -> None:
    texts = [f'{n:03}, "a": [{{b}}]\\' for n in range(MAX_VALUES)]
    comparison: dict[str, Any] = {"field": "attributes.a", "in": texts}
    for _ in range(6):
        comparison = {"not": comparison}
    largest = {"or": [comparison] * MAX_COMPARISONS}
    Condition.model_validate(largest)
    for indent in (None, 1):
        check(json.dumps(largest, indent=indent).encode(), FILTERS)
        check(json.dumps({"filter": largest, "limit": 10}, indent=indent).encode(), SEARCH)
        asked = {"lists": [{"kind": "popular", "filter": largest}]}
        check(json.dumps(asked, indent=indent).encode(), RECOMMENDATIONS)
