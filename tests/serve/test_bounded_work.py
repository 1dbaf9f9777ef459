"""One request costs the others nothing: what is too much is refused before it is worked on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from mmpipe.errors import RequestTooLarge
from mmpipe.serve.http import requests
from mmpipe.serve.http.bounds import FILTERS, INTERACTIONS, MAX_DEPTH, MAX_TEXT, SEARCH, Bounds, check
from mmpipe.serve.http.errors import MalformedRequest
from mmpipe.serve.http.forms import MAX_HEAD, MAX_PARTS, parse_form
from tests.serve.messages import statuses

_JSON = {"content-type": "application/json"}
_FORM = b"multipart/form-data; boundary=b"


def _names(count: int) -> bytes:
    return b"{" + b",".join(b'"k%d":1' % n for n in range(count)) + b"}"


@pytest.mark.parametrize(
    "body",
    [
        _names(60_000),
        b'{"filters":{"attributes":' + _names(60_000) + b"}}",
        b'{"facets":[' + b",".join([b'"x"'] * 60_000) + b"]}",
        b'{"facets":[' + b",".join([b"1"] * 60_000) + b"]}",
        b'{"facets":[' + b"[]," * 60_000 + b"[]]}",
        b'{"text":"' + b"x" * (MAX_TEXT + 1) + b'"' + b',"a":"b"}',
        b'{"text":"' + b'\\"' * 60_000 + b'"}',
        b'{"weights":{"text":0.' + b"1" * (MAX_TEXT + 1) + b"}}",
    ],
    ids=["names", "attributes", "strings", "numbers", "lists", "text", "escapes", "digits"],
)
def test_what_holds_too_much_is_not_validated(
    client: TestClient, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(*_: object) -> None:
        raise AssertionError("it was parsed")

    if b'"text":"xx' not in body:  # one long string may be a medium: its validator refuses it
        monkeypatch.setattr(requests, "parse_json", parsed)
    answer = client.post("/v1/search", content=body, headers=_JSON)
    assert answer.status_code == (422 if b'"text":"xx' in body else 413), answer.text
    assert len(answer.content) < 1_000


@pytest.mark.parametrize("path", ["/v1/interactions", "/v1/recommendations"])
def test_other_routes_are_bounded_too(client: TestClient, path: str) -> None:
    answer = client.post(path, content=_names(60_000), headers=_JSON)
    assert (answer.status_code, answer.json()["field"]) == (413, "body")


def test_a_problem_names_some_of_many_errors(client: TestClient) -> None:
    answer = client.post("/v1/search", content=_names(150), headers=_JSON)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) <= 100
    assert "and 149 more" in answer.json()["detail"]


def test_the_largest_search_there_is_passes() -> None:
    values = ['a, "b": [{c}]\\' for _ in range(100)]
    facets = dict.fromkeys(("brand", "category", "color", "size", "gender", "material"), values)
    filters = {**facets, "attributes": {f"n{n}": values for n in range(20)}}
    medium = {"data": "A" * (2 * MAX_TEXT)}
    request = {"text": '"' * 1_000, "filters": filters, "image": medium, "audio": medium, "video": medium}
    for indent in (None, 2):
        check(json.dumps(request, indent=indent).encode(), SEARCH)
        check(json.dumps(filters, indent=indent).encode(), FILTERS)
    events = [{**{f"field {n}": "a:b,c" for n in range(9)}, "context": {"query": "x" * 1_000}}] * 1_000
    check(json.dumps({"interactions": events}, indent=2).encode(), INTERACTIONS)


def test_depth_is_bounded() -> None:
    check(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, SEARCH)
    check(b'{"text": "' + b"[" * 100 + b'"}', SEARCH)
    with pytest.raises(MalformedRequest, match="nested"):
        check(b"[" * (MAX_DEPTH + 1), SEARCH)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def _count(value: Any) -> tuple[int, int]:
    """Names, and values of lists and objects."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    counts = [_count(each) for each in inner]
    own = len(value) if isinstance(value, dict) else 0
    return own + sum(names for names, _ in counts), len(inner) + sum(values for _, values in counts)


