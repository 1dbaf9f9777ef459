"""The tools by MCP: the official client over a real connection, and single POSTs as any client sends them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp import Client, MCPError
from starlette.testclient import TestClient

from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.bounded_protocol import Door, protocol_for
from mmpipe.serve.http.metrics import Metrics
from tests.serve.conftest import make_service
from tests.serve.ucp.conftest import of
from tests.serve.ucp.schemas import check_answer

META = {"ucp-agent": {"profile": "https://agent.example/profile.json"}}
JSON = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
CURSOR = {"cursor": "x"}
TOOLS = {"search": "search_catalog", "lookup": "lookup_catalog", "product": "get_product"}


@pytest.fixture(scope="module")
def endpoint(lake: Path) -> Iterator[str]:
    """A replica on a port of this machine, as a server runs it."""
    settings = of(lake)
    service = make_service(settings)
    app = create_app(service, Metrics("wire"))
    config = uvicorn.Config(app, port=0, http=protocol_for(Door(settings.serve)), log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/ucp/mcp"
    server.should_exit = True
    thread.join(20)
    service.close()


@pytest.fixture(scope="module", params=["auto", "legacy"])
def with_client(endpoint: str, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Runs a function of a connected client, by today's protocol and by the one before."""

    def run(call: Callable[[Client], Awaitable[Any]]) -> Any:
        async def connected() -> Any:
            async with Client(endpoint, mode=request.param) as client:
                return await call(client)

        return asyncio.run(asyncio.wait_for(connected(), 100))

    return run


def test_the_official_client_finds_looks_up_and_compares(with_client: Callable[..., Any]) -> None:
    async def shop(client: Client) -> None:
        async def call(operation: str, **body: Any) -> dict[str, Any]:
            result = await client.call_tool(TOOLS[operation], {"meta": META, "catalog": body})
            assert not result.is_error
            answer: dict[str, Any] = result.structured_content
            # Clients without structured answers read the text.
            assert json.loads(result.content[0].text) == answer  # type: ignore[union-attr]
            check_answer(operation, answer)
            return answer

        found = await call("search", query="running shoe", pagination={"limit": 3})
        ids = [product["id"] for product in found["products"]]
        assert ids[0] == "runner"
        page = {"cursor": found["pagination"]["cursor"], "limit": 3}
        further = await call("search", query="running shoe", pagination=page)
        assert not {product["id"] for product in further["products"]} & set(ids)
        compared = await call("lookup", ids=[*ids[:2], "nothing"])
        assert {product["id"] for product in compared["products"]} == set(ids[:2])
        assert [message["content"] for message in compared["messages"]] == ["nothing"]
        chosen = [{"name": "Color", "label": "Red"}]
        detail = await call("product", id="runner", selected=chosen)
        assert detail["product"]["selected"] == chosen
        assert (await call("product", id="nothing"))["ucp"]["status"] == "error"

    with_client(shop)


def test_tools_describe_themselves(with_client: Callable[..., Any]) -> None:
    from jsonschema import Draft202012Validator

    tools = with_client(lambda client: client.list_tools()).tools
    assert [tool.name for tool in tools] == list(TOOLS.values())
    for tool in tools:
        Draft202012Validator.check_schema(tool.input_schema)
        validator = Draft202012Validator(tool.input_schema)
        good = {"meta": META, "catalog": {"query": "x", "ids": ["x"], "id": "x"}}
        assert validator.is_valid(good)
        assert not validator.is_valid({"meta": META})
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "told"),
    [
        ("search_catalog", {"catalog": {}}, -32602, "invalid_request"),
        ("search_catalog", {}, -32602, "invalid_request"),
        ("search_catalog", {"catalog": {"query": "x", "pagination": CURSOR}}, -32602, "invalid_cursor"),
        ("lookup_catalog", {"catalog": {"ids": []}}, -32602, "invalid_request"),
        ("lookup_catalog", {"catalog": {"ids": [str(n) for n in range(51)]}}, -32602, "request_too_large"),
        ("get_product", {"catalog": {"id": 7}}, -32602, "invalid_request"),
        ("search_catalog", {"meta": {"ucp-agent": {"profile": "x"}}, "catalog": {"query": "x"}},
         -32001, "invalid_profile_url"),
        ("search_catalog", {"meta": {"ucp-agent": {**META["ucp-agent"], "version": "2099-01-01"}},
         "catalog": {"query": "x"}}, -32001, "version_unsupported"),
        ("buy", {"catalog": {}}, -32602, None),
    ],
)  # fmt: skip
def test_faults_are_errors_of_json_rpc(
    with_client: Callable[..., Any], tool: str, arguments: Any, code: int, told: str | None
) -> None:
    async def refused(client: Client) -> MCPError:
        with pytest.raises(MCPError) as fault:
            await client.call_tool(tool, arguments)
        return fault.value

    fault = with_client(refused)
    assert fault.code == code
    assert fault.message
    assert told is None or fault.data["code"] == told


def post(client: TestClient, document: Any, **headers: str) -> Any:
    return client.post("/ucp/mcp", content=json.dumps(document), headers={**JSON, **headers})


CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "search_catalog", "arguments": {"meta": META, "catalog": {"query": "mug"}}},
}


def test_a_single_post_is_answered_without_a_session(client: TestClient) -> None:
    answer = post(client, CALL)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "mcp-session-id" not in answer.headers
    assert answer.json()["result"]["structuredContent"]["products"]
    # A replica that never heard of it answers a session's id too.
    assert post(client, CALL, **{"mcp-session-id": "of another replica"}).status_code == 200


def test_there_is_no_stream_to_hold_open(client: TestClient) -> None:
    for method in ("GET", "DELETE"):
        answer = client.request(method, "/ucp/mcp", headers=JSON)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


def test_a_body_is_bounded_before_it_is_read(client: TestClient) -> None:
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    many = {**CALL, "params": {"name": "search_catalog", "arguments": {str(n): n for n in range(5_000)}}}
    assert post(client, {**CALL, "params": deep}).status_code == 400
    answer = post(client, many)
    assert answer.status_code == 413
    assert answer.json()["error"]["data"]["code"] == "request_too_large"
    assert client.post("/ucp/mcp", content=b"x" * 2_000_000, headers=JSON).status_code == 413
    assert client.post("/ucp/mcp", content=b"{", headers=JSON).status_code == 400


def test_other_names_of_this_machine_are_refused_while_it_listens_to_itself_alone(
    client: TestClient,
) -> None:
    assert post(client, CALL, host="evil.example").status_code == 421
    assert post(client, CALL, origin="https://evil.example").status_code == 403
    assert post(client, CALL, host="localhost:1234").status_code == 200


def test_behind_a_domain_its_name_is_taken(lake: Path) -> None:
    service = make_service(of(lake, public_url="https://shop.example"))
    with TestClient(create_app(service, Metrics("test")), base_url="http://127.0.0.1:8000") as client:
        assert post(client, CALL, host="shop.example").status_code == 200
        assert post(client, CALL, host="evil.example").status_code == 421
        answer = post(client, CALL, host="shop.example").json()["result"]["structuredContent"]
        assert list(answer["ucp"]["capabilities"]) == ["dev.ucp.shopping.catalog.search"]
    service.close()
