"""The catalogue's tools by MCP. Importing the official package takes as long as many searches do, so this is
imported by :mod:`mmpipe.serve.http.ucp_mcp_route` when the first agent comes that way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from pydantic_core import to_json
from starlette.requests import Request

from mmpipe.serve.http.requests import header
from mmpipe.serve.http.ucp_answers import DOORS, Door
from mmpipe.serve.ucp import discovery
from mmpipe.serve.ucp.names import VERSION, is_local, namespace
from mmpipe.serve.ucp.refused import INVALID_PARAMS, Refused
from mmpipe.serve.ucp.terms import Agent

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from starlette.types import Receive, Scope, Send

    from mmpipe.serve.http.ucp_answers import UcpAnswers
    from mmpipe.settings import Settings

_INSTRUCTIONS: Final = (
    "A shop's product catalogue by the Universal Commerce Protocol. Search first, compare by lookup_catalog,"
    " and settle on a variant by get_product. Amounts of money are in minor units. Nothing is sold here."
)
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")


class UcpMcp:
    """The tools of one replica, answered while :meth:`running`."""

    def __init__(self, answers: UcpAnswers, settings: Settings) -> None:
        self._answers = answers
        self._settings = settings
        self._tools = [_tool(door, required=settings.ucp.require_agent) for door in DOORS]
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the application does."""
        server: Server[Any] = Server(
            "mmpipe-ucp",
            version=VERSION,
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        # Its own spans would hold what shoppers ask.
        server.middleware.clear()
        self._manager = StreamableHTTPSessionManager(
            server,
            json_response=True,
            stateless=True,
            security_settings=_security(self._settings),
            max_request_body_size=self._settings.serve.max_body_bytes,
        )
        async with self._manager.run():
            yield
        self._manager = None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One POST, whose body is known to be no larger than it should."""
        assert self._manager is not None, "not running"
        await self._manager.handle_request(scope, receive, send)

    async def _list(
        self, _: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self._tools)

    async def _call(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        door = next((each for each in DOORS if each.tool == params.name), None)
        if door is None:
            known = ", ".join(each.tool for each in DOORS)
            raise MCPError(INVALID_PARAMS, f"no tool '{params.name[:80]}'; there are {known}")
        try:
            answer = await self._answered(door, params.arguments or {}, context.request)
        except Refused as refusal:
            data = {"code": refusal.code, "content": refusal.content}
            if refusal.path is not None:
                data["path"] = refusal.path
            if refusal.retry_after is not None:
                data["retry_after"] = str(refusal.retry_after)
            raise MCPError(refusal.rpc, refusal.content, data) from None
        text = to_json(answer).decode()
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content=answer
        )

    async def _answered(self, door: Door, arguments: dict[str, Any], request: Any) -> dict[str, Any]:
        asked = arguments.get("catalog")
        if not isinstance(asked, dict):
            raise Refused("invalid_request", f"{door.tool} takes its request as an object in `catalog`")
        agent = Agent.of_meta(arguments.get("meta"))
        assert isinstance(request, Request), "only over HTTP"
        scope = request.scope
        if agent.profile is None:
            agent = Agent.of_header(header(scope, b"ucp-agent"))
        scheme = str(scope["scheme"])
        base = discovery.base_of(self._answers.settings, header(scope, b"host"), scheme)
        try:
            body = json.dumps(asked, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise Refused("malformed_request", "holds what JSON cannot; send finite numbers") from None
        return await self._answers.answer(door, body, await self._answers.terms(agent, namespace(base)), None)


def _security(settings: Settings) -> TransportSecuritySettings:
    """Whoever listens on this machine alone is called by this machine's names, or through a proxy by its
    public one; another name is a web page's that was made to lead here (DNS rebinding)."""
    if not is_local(settings.serve.host):
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = list(_LOCAL)
    origins = [f"http://{host}" for host in hosts]
    if settings.ucp.public_url is not None:
        hosts.append(urlsplit(settings.ucp.public_url).netloc)
        origins.append(f"{urlsplit(settings.ucp.public_url).scheme}://{hosts[-1]}")
    return TransportSecuritySettings(
        allowed_hosts=[each for host in hosts for each in (host, f"{host}:*")],
        allowed_origins=[each for origin in origins for each in (origin, f"{origin}:*")],
    )


def _tool(door: Door, *, required: bool) -> types.Tool:
    schema = door.body.model_json_schema()
    definitions = schema.pop("$defs", {})
    agent = {
        "type": "object",
        "description": "who asks: the address of the agent's profile",
        "properties": {"profile": {"type": "string", "format": "uri"}, "version": {"type": "string"}},
        "required": ["profile"],
    }
    arguments: dict[str, Any] = {
        "type": "object",
        "properties": {"meta": {"type": "object", "properties": {"ucp-agent": agent}}, "catalog": schema},
        "required": ["meta", "catalog"] if required else ["catalog"],
    }
    if definitions:
        arguments["$defs"] = definitions
    return types.Tool(
        name=door.tool,
        title=door.summary,
        description=door.description,
        input_schema=arguments,
        annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )
