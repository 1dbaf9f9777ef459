"""What a caller can get wrong, each with its status, its field and a remedy; never a 5xx."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.objects import FolderStore
from mmpipe.settings import Settings
from tests.serve.conftest import MAX_BODY, make_app, make_service, png, settings_for

_JSON = {"content-type": "application/json"}


def _is_problem(answer: Any, status: int, kind: str, field: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:mmpipe:problem:{kind}"
    assert problem["status"] == status
    assert {"title", "detail", "instance"} <= problem.keys()
    if field is not None:
        assert problem["field"] == field, problem
    return problem


def _part(name: str, value: str) -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


@pytest.mark.parametrize("body", ["", "--b", _part("text", "red"), _part("text", "red") + "--b"])
def test_a_form_that_breaks_off_is_not_taken_for_a_shorter_one(client: TestClient, body: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    _is_problem(client.post("/v1/search", content=body, headers=headers), 400, "malformed-request", "body")
    whole = client.post("/v1/search", content=_part("text", "red") + "--b--\r\n", headers=headers)
    assert whole.status_code == 200, whole.text


def test_two_request_parts_are_refused(client: TestClient) -> None:
    files = [("request", (None, '{"text": "red"}')), ("request", (None, '{"text": "blue"}'))]
    _is_problem(client.post("/v1/search", files=files), 422, "invalid-request", "request")


def test_no_address_of_memory_is_told(client: TestClient) -> None:
    header = png((1, 2, 3))[:8] + b"\0\0\0\rIHDR" + b"\0" * 17
    answer = client.post("/v1/search", json={"image": {"data": base64.b64encode(header).decode()}})
    problem = _is_problem(answer, 422, "invalid-media", "image")
    assert "0x" not in problem["detail"]
    assert "BytesIO" not in problem["detail"]


@pytest.mark.parametrize(
    ("body", "status", "kind", "field"),
    [
        ({"txet": "shoe"}, 422, "invalid-request", "txet"),
        ({"limit": -1}, 422, "invalid-request", "limit"),
        ({"limit": 101}, 422, "invalid-request", "limit"),
        ({"limit": "many"}, 422, "invalid-request", "limit"),
        ({"text": 7}, 422, "invalid-request", "text"),
        ({"text": "x" * 1_001}, 422, "invalid-request", "text"),
        ({"filters": {"price": {"gte": 9, "lte": 1}}}, 422, "invalid-request", "filters.price"),
        ({"filters": {"price": {"gte": -3}}}, 422, "invalid-request", "filters.price.gte"),
        ({"filters": {"colour": ["red"]}}, 422, "invalid-request", "filters.colour"),
        ({"filters": {"brand": []}}, 422, "invalid-request", "filters.brand"),
        ({"weights": {"text": 11}}, 422, "invalid-request", "weights.text"),
        ({"facets": ["shoe_size"]}, 422, "invalid-request", None),
        ({"cursor": "bm90IGEgY3Vyc29y", "text": "shoe"}, 422, "invalid-request", "cursor"),
        ({"cursor": "ünicode?", "text": "shoe"}, 422, "invalid-request", "cursor"),
        ({"collection": "nowhere"}, 404, "unknown-collection", None),
        ({"collection": "../etc"}, 404, "unknown-collection", None),
        ({"image": {"data": "%%%"}}, 422, "invalid-request", "image.data"),
        ({"image": {"data": ""}}, 422, "invalid-request", "image.data"),
        ({"image": {"data": base64.b64encode(b"no image at all").decode()}}, 422, "invalid-media", "image"),
        ({"image": {"data": base64.b64encode(png((1, 2, 3))[:60]).decode()}}, 422, "invalid-media", "image"),
        ({"audio": {"data": base64.b64encode(b"RIFFxxxxWAVE").decode()}}, 422, "invalid-media", "audio"),
        (
            {"video": {"data": base64.b64encode(b"\0\0\0\x18ftypmp42").decode()}},
            422,
            "invalid-media",
            "video",
        ),
        ({"image": {}}, 422, "invalid-request", "image"),
        ({"image": {"data": "eA==", "uri": "https://x.example/a.png"}}, 422, "invalid-request", "image"),
        ({"image": {"uri": "s3://bucket/secret.png"}}, 422, "invalid-media", "image.uri"),
        ({"image": {"uri": "file:///etc/passwd"}}, 422, "invalid-media", "image.uri"),
        ({"image": {"uri": "http://169.254.169.254/latest"}}, 422, "invalid-media", "image.uri"),
        ({"image": {"uri": "https://unlisted.example/a.png"}}, 422, "invalid-media", "image.uri"),
        ({"image": {"uri": "https://[::1/a.png"}}, 422, "invalid-media", "image.uri"),
        ({"image": {"uri": "a.png"}}, 422, "invalid-media", "image.uri"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_search_bodies(
    client: TestClient, body: dict[str, Any], status: int, kind: str, field: str | None
) -> None:
    problem = _is_problem(client.post("/v1/search", json=body), status, kind, field)
    assert len(problem["detail"]) > 15


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[1]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"[" * 100_000, 400),
    ],
    ids=["cut", "empty", "not utf-8", "list", "null", "string", "deep"],
)
def test_bodies_that_are_no_object(client: TestClient, content: bytes, status: int) -> None:
    answer = client.post("/v1/search", content=content, headers=_JSON)
    _is_problem(answer, status, "malformed-request" if status == 400 else "invalid-request")


def test_the_first_of_several_faults_and_all_of_them_are_named(client: TestClient) -> None:
    problem = _is_problem(client.post("/v1/search", json={"limit": 0, "nope": 1}), 422, "invalid-request")
    assert {entry["field"] for entry in problem["errors"]} == {"limit", "nope"}
    assert "and 1 more" in problem["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=-5", "limit"),
        ("nope=1", "nope"),
        ("price_gte=cheap", "price_gte"),
        ("price_gte=9&price_lte=1", "filters.price"),
        ("attribute=rubber", "attribute"),
        ("q=" + "x" * 1_001, "q"),
    ],
)
def test_query_strings(client: TestClient, query: str, field: str) -> None:
    _is_problem(client.get(f"/v1/search?{query}"), 422, "invalid-request", field)


def test_unknown_products_paths_and_methods(client: TestClient) -> None:
    _is_problem(client.get("/v1/products/none"), 404, "unknown-product")
    _is_problem(client.get("/v1/products/none/similar"), 404, "unknown-product")
    _is_problem(client.get("/v1/products/%00%ff"), 404, "unknown-product")
    _is_problem(client.get("/v1/products/p?collection=no"), 404, "unknown-collection")
    _is_problem(client.get("/v2/search"), 404, "not-found")
    answer = client.delete("/v1/search")
    _is_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/jsonx"])
def test_other_content_types(client: TestClient, kind: str) -> None:
    answer = client.post("/v1/search", content=b"{}", headers={"content-type": kind})
    _is_problem(answer, 415, "unsupported-media-type")


def test_interactions_take_json_only(client: TestClient) -> None:
    answer = client.post("/v1/interactions", files={"x": b"1"})
    _is_problem(answer, 415, "unsupported-media-type")


def test_an_oversized_body_is_refused_by_its_declared_length(client: TestClient) -> None:
    answer = client.post("/v1/search", content=b"x" * (MAX_BODY + 1), headers=_JSON)
    _is_problem(answer, 413, "request-too-large", "body")


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_an_oversized_chunked_body_is_cut_off_while_it_streams(client: TestClient, kind: str) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        head = (
            b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
            if "multi" in kind
            else b'{"text": "'
        )
        yield head
        for _ in range(64):
            sent += 1
            yield b"x" * (MAX_BODY // 8)

    answer = client.post("/v1/search", content=chunks(), headers={"content-type": kind})
    _is_problem(answer, 413, "request-too-large", "body")


def test_bodies_that_hold_no_medium_are_smaller(shop: tuple[Path, Settings]) -> None:
    service = make_service(settings_for(shop[0], max_json_bytes=10_000))
    client, body = TestClient(make_app(service)), b"x" * 10_001
    for method, path in (
        ("POST", "/v1/interactions"),
        ("POST", "/v1/recommendations"),
        ("POST", "/v1/rules/preview"),
        ("PUT", "/v1/rules"),
        ("PUT", "/v1/synonyms"),
    ):
        answer = client.request(method, path, content=body, headers=_JSON)
        _is_problem(answer, 413, "request-too-large", "body")
    assert client.post("/v1/search", content=body, headers=_JSON).status_code == 400
    service.close()


def test_a_medium_over_its_own_limit(client: TestClient) -> None:
    answer = client.post("/v1/search", files={"image": ("x.png", png((1, 2, 3), side=700), "image/png")})
    _is_problem(answer, 413, "media-too-large", "image")


@pytest.mark.parametrize(
    ("data", "files", "status", "field"),
    [
        ({"text": "a", "nope": "1"}, {}, 422, "nope"),
        ({"request": "{"}, {}, 400, None),
        ({"request": '{"limit": 0}'}, {}, 422, "limit"),
        ({"request": "{}", "text": "a"}, {}, 422, "text"),
        ({"request": '{"image": {"data": "eA=="}}'}, {"image": b"x"}, 422, "image"),
        ({"filters": "{"}, {}, 422, "filters"),
        ({"filters": '{"brand": 1}'}, {}, 422, "filters.brand"),
        ({"limit": "x"}, {}, 422, "limit"),
        ({}, {"image": b""}, 422, "image"),
        ({"image": "plain"}, {}, 422, "image"),
        ({}, {"image": b"not an image"}, 422, "image"),
    ],
)
def test_multipart_faults(
    client: TestClient, data: dict[str, str], files: dict[str, bytes], status: int, field: str | None
) -> None:
    parts = [(name, (None, value.encode())) for name, value in data.items()]
    parts += [(name, (f"{name}.bin", value)) for name, value in files.items()]  # type: ignore[misc]
    answer = client.post("/v1/search", files=parts)
    assert answer.status_code == status, answer.text
    if field is not None:
        assert answer.json()["field"] == field


@pytest.mark.parametrize(
    "body", [b"", b"--b--", b"garbage", b"--b\r\nContent-Disposition: nothing\r\n\r\nx\r\n--b--"]
)
def test_multipart_that_is_none(client: TestClient, body: bytes) -> None:
    answer = client.post(
        "/v1/search", content=body, headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code < 500
    assert (
        client.post("/v1/search", content=b"x", headers={"content-type": "multipart/form-data"}).status_code
        == 400
    )


@pytest.mark.parametrize(
    "uri", [" https://unlisted.example/a.png", "https:/etc/hostname", "\tHTTPS:etc/hostname"]
)
def test_no_address_in_a_query_reaches_a_store(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    reached: list[object] = []
    monkeypatch.setattr(FolderStore, "__init__", lambda *given: reached.append(given))
    for body in ({"image": {"uri": uri}}, {"text": "red", "not": {"image": {"uri": uri}}}):
        answer = client.post("/v1/search", json=body)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:mmpipe:problem:invalid-media")
    assert reached == []
