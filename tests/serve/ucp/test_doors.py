"""Who gets in, and what of: API keys, several collections, shards, nothing at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
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
from tests.serve.ucp.conftest import AGENT, BASE, of
from tests.serve.ucp.schemas import check_answer
from tests.serve.ucp.test_mcp import CALL, JSON
from tests.unit.search import catalogues
from tests.unit.search.catalogues import product

KEY = "agents-key-0123456789"


def served(settings: Settings) -> Iterator[TestClient]:
    service = make_service(settings)
    with TestClient(create_app(service, Metrics("test")), base_url=BASE, headers=AGENT) as client:
        yield client
    service.close()


def keyed(settings: Settings) -> Settings:
    keys = SecretStr(json.dumps({"agents": KEY}))
    return settings.model_copy(update={"serve": settings.serve.model_copy(update={"api_keys": keys})})


def test_with_keys_the_profile_is_public_and_the_catalogue_is_not(lake: Path) -> None:
    for client in served(keyed(of(lake))):
        assert client.get("/.well-known/ucp").status_code == 200
        assert client.get("/ucp/schemas/facets.json").status_code == 200
        key = {"Authorization": f"Bearer {KEY}"}
        for path, body in (("/ucp/catalog/search", {"query": "mug"}), ("/ucp/mcp", CALL)):
            answer = client.post(path, json=body, headers=JSON)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert client.post(path, json=body, headers={**JSON, **key}).status_code == 200


def test_a_shop_may_open_the_catalogue_to_agents_alone(lake: Path) -> None:
    for client in served(keyed(of(lake, open=True))):
        assert client.post("/ucp/catalog/search", json={"query": "mug"}).status_code == 200
        assert client.post("/ucp/mcp", json=CALL, headers=JSON).status_code == 200
        assert client.get("/v1/search").status_code == 401


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
            return await (server.load(*args) if method == "load" else server.ask(method, *args))

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
