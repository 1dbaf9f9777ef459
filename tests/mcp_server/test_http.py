"""The tools over Streamable HTTP: who is let in, what they may do, and what is refused before it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mmpipe.errors import StorageUnavailable
from mmpipe.lake import open_lake
from mmpipe.mcp_server.access import Caller
from mmpipe.mcp_server.http import PATH, by_keys, create_http_app
from mmpipe.mcp_server.shop import Shop, ShopHere
from mmpipe.mcp_server.tools import Tools
from mmpipe.mcp_server.uploads import Uploads
from mmpipe.schemas.collections import CollectionsResponse
from mmpipe.serve.answer import tenancy
from mmpipe.serve.http.keys import key_ring
from mmpipe.settings import ServeSettings, Settings
from tests.mcp_server.conftest import Run, Serve, given, text_of
from tests.serve.held_keys import entry, held

KEYS = {name: f"{name}-key-0123456789" for name in ("shop", "boss", "other", "events", "slow", "late")}
MAX_BODY = 300_000
SETTINGS = ServeSettings(
    api_keys=held(
        shop=entry(KEYS["shop"], ["search"]),
        boss=entry(KEYS["boss"], ["search", "admin"]),
        other=entry(KEYS["other"], ["search", "admin"], ["other"]),
        events=entry(KEYS["events"], ["interactions", "agent"]),
        slow=entry(KEYS["slow"], ["search"], rate=0.001, burst=1),
        late=entry(KEYS["late"], ["search"], expires="2020-01-01T00:00:00Z"),
    ),
    max_body_bytes=MAX_BODY,
    caller_requests=4,
)
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}


def app_of(tools: Tools, most: Caller, settings: ServeSettings = SETTINGS) -> Any:
    keys = key_ring(settings)
    return create_http_app(tools, by_keys(keys, settings, most), settings, "127.0.0.1", keys)


@pytest.fixture(scope="module")
def keyed(tools: Tools, serve: Serve) -> str:
    """With keys: all may search, one is an admin."""
    return serve(app_of(tools, Caller())) + PATH


def talk(
    run: Run[Any], url: str, key: str, what: Callable[[Client], Awaitable[Any]], mode: str = "auto"
) -> Any:
    async def once() -> Any:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return await what(client)

    return run(once())


def post(run: Run[Any], url: str, **sent: Any) -> httpx2.Response:
    async def once() -> httpx2.Response:
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {KEYS['shop']}"} | sent.pop("headers", {})
        async with httpx2.AsyncClient(timeout=60) as http:
            return await http.request(sent.pop("method", "POST"), url, headers=headers, **sent)

    answer: httpx2.Response = run(once())
    return answer


async def names(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_key_decides_which_tools_there_are(run: Run[Any], keyed: str, mode: str) -> None:
    shop, boss = (talk(run, keyed, KEYS[name], names, mode) for name in ("shop", "boss"))
    assert boss - shop == {"list_rejects", "status"}
    assert "search_products" in shop


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_key_decides_what_can_be_called(run: Run[Any], keyed: str, mode: str) -> None:
    async def calls(client: Client) -> list[Any]:
        found = await client.call_tool("search_products", {"collection": "shop", "text": "red shoe"})
        return [found, await client.call_tool("list_rejects", {"collection": "shop"})]

    found, refused = talk(run, keyed, KEYS["shop"], calls, mode)
    assert found.structured_content["products"][0]["id"].startswith("red-shoe")
    assert refused.is_error
    assert "scope admin" in text_of(refused)
    _, rejects = talk(run, keyed, KEYS["boss"], calls, mode)
    assert rejects.structured_content["rejects"][0]["product_id"] == "bad"


def test_a_key_of_a_collection_knows_of_no_other(run: Run[Any], keyed: str) -> None:
    async def calls(client: Client) -> list[Any]:
        asked = [
            ("list_collections", {}),
            ("search_products", {}),
            ("status", {}),
            ("get_product", {"product_id": "red-shoe-1"}),
            ("list_rejects", {"collection": "shop"}),
        ]
        return [await client.call_tool(name, arguments) for name, arguments in asked]

    listed, found, status, product, rejects = talk(run, keyed, KEYS["other"], calls)
    assert [each["name"] for each in listed.structured_content["collections"]] == ["other"]
    assert [each["id"] for each in found.structured_content["products"]] == ["mug"]
    assert [each["name"] for each in status.structured_content["collections"]] == ["other"]
    assert product.is_error
    assert rejects.is_error
    assert "for this caller" in text_of(rejects)


def test_a_key_for_something_else_has_no_tools(run: Run[Any], keyed: str) -> None:
    assert talk(run, keyed, KEYS["events"], names) == set()


def test_what_a_key_reads_as_admin_is_on_record(
    run: Run[Any], keyed: str, lake: tuple[Path, Settings]
) -> None:
    audit = open_lake(lake[1]).audit
    before = len(list(audit.read()))

    async def calls(client: Client) -> Any:
        await client.call_tool("search_products", {"collection": "shop", "text": "red shoe"})
        await client.call_tool("list_rejects", {"collection": "shop"})
        await client.call_tool("list_rejects", {"collection": "shop", "limit": -1})
        return await client.call_tool("status", {})

    talk(run, keyed, KEYS["boss"], calls)
    talk(run, keyed, KEYS["shop"], calls)
    told = [(each.caller, each.method, each.route, each.collection, each.status) for each in audit.read()]
    assert told[before:] == [
        ("boss", "MCP", "list_rejects", "shop", 200),
        ("boss", "MCP", "list_rejects", "shop", 422),
        ("boss", "MCP", "status", None, 200),
    ]


def test_what_cannot_be_put_on_record_is_not_answered(
    run: Run[Any], shop: Shop, lake: tuple[Path, Settings], serve: Serve
) -> None:
    class Full:
        def append(self, _: object) -> None:
            raise StorageUnavailable("full")

    opened = open_lake(lake[1])
    tools = Tools(given(shop), Uploads(lambda: opened), audit=lambda: Full())  # type: ignore[arg-type, return-value]
    url = serve(app_of(tools, Caller())) + PATH

    async def calls(client: Client) -> Any:
        return await client.call_tool("status", {})

    refused = talk(run, url, KEYS["boss"], calls)
    assert refused.is_error
    assert refused.structured_content is None


def test_tools_run_as_the_caller_whose_collections_they_may_open(run: Run[Any], serve: Serve) -> None:
    asked: list[tenancy.Grant] = []

    class Telling(ShopHere):
        """Notes for whom it is asked."""

        async def collections(self) -> CollectionsResponse:
            caller = tenancy.current()
            assert caller is not None
            asked.append(caller.grant)
            return CollectionsResponse(collections=[])

    url = serve(app_of(Tools(given(Telling(None))), Caller())) + PATH  # type: ignore[arg-type]

    async def listed(client: Client) -> Any:
        return await client.call_tool("list_collections", {})

    talk(run, url, KEYS["other"], listed)
    assert [(each.name, each.collections) for each in asked] == [("other", frozenset({"other"}))]


def test_a_key_takes_no_more_than_its_rate(run: Run[Any], keyed: str) -> None:
    sent = {"Authorization": f"Bearer {KEYS['slow']}"}
    statuses = [post(run, keyed, json=INITIALIZE, headers=sent).status_code for _ in range(2)]
    assert statuses == [200, 429]


@pytest.mark.parametrize(
    "sent", ["", "Bearer wrong-key-0123456789", "Basic x", f"Bearer {KEYS['late']}", "Bearer mmpipe-demo-key"]
)
def test_without_a_valid_key_nothing_is_told(run: Run[Any], keyed: str, sent: str) -> None:
    answer = post(run, keyed, json=INITIALIZE, headers={"Authorization": sent})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_key_goes_beyond_what_the_server_was_started_for(
    run: Run[Any], tools: Tools, serve: Serve
) -> None:
    url = serve(app_of(tools, Caller(frozenset({"search"}), frozenset({"other"})))) + PATH
    assert "status" not in talk(run, url, KEYS["boss"], names)

    async def browse(client: Client) -> Any:
        return await client.call_tool("search_products", {})

    assert talk(run, url, KEYS["boss"], browse).structured_content["collection"] == "other"


@pytest.mark.parametrize("settings", [ServeSettings(), ServeSettings(demo_key=True)])
def test_without_keys_it_is_for_whoever_is_on_this_machine(
    run: Run[Any], tools: Tools, serve: Serve, settings: ServeSettings
) -> None:
    url = serve(app_of(tools, Caller(), settings)) + PATH
    assert "status" in talk(run, url, "", names)
    if settings.demo_key:
        assert "status" in talk(run, url, "mmpipe-demo-key", names)
        assert post(run, url, json=INITIALIZE).status_code == 401


def test_pages_of_a_browser_do_not_reach_it_by_another_name(run: Run[Any], keyed: str) -> None:
    assert post(run, keyed, json=INITIALIZE).status_code == 200
    assert post(run, keyed, json=INITIALIZE, headers={"Host": "evil.example"}).status_code == 421
    assert post(run, keyed, json=INITIALIZE, headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_nothing_but_post_is_answered(run: Run[Any], keyed: str, method: str) -> None:
    answer = post(run, keyed, method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


def test_a_path_that_a_line_break_follows_is_another_one(run: Run[Any], keyed: str) -> None:
    answer = post(run, f"{keyed}%0A", json=INITIALIZE, headers={"Authorization": ""})
    assert answer.status_code == 404


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"", {400}),
        (b"{", {400}),
        (b"[]", {400}),
        (b"null", {400}),
        # Several calls in one request would be one of a caller's rate.
        (
            b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","id":2,"method":"tools/list"}]',
            {400},
        ),
        (b'"\xff"', {400}),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}}', {200, 400}),
        (b'{"jsonrpc":"2.0","id":1,"method":"nope"}', {200, 400, 404}),
        (b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"tools/list"}', {200, 400}),
        (b"[" * 100_000, {400}),
        (b'{"a":[' + b"1," * 120_000 + b"1]}", {413}),
        (b'{"a":"' + b"x" * MAX_BODY + b'"}', {413}),
    ],
)
def test_what_is_no_call_is_refused(
    run: Run[Any], keyed: str, version: str, body: bytes, statuses: set[int]
) -> None:
    answer = post(run, keyed, content=body, headers={"MCP-Protocol-Version": version})
    assert answer.status_code in statuses, answer.text
    if answer.status_code == 200:
        assert "error" in answer.json()
    assert "Traceback" not in answer.text


def test_one_caller_does_not_take_the_others_places(run: Run[Any], tools: Tools, serve: Serve) -> None:
    opened = asyncio.Event()

    async def slow(_: str) -> Caller:
        await opened.wait()
        return Caller()

    url = serve(create_http_app(tools, slow, SETTINGS, "127.0.0.1", key_ring(SETTINGS))) + PATH

    async def many() -> list[int]:
        headers = {
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {KEYS['shop']}",
        }
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            waiting = [asyncio.create_task(http.post(url, json=INITIALIZE)) for _ in range(5)]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            opened.set()
            await asyncio.wait(waiting)
            return [*sorted(each.result().status_code for each in waiting), len(done)]

    assert run(many()) == [200, 200, 200, 200, 429, 1]
