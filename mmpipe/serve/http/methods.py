"""Which methods a path takes, told of all of its routes together: routers know one route at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING: Final = frozenset({"GET", "HEAD"})
"""What changes nothing."""
_ASKED: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")


class Methods:
    """ASGI middleware: OPTIONS of a path that there is gets 204, and every 405 too names in Allow all that
    the path takes, HEAD wherever GET is taken (RFC 9110, sections 9.3.7 and 15.5.6)."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allowed := self._allowed(scope)):
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allowed)]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                others = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"allow"]
                message = {**message, "headers": [*others, (b"allow", self._allowed(scope))]}
            await send(message)

        await self._app(scope, receive, telling)

    def _allowed(self, scope: Scope) -> bytes:
        found = {
            method
            for method in _ASKED
            if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in self._routes)
        }
        if not found:
            return b""
        return ", ".join(sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set()))).encode()
