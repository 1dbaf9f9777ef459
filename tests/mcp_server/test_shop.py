"""A service at an address answers the tools as a lake in this process does; opening is waited for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult

from mmpipe import client
from mmpipe.errors import NotReady
from mmpipe.mcp_server.access import Caller
from mmpipe.mcp_server.opening import Opening
from mmpipe.mcp_server.server import create_server
from mmpipe.mcp_server.shop import Shop, ShopThere
from mmpipe.mcp_server.tools import Tools
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.settings import Settings
from tests.mcp_server.conftest import Ask, Run, Serve, given, text_of
from tests.mcp_server.test_tools import RED
from tests.serve.conftest import make_service

SHOP = Caller(collections=frozenset({"shop"}))


@pytest.fixture(scope="module")
def there(lake: tuple[Path, Settings], serve: Serve) -> Tools:
    """The tools of a query service over HTTP."""
    # The application closes it.
    url = serve(create_app(make_service(lake[1]), Metrics("test")))
    return Tools(given(ShopThere(client.Client(url))))


def called(run: Run[Any], tools: Tools, name: str, arguments: dict[str, Any]) -> CallToolResult:
    async def once() -> CallToolResult:
        async with Client(create_server(tools, lambda _: SHOP)) as client:
            return await client.call_tool(name, arguments)

    found: CallToolResult = run(once())
    return found


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (
            "search_products",
            {"text": "red shoe under 80", "not_text": "hat", "facets": ["brand"], "sort": "price_asc"},
        ),
        ("search_products", {"image": RED, "filter": {"field": "price", "lt": 50}, "in_stock": True}),
        (
            "similar_products",
            {
                "product_id": "red-shoe-1",
                "brand": ["Acme", "Orbit"],
                "price_min": 10,
                "price_max": 60.5,
                "attributes": {"sole": ["rubber"]},
            },
        ),
        ("get_product", {"product_id": "red-bag-2", "full": True}),
        ("recommend_products", {"kind": "similar", "product_ids": ["red-shoe-1"], "color": "red"}),
        ("explain_ranking", {"text": "red shoe", "product_id": "red-shoe-3"}),
        ("explain_ranking", {"text": "red shoe", "product_id": "blue-hat-3", "color": ["red"]}),
        ("list_collections", {}),
    ],
)
def test_there_as_here(
    run: Run[Any], there: Tools, tools: Tools, name: str, arguments: dict[str, Any]
) -> None:
    found = called(run, there, name, arguments)
    assert not found.is_error, text_of(found)
    assert found.structured_content == called(run, tools, name, arguments).structured_content


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search_products", {"image": "###"}, "image: is not valid base64"),
        ("search_products", {"facets": ["nope"]}, "facets"),
        ("get_product", {"product_id": "no such"}, "no product 'no such'"),
    ],
)
def test_what_a_service_refuses_is_told(
    run: Run[Any], there: Tools, name: str, arguments: dict[str, Any], said: str
) -> None:
    refused = called(run, there, name, arguments)
    assert refused.is_error
    assert said in text_of(refused)


def test_a_service_that_is_away_is_no_riddle(run: Run[Any]) -> None:
    refused = called(
        run,
        Tools(given(ShopThere(client.Client("http://127.0.0.1:9", retry=client.Retry(attempts=1))))),
        "list_collections",
        {},
    )
    assert refused.is_error
    assert text_of(refused).startswith("Temporarily unavailable; quote urn:uuid:")


def test_tools_wait_for_what_is_being_opened(shop: Shop, ask: Ask) -> None:
    may, left = threading.Event(), threading.Event()

    @contextmanager
    def slow() -> Iterator[Shop]:
        may.wait(30)
        yield shop
        left.set()

    async def both(opening: Opening[Shop]) -> tuple[list[str], Any]:
        async with Client(create_server(Tools(opening), lambda _: SHOP)) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            waiting = asyncio.create_task(client.call_tool("get_product", {"product_id": "red-bag-2"}))
            done, _ = await asyncio.wait([waiting], timeout=0.05)
            assert not done
            may.set()
            return names, (await waiting).structured_content

    with Opening(slow()) as opening:
        names, found = asyncio.run(both(opening))
    assert "get_product" in names
    assert found == ask("get_product", product_id="red-bag-2")
    assert left.is_set()


def test_what_cannot_be_opened_is_told_by_every_tool() -> None:
    @contextmanager
    def broken() -> Iterator[Shop]:
        raise NotReady("no model is here")
        yield

    async def twice(opening: Opening[Shop]) -> list[str]:
        async with Client(create_server(Tools(opening), lambda _: SHOP)) as client:
            return [text_of(await client.call_tool("list_collections", {})) for _ in range(2)]

    with Opening(broken()) as opening:
        assert asyncio.run(twice(opening)) == ["no model is here"] * 2
        with pytest.raises(NotReady):
            opening.wait()
