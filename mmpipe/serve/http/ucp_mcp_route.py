"""MCP over Streamable HTTP, at ``/ucp/mcp``.

Stateless, with answers in JSON: every POST stands for itself, so that any replica behind any proxy answers
any of them, and nothing is kept between two. There is no stream that a server would speak on by itself: GET
is 405, as the transport allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from mmpipe.errors import MmpipeError
from mmpipe.serve.http.backlog import leave
from mmpipe.serve.http.bounds import check
from mmpipe.serve.http.requests import again, aside, header, read_body
from mmpipe.serve.http.ucp_answers import BOUNDS, let_in, refused
from mmpipe.serve.ucp.names import MCP_PATH

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mmpipe.serve.http.guard import KeyGuard
    from mmpipe.serve.http.ucp_answers import UcpAnswers
    from mmpipe.serve.http.ucp_mcp import UcpMcp
    from mmpipe.settings import Settings

_INVALID_REQUEST: Final = -32600
# Bodies that are larger may hold a picture, whose decoding does not wait for the event loop.
_LARGE: Final = 64_000


class Mcp:
    """The tools of one replica, for callers that ``guard`` lets in; without one, for everybody. What answers
    them begins with the first call. An ASGI application, which runs while :meth:`running`."""

    def __init__(self, answers: UcpAnswers, settings: Settings, guard: KeyGuard | None) -> None:
        self._answers = answers
        self._settings = settings
        self._guard = guard
        self._begun: asyncio.Future[UcpMcp] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the application does."""
        self._begun, self._ended = None, asyncio.Event()
        yield
        self._ended.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One POST. Its body is held against bounds before anything is made of it."""
        if self._guard is None:
            await let_in(self._settings.ucp)()
        else:
            await self._guard.admit(header(scope, b"authorization"), "agent")
        body = await read_body(receive)
        if len(body) > _LARGE:
            leave(scope)
        try:
            await aside(len(body), check, body, BOUNDS)
        except MmpipeError as fault:
            refusal = refused(fault)
            told = {"code": _INVALID_REQUEST, "message": refusal.content, "data": {"code": refusal.code}}
            answer = {"jsonrpc": "2.0", "id": None, "error": told}
            await JSONResponse(answer, status_code=refusal.status)(scope, receive, send)
            return
        await (await self._server()).handle(scope, again(body, receive), send)

    async def _server(self) -> UcpMcp:
        if self._begun is None:
            self._begun = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._begun))
        return await asyncio.shield(self._begun)

    async def _run(self, begun: asyncio.Future[UcpMcp]) -> None:
        # Of one task from its start to its end, as the package wants it.
        try:
            server = await asyncio.to_thread(self._made)
            async with server.running():
                begun.set_result(server)
                await self._ended.wait()
        except Exception as error:
            if begun.done():
                raise
            self._begun = None  # the next call tries again
            begun.set_exception(error)

    def _made(self) -> UcpMcp:
        from mmpipe.serve.http.ucp_mcp import UcpMcp

        return UcpMcp(self._answers, self._settings)


class McpRoute(Route):
    """POST of :data:`MCP_PATH`."""

    def __init__(self, mcp: Mcp) -> None:
        super().__init__(MCP_PATH, mcp, methods=["POST"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route; it also names itself, for metrics and traces."""
        match, found = super().matches(scope)
        return match, found if match is Match.NONE else {**found, "route": self}
