"""Who gets in, and what of: API keys, several collections, shards, nothing at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import mmpipe.serve
from mmpipe.lake import open_lake
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ray.shards import ShardServer
from mmpipe.settings import Settings
from tests.serve.conftest import make_service, settings_for
from tests.serve.held_keys import bearer, entry, held, keyed
from tests.serve.ucp.conftest import AGENT, BASE, of
from tests.serve.ucp.schemas import check_answer
from tests.serve.ucp.test_mcp import CALL, JSON
from tests.unit.search import catalogues
from tests.unit.search.catalogues import product

KEY, SHOP = "agents-key-0123456789", "shop-key-0123456789"


def served(settings: Settings) -> Iterator[TestClient]:
    service = make_service(settings)
    with TestClient(create_app(service, Metrics("test")), base_url=BASE, headers=AGENT) as client:
        yield client
    service.close()


def with_keys(settings: Settings, **entries: Any) -> Settings:
    return keyed(settings, api_keys=held(**entries))


def test_with_keys_the_profile_is_public_and_the_catalogue_is_not(lake: Path) -> None:
    for client in served(with_keys(of(lake), agents=entry(KEY, ["agent"]), shop=entry(SHOP, ["search"]))):
        assert client.get("/.well-known/ucp").status_code == 200
        assert client.get("/ucp/schemas/facets.json").status_code == 200
        for path, body in (("/ucp/catalog/search", {"query": "mug"}), ("/ucp/mcp", CALL)):
            answer = client.post(path, json=body, headers=JSON)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert client.post(path, json=body, headers={**JSON, **bearer(KEY)}).status_code == 200
            answer = client.post(path, json=body, headers={**JSON, **bearer(SHOP)})
            assert answer.status_code == 403
            assert "'agent'" in answer.json()["content"]


def test_a_shop_may_open_the_catalogue_to_agents_alone(lake: Path) -> None:
    for client in served(with_keys(of(lake, open=True), agents=KEY)):
        assert client.post("/ucp/catalog/search", json={"query": "mug"}).status_code == 200
        assert client.post("/ucp/mcp", json=CALL, headers=JSON).status_code == 200
        assert client.get("/v1/search").status_code == 401


def test_whatever_is_wrong_below_the_doors_is_said_in_the_protocols_words(lake: Path) -> None:
    """No path, no method, no key, too much: who raises it makes no difference."""
    asked = (
        ("POST", "/ucp/catalog/cart", 404, "not_found"),
        ("GET", "/ucp", 404, "not_found"),
        ("GET", "/ucp/catalog/search", 405, "method_not_allowed"),
        ("POST", "/.well-known/ucp", 405, "method_not_allowed"),
        ("GET", "/ucp/mcp", 405, "method_not_allowed"),
        ("GET", "/ucp/schemas/none.json", 404, "not_found"),
        ("POST", "/ucp/catalog/lookup", 401, "unauthorized"),
        ("POST", "/ucp/catalog/lookup\n", 404, "not_found"),
    )
    for client in served(with_keys(of(lake), agents=entry(KEY, ["agent"]))):
        for method, path, status, code in asked:
            answer = client.request(method, path.replace("\n", "%0A"))
            assert (answer.status_code, answer.json()["code"]) == (status, code), path
            assert answer.headers["content-type"] == "application/json"
            told = answer.json()
            assert told["ucp"]["status"] == "error"
            check_answer("lookup", told)
            assert [message["code"] for message in told["messages"]] == [code]
            assert told["messages"][0]["severity"] == ("recoverable" if status == 401 else "unrecoverable")
            if status == 405:
                assert answer.headers["allow"]
        body = b"x" * (of(lake).serve.max_json_bytes + 1)
        large = client.post("/ucp/catalog/lookup", content=body, headers=bearer(KEY))
        assert (large.status_code, large.json()["code"]) == (413, "request_too_large")
        elsewhere = client.get("/v1/none")
        assert elsewhere.headers["content-type"] == "application/problem+json"
    for client in served(of(lake)):
        answer = client.get("/ucp/media/image/0")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_shop_may_have_no_doors(lake: Path) -> None:
    for client in served(of(lake, enabled=False)):
        assert client.get("/.well-known/ucp").status_code == 404
        assert client.post("/ucp/catalog/search", json={"query": "mug"}).status_code == 404
        assert client.post("/ucp/mcp", json=CALL, headers=JSON).status_code == 404


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    for name in ("garden", "kitchen"):
        shop = open_lake(settings_for(folder)).collection(name, create=True)
        table = shop.products(catalogues.PROFILE, create=True)
        table.upsert(catalogues.rows_of([product(f"{name}-1", f"{name} knife")]))
        shop.publish(table, reason="test")
    return folder


def test_of_several_collections_one_is_chosen(several: Path) -> None:
    for client in served(of(several)):
        answer = client.post("/ucp/catalog/search", json={"query": "knife"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "MMPIPE_UCP__COLLECTION" in answer.json()["content"]
        assert "garden" not in answer.text
    for client in served(of(several, collection="kitchen")):
        found = client.post("/ucp/catalog/search", json={"query": "knife"}).json()["products"]
        assert [each["id"] for each in found] == ["kitchen-1"]


def test_of_several_collections_a_key_has_its_own(several: Path) -> None:
    keys = {name: entry(f"{name}-key-0123456789", ["agent"], [name]) for name in ("garden", "kitchen")}
    for client in served(with_keys(of(several), **keys)):
        for name, other in (("garden", "kitchen"), ("kitchen", "garden")):
            headers = {**JSON, **bearer(f"{name}-key-0123456789")}
            found = client.post("/ucp/catalog/search", json={"query": "knife"}, headers=headers).json()
            assert [each["id"] for each in found["products"]] == [f"{name}-1"]
            ids = {"ids": [f"{name}-1", f"{other}-1"]}
            looked = client.post("/ucp/catalog/lookup", json=ids, headers=headers).json()
            assert [each["content"] for each in looked["messages"]] == [f"{other}-1"]
            detail = client.post("/ucp/catalog/product", json={"id": f"{other}-1"}, headers=headers)
            assert detail.json()["ucp"]["status"] == "error"
            call = {**CALL, "params": {"name": "lookup_catalog", "arguments": {"catalog": ids}}}
            told = client.post("/ucp/mcp", json=call, headers=headers).json()["result"]["structuredContent"]
            assert [each["id"] for each in told["products"]] == [f"{name}-1"]
    # The doors may be of one collection, whoever comes.
    for client in served(with_keys(of(several, collection="kitchen"), **keys)):
        headers = bearer("garden-key-0123456789")
        answer = client.post("/ucp/catalog/search", json={"query": "knife"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for client in served(with_keys(of(several, collection="kitchen", open=True), **keys)):
        for path, body in (("/ucp/catalog/search", {"query": "knife"}), ("/ucp/mcp", CALL)):
            assert "kitchen-1" in client.post(path, json=body | _asking("knife", path), headers=JSON).text


def _asking(query: str, path: str) -> dict[str, Any]:
    if path != "/ucp/mcp":
        return {}
    return {"params": {"name": "search_catalog", "arguments": {"catalog": {"query": query}}}}


def test_while_nothing_is_live_agents_are_told_to_come_back(tmp_path: Path) -> None:
    for client in served(of(tmp_path)):
        answer = client.post("/ucp/catalog/search", json={"query": "knife"})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        fault = client.post("/ucp/mcp", json=CALL, headers=JSON).json()["error"]
        assert (fault["code"], fault["data"]["code"]) == (-32000, "unavailable")


@pytest.fixture(scope="module")
def split(lake: Path) -> Iterator[TestClient]:
    """A replica whose collection two shards hold."""
    settings = of(lake)
    settings = settings.model_copy(update={"serve": settings.serve.model_copy(update={"shards": 2})})
    servers = [ShardServer(settings, number) for number in range(2)]

    class Transport:
        async def call(self, shard: int, method: str, *args: Any) -> Any:
            server = servers[shard]
            if method in ("load", "follow_photos"):
                return await getattr(server, method)(*args)
            return await server.ask(method, *args)

    service = QueryService(settings, LocalQueryEncoder(Models(threads=1)), shards=Transport())
    with TestClient(create_app(service, Metrics("test")), base_url=BASE, headers=AGENT) as client:
        yield client
    service.close()
    for server in servers:
        server.close()


def test_a_split_catalogue_is_answered_too_and_says_what_it_cannot(split: TestClient) -> None:
    def ask(operation: str, **body: Any) -> dict[str, Any]:
        answer = split.post(f"/ucp/catalog/{operation}", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        check_answer(operation, told)
        return told

    found = ask("search", query="running shoe")
    assert [product["id"] for product in found["products"]].count("runner") == 1
    assert found["products"][0]["id"] == "runner"
    assert len(found["products"][0]["variants"]) == 4
    assert "total_count" not in found["pagination"]
    assert [message["code"] for message in found["messages"]] == ["variants_apart"]
    further = ask("search", query="running shoe", pagination={"cursor": found["pagination"]["cursor"]})
    assert further["products"]
    looked = ask("lookup", ids=["runner", "SKU-B40", "nothing"])
    assert [message["content"] for message in looked["messages"]] == ["nothing"]
    detail = ask("product", id="runner", recommendations={"similar": 2, "complements": 2})
    assert detail["product"]["selected"]
    assert len(detail["recommendations"]["similar"]) == 2
    assert [message["code"] for message in detail["messages"]] == ["recommendations_unavailable"]


def test_the_package_of_mcp_is_imported_for_whoever_uses_it_alone() -> None:
    # It takes longer to import than a small container function takes to start.
    importing = re.compile(
        r"^(?:from|import) (?:mcp\b|mcp_types\b|mmpipe\.serve\.http\.ucp_mcp\b )", re.MULTILINE
    )
    sources = Path(mmpipe.serve.__file__).parent.rglob("*.py")
    found = [path.name for path in sources if importing.search(path.read_text(encoding="utf-8"))]
    assert found == ["ucp_mcp.py"]