@settings(max_examples=60, deadline=None)
@given(_VALUES, st.booleans())
def test_counts_are_those_of_the_document(value: Any, plain: bool) -> None:
    body = json.dumps(value, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    names, values = _count(value)
    check(body, Bounds(names=names, values=2 * values + 2))
    if names:
        with pytest.raises(RequestTooLarge):
            check(body, Bounds(names=names - 1, values=10_000))


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("charset", ["utf-7", "punycode", "'unicode_escape'", "idna", "latin-1"])
def test_other_character_sets_are_refused_by_name(client: TestClient, kind: str, charset: str) -> None:
    answer = client.post("/v1/search", content=b"{}", headers={"content-type": f"{kind}; charset={charset}"})
    assert answer.status_code == 415
    assert charset.strip("'") in answer.json()["detail"]


def test_utf8_may_be_named(client: TestClient) -> None:
    for charset in ("utf-8", '"UTF-8"'):
        headers = {"content-type": f"application/json; charset={charset}"}
        assert client.post("/v1/search", content=b"{}", headers=headers).status_code == 200
    head = 'Content-Disposition: form-data; name="text"\r\nContent-Type: text/plain; charset=utf-7'
    answer = client.post(
        "/v1/search",
        content=f"--b\r\n{head}\r\n\r\n红色\r\n--b--\r\n".encode(),
        headers={"content-type": "multipart/form-data; boundary=b; charset=utf-8"},
    )
    assert answer.status_code == 200
    assert answer.json()["total"] > 0


def test_forms_are_cut_where_their_boundary_stands() -> None:
    body = (
        b"preamble\r\n--b  \r\nContent-Type: image/png\r\ncontent-disposition: form-data; "
        b'name="image"; filename="a;\\"name=x.png"\r\n\r\n\r\n--c\x00\r\n\r\n--b\r\n'
        b"Content-Disposition:form-data;name=text\r\n\r\nred\r\n--b--\r\n--b epilogue"
    )
    image, text = parse_form(body, _FORM)
    assert (image.name, image.file, image.data) == ("image", True, b"\r\n--c\x00\r\n")
    assert (text.name, text.file, text.data) == ("text", False, b"red")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Content-Disposition: attachment; name=a",
        b"Content-Disposition: form-data",
        b'Content-Disposition: form-data; filename="a"',
        b'Content-Disposition: form-data; name="\xff"',
        b"X: " + b"x" * MAX_HEAD + b'\r\nContent-Disposition: form-data; name="a"',
    ],
)
def test_parts_without_a_readable_head_are_refused(head: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_form(b"--b\r\n" + head + b"\r\n\r\nx\r\n--b--", _FORM)


def test_parts_are_counted() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="facets"\r\n\r\nbrand\r\n'
    assert len(parse_form(part * MAX_PARTS + b"--b--", _FORM)) == MAX_PARTS
    with pytest.raises(RequestTooLarge, match="parts"):
        parse_form(part * (MAX_PARTS + 1) + b"--b--", _FORM)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"--b", b"\r\n", b"--", b'; name="', b'"', b"Content-Disposition: form-data", b"x"])
    )
)
def test_no_form_breaks_the_parser(pieces: list[bytes]) -> None:
    with contextlib.suppress(MalformedRequest, RequestTooLarge):
        parse_form(b"".join(pieces), _FORM)


def test_query_strings_are_bounded(client: TestClient) -> None:
    for query in ("&".join(f"k{n}=1" for n in range(600)), "cursor=" + "x" * 64_000):
        for path in ("/v1/search", "/v1/products/red-shoe-1/similar"):
            answer = client.get(f"{path}?{query}")
            assert (answer.status_code, answer.json()["field"]) == (414, "query")


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/search", b"application/json"),
        ("POST", "/v1/search", b"multipart/form-data; boundary=b"),
        ("POST", "/v1/assistant", b"application/json"),
        ("POST", "/v1/interactions", b"application/json"),
        ("POST", "/v1/recommendations", b"application/json"),
        ("PUT", "/v1/rules", b"application/json"),
        ("POST", "/v1/rules/preview", b"application/json"),
        ("PUT", "/v1/synonyms", b"text/tab-separated-values"),
        ("POST", "/v1/live/rollback", b"application/json"),
        ("POST", "/ucp/catalog/search", b"application/json"),
        ("POST", "/ucp/mcp", b"application/json"),
    ],
)
def test_a_caller_that_goes_away_is_one_line(
    client: TestClient, method: str, path: str, kind: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="mmpipe.serve")
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"text": "re', "more_body": True},
        {"type": "http.disconnect"},
    ]
    headers = [(b"content-type", kind), (b"host", b"testserver")]
    assert statuses(client, path, headers, messages, method) == [499]
    (line,) = [record for record in caplog.records if record.name == "mmpipe.serve"]
    assert (line.levelno, line.exc_info) == (logging.INFO, None)
    counted = client.get("/metrics").text
    assert f'route="{path}",status="499"' in counted
    assert f'route="{path}",status="500"' not in counted


def test_what_serve_ends_is_no_error_of_ours(client: TestClient) -> None:
    async def receive() -> Any:
        raise asyncio.CancelledError

    async def send(_: Any) -> None: ...

    from mmpipe.serve.http.metrics import Measured, Metrics

    async def ended(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()

    meter = Metrics("gone")
    scope = {"type": "http", "method": "POST", "path": "/v1/search"}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Measured(ended, meter)(scope, receive, send))
    assert b'status="499"' in meter.render(())
    assert b'status="500"' not in meter.render(())
