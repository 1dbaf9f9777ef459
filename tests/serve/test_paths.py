"""What a path takes, and what becomes of one that is not quite there."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.serve.conftest import TOKEN


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/search", "GET, HEAD, OPTIONS, POST"),
        ("/v1/suggest", "GET, HEAD, OPTIONS"),
        ("/v1/assistant", "OPTIONS, POST"),
        ("/v1/users/u", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/interactions", "OPTIONS, POST"),
        ("/internal/v1/work", "OPTIONS, POST"),
    ],
)
def test_all_methods_of_a_path_are_told(client: TestClient, path: str, methods: str) -> None:
    asked = client.options(path)
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, methods, b"")
    refused = client.request("PATCH", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)


def test_a_path_that_is_not_there_has_no_methods(client: TestClient) -> None:
    assert client.options("/v1/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/v1/search/", "/v1/collections/", "/internal/v1/work/", "/healthz/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_names_the_host_that_a_caller_made_up(client: TestClient, path: str, method: str) -> None:
    answer = client.request(
        method,
        path,
        headers={"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"},
        follow_redirects=False,
    )
    assert answer.status_code == 404
    assert "evil.example" not in f"{answer.headers}{answer.text}"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/search", {"text": "hat", "limit": True}, "limit"),
        ("/v1/search", {"text": "hat", "limit": "5"}, "limit"),
        ("/v1/search", {"text": "hat", "explain": 1}, "explain"),
        ("/v1/search", {"text": "hat", "filters": {"price": {"gte": True}}}, "filters.price.gte"),
        ("/v1/recommendations", {"kind": "trending", "limit": True}, "limit"),
    ],
)
def test_values_of_another_type_are_not_taken_for_what_they_resemble(
    client: TestClient, path: str, body: dict[str, object], field: str
) -> None:
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/products/a%0Ab", "/v1/products/%0A/similar", "/v1/%0A", "/%0A"),
        # Those that there are without it.
        *("/v1/search%0A", "/ucp/catalog/search%0A", "/ucp/mcp%0A", "/.well-known/ucp%0A", "/healthz%0A"),
    ],
)
def test_a_path_with_a_line_break_is_answered_like_any_other(client: TestClient, path: str) -> None:
    for answer in (client.get(path), client.post(path, json={"query": "hat"})):
        assert answer.status_code == 404 or (answer.status_code == 405 and not path.endswith("%0A"))
        kind = "application/json" if path.startswith("/ucp/") else "application/problem+json"
        assert answer.headers["content-type"] == kind
