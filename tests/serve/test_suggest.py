"""``GET /v1/suggest``: what it answers, how soon it knows what was asked, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpipe.schemas.suggest import SuggestParams, SuggestResponse
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.settings import Settings, SuggestSettings
from tests.serve.conftest import (
    InProcessWork,
    catalogue,
    make_app,
    make_service,
    order_for,
    settings_for,
    write_feed,
)
from tests.serve.held_keys import held

KEY = "front-key-0123456789"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Settings, TestClient]]:
    """A shop of its own, to be written to, behind an API key."""
    folder = tmp_path_factory.mktemp("suggest")
    settings = settings_for(folder, api_keys=held(front=KEY))
    settings = settings.model_copy(update={"suggest": SuggestSettings(poll_seconds=0.05)})
    InProcessWork(settings).indexer.execute(
        [order_for(write_feed(folder, "all.jsonl", catalogue()), settings)]
    )
    headers = {"Authorization": f"Bearer {KEY}"}
    with TestClient(
        make_app(make_service(settings)), raise_server_exceptions=False, headers=headers
    ) as client:
        yield folder, settings, client


def texts(client: TestClient, kind: str, **params: Any) -> list[str]:
    answer = client.get("/v1/suggest", params=params)
    assert answer.status_code == 200, answer.text
    return [each["text"] for each in answer.json()["suggestions"] if each["kind"] == kind]


def soon(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def ask(client: TestClient, query: str, *users: str) -> None:
    events = [{"type": "search", "user_id": user, "context": {"query": query}} for user in users]
    assert client.post("/v1/interactions", json={"interactions": events}).status_code == 202


def test_suggestions(client: TestClient) -> None:
    answer = client.get("/v1/suggest", params={"q": "red sh", "collection": "shop", "limit": 3})
    assert answer.status_code == 200, answer.text
    found = SuggestResponse.model_validate_json(answer.text)
    assert (found.collection, len(found.suggestions)) == ("shop", 3)
    first = found.suggestions[0]
    assert (first.kind, first.text, first.spans, first.count) == (
        "product", "Red shoe model 0", [(0, 3), (4, 6)], 1,
    )  # fmt: skip
    assert first.product_id == "red-shoe-0"
    assert texts(client, "category", q="sheos") == ["Shoes"]
    assert texts(client, "brand", q="ac") == ["Acme"]


def test_what_is_sold_out_comes_last(client: TestClient) -> None:
    found = texts(client, "product", q="red shoe model", limit=20)
    assert found[-1] == "Red shoe model 9"
    assert len(found) == 10


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=21", "limit"),
        ("limit=many", "limit"),
        ("lang=fr", "lang"),
        ("q=" + "a" * 1_001, "q"),
        ("colour=red", "colour"),
    ],
)
def test_bad_parameters_are_named(client: TestClient, query: str, field: str) -> None:
    answer = client.get(f"/v1/suggest?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field


@pytest.mark.parametrize(
    "query",
    [
        *(
            "",
            "q=",
            "q=%00",
            "q=%ed%a0%80",
            "q=%ff%fe",
            "q=%F0%9F%98%80",
            "q=%0d%0a%1b[31m",
            "q=%",
            "q=a&q=b",
        ),
        "q=a&q=b",
        "q=" + "a" * 1_000,
    ],
)
def test_hostile_queries_have_sane_answers(client: TestClient, query: str) -> None:
    answer = client.get(f"/v1/suggest?{query}")
    assert answer.status_code == 200, answer.text
    SuggestResponse.model_validate_json(answer.text)


def test_an_unknown_collection_and_other_methods(client: TestClient) -> None:
    assert client.get("/v1/suggest", params={"q": "a", "collection": "nowhere"}).status_code == 404
    assert client.post("/v1/suggest", json={}).status_code == 405
    assert client.head("/v1/suggest?q=red").status_code == 200


def test_a_key_is_needed(own: tuple[Path, Settings, TestClient]) -> None:
    assert own[2].get("/v1/suggest?q=red", headers={"Authorization": ""}).status_code == 401
    assert own[2].get("/v1/suggest?q=red").status_code == 200


def test_what_three_people_asked_is_suggested_soon_and_not_once_one_is_erased(
    own: tuple[Path, Settings, TestClient],
) -> None:
    client = own[2]
    ask(client, "Blue  Shoe", "u1", "u2", "u1")
    ask(client, "green martin hat", "u1", "u2", "u3")
    ask(client, "0049 171 5551234", "u1", "u2", "u3")
    ask(client, "red hat", "u7", "u8", "u9")
    assert soon(lambda: texts(client, "query", q="red h") == ["red hat"])
    # Two people are too few; a name is none of the catalogue's words; a number may be somebody's.
    assert texts(client, "query", limit=20) == ["red hat"]
    ask(client, "blue shoe", "u3")
    assert soon(lambda: texts(client, "query", q="blue s") == ["blue shoe"])
    first = client.get("/v1/suggest", params={"q": "blue s"}).json()["suggestions"][0]
    assert (first["kind"], first["count"], first["spans"]) == ("query", 10, [[0, 4], [5, 6]])
    assert client.delete("/v1/users/u2").status_code == 200
    assert soon(lambda: texts(client, "query", q="blue s") == [])
    assert texts(client, "query", q="red h") == ["red hat"]


def test_a_new_product_is_suggested_soon(own: tuple[Path, Settings, TestClient]) -> None:
    folder, settings, client = own
    row = {"id": "new", "title": "Velvet curtain", "price": "5.00 USD", "product_type": "Home > Curtains"}
    path = folder / "shop" / "products" / "new.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row))
    InProcessWork(settings).indexer.execute([order_for(path, settings, "product_uploaded")])
    assert soon(lambda: texts(client, "product", q="curtian") == ["Velvet curtain"])
    assert texts(client, "category", q="cur") == ["Curtains"]


def test_the_service_answers_without_being_started(shop: tuple[Path, Settings]) -> None:
    service = QueryService(shop[1], LocalQueryEncoder(Models(threads=1)), listen=False)
    try:
        found = asyncio.run(service.suggest(SuggestParams(q="gre")))
        assert SuggestResponse.model_validate_json(found).suggestions[0].text.startswith("Green")
    finally:
        service.close()
