"""The OpenAPI document: complete, self-contained, and true of what the service answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

_AGENTS = {"200", "400", "404", "413", "415", "422", "424", "429", "503"}
_ROUTES = {
    ("post", "/v1/search"): {"200", "400", "404", "413", "415", "422", "503"},
    ("get", "/v1/search"): {"200", "404", "414", "422", "503"},
    ("post", "/v1/assistant"): {"200", "400", "404", "413", "415", "422", "503"},
    ("get", "/v1/suggest"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/products/{product_id}"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/products/{product_id}/similar"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/products/{product_id}/reviews"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/products/{product_id}/reviews/photos/{photo}"): {
        *("200", "304", "404", "413", "414", "422", "503")
    },
    ("get", "/v1/products/{product_id}/media/{kind}/{number}"): {
        *("200", "206", "304", "404", "413", "414", "416", "422", "503")
    },
    ("get", "/v1/collections"): {"200"},
    ("post", "/v1/recommendations"): {"200", "400", "404", "413", "415", "422", "503"},
    ("post", "/v1/interactions"): {"202", "400", "404", "413", "415", "422", "503"},
    ("get", "/v1/stock"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/rules"): {"200", "404", "414", "422", "503"},
    ("put", "/v1/rules"): {"200", "400", "403", "404", "409", "413", "414", "415", "422", "503"},
    ("get", "/v1/rules/versions"): {"200", "404", "414", "422", "503"},
    ("post", "/v1/rules/preview"): {"200", "400", "403", "404", "413", "414", "415", "422", "503"},
    ("get", "/v1/synonyms"): {"200", "404", "414", "422", "503"},
    ("put", "/v1/synonyms"): {"200", "400", "403", "404", "413", "414", "415", "422", "503"},
    ("put", "/v1/uploads/{section}/{name}"): {"202", "400", "403", "404", "413", "414", "422", "503"},
    ("get", "/v1/uploads"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/uploads/{upload_id}"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/rejects"): {"200", "404", "414", "422", "503"},
    ("post", "/v1/rejects/{reject_id}/replay"): {
        "200",
        "400",
        "403",
        "404",
        "413",
        "414",
        "415",
        "422",
        "503",
    },
    ("get", "/v1/status"): {"200", "404", "414", "422", "503"},
    ("post", "/v1/live/rollback"): {"200", "400", "403", "404", "409", "413", "414", "415", "422", "503"},
    ("post", "/v1/live/promote"): {"200", "400", "403", "404", "409", "413", "414", "415", "422", "503"},
    ("get", "/v1/analytics"): {"200", "404", "414", "422", "503"},
    ("get", "/v1/users/{user_id}"): {"200", "404", "414", "422", "503"},
    ("delete", "/v1/users/{user_id}"): {"200", "403", "404", "414", "422", "503"},
    ("get", "/.well-known/ucp"): {"200", "400"},
    ("get", "/ucp/schemas/{name}.json"): {"200", "400", "404", "422"},
    ("post", "/ucp/catalog/search"): _AGENTS,
    ("post", "/ucp/catalog/lookup"): _AGENTS,
    ("post", "/ucp/catalog/product"): _AGENTS,
    ("get", "/ucp/media/{kind}/{number}"): {
        *("200", "206", "304", "404", "413", "414", "416", "422", "429", "503")
    },
    ("get", "/healthz"): {"200", "503"},
    ("get", "/readyz"): {"200", "503"},
    ("get", "/metrics"): {"200"},
}


@pytest.fixture(scope="module")
def spec(client: TestClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def test_routes_and_their_answers(spec: dict[str, Any]) -> None:
    found = {(m, path): set(op["responses"]) for path, ops in spec["paths"].items() for m, op in ops.items()}
    before_any_route = {"408", "429", "503"}
    assert found == {
        (method, path): statuses | (before_any_route if path.startswith("/v1/") else set())
        for (method, path), statuses in _ROUTES.items()
    }


def test_every_error_is_a_problem_document(spec: dict[str, Any]) -> None:
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                # Agents are told by their own protocol.
                told = answer.get("content", {}).get("application/json", {}).get("schema")
                if "ucp" in path and told == {"$ref": "#/components/schemas/UcpRefusal"}:
                    continue
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], operation["operationId"]
                    schema = answer["content"]["application/problem+json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_reference_resolves(spec: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [r for value in node.values() for r in references(value)]
        return [r for value in node for r in references(value)] if isinstance(node, list) else []

    wanted = set(references(spec))
    assert "#/components/schemas/SearchRequest" in wanted
    for reference in wanted:
        assert reference.rsplit("/", 1)[1] in spec["components"]["schemas"], reference


def test_no_secret_and_no_internal_route(spec: dict[str, Any]) -> None:
    assert not [path for path in spec["paths"] if path.startswith("/internal")]
    assert "a-test-token" not in json.dumps(spec)


def test_the_document_is_stable(client: TestClient) -> None:
    assert client.get("/openapi.json").content == client.get("/openapi.json").content


_names = st.sampled_from(["q", "limit", "cursor", "facets", "brand", "price_lte", "attribute", "x"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_known = st.sampled_from(
    [
        "collection",
        "text",
        "image",
        "audio",
        "video",
        "weights",
        "filters",
        "facets",
        "limit",
        "cursor",
        "explain",
    ]
)
_filters = st.dictionaries(
    st.sampled_from(["price", "brand", "category", "availability", "color", "attributes", "nope"]),
    _values,
    max_size=4,
)
_plausible = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=40),
        "limit": st.integers(1, 100),
        "facets": st.lists(
            st.sampled_from(["brand", "color", "price", "attributes", "attributes.sole", ""]), max_size=3
        ),
        "filters": _filters,
        "weights": st.dictionaries(st.sampled_from(["text", "image"]), st.floats(0, 10), max_size=2),
        "cursor": st.text(max_size=30),
        "explain": st.booleans(),
        "image": st.fixed_dictionaries({"data": st.text(max_size=12)}),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(_known | st.text(max_size=5), _values, max_size=5) | _plausible | _values)
def test_no_json_body_is_answered_by_a_5xx(client: TestClient, body: Any) -> None:
    answer = client.post("/v1/search", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=st.dictionaries(_names, st.text(max_size=20), max_size=4))
def test_no_query_string_is_answered_by_a_5xx(client: TestClient, params: dict[str, str]) -> None:
    assert client.get("/v1/search", params=params).status_code < 500


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(product_id=st.text(min_size=1, max_size=140))
def test_no_product_id_is_answered_by_a_5xx(client: TestClient, product_id: str) -> None:
    from urllib.parse import quote

    path = quote(product_id, safe="")
    assert client.get(f"/v1/products/{path}").status_code < 500
    assert client.get(f"/v1/products/{path}/similar").status_code < 500


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "multipart/form-data; boundary=b"]),
)
def test_no_bytes_are_answered_by_a_5xx(client: TestClient, content: bytes, kind: str) -> None:
    assert client.post("/v1/search", content=content, headers={"content-type": kind}).status_code < 500
    assert client.post("/v1/interactions", content=content, headers={"content-type": kind}).status_code < 500
