"""No path is taken for another one that a line break follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.errors import NotFound
from mmpipe.serve.http.errors import problem_of, respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class WholePaths:
    """ASGI middleware: a path with a line break at its end gets 404. Routers match by ``$``, which stands
    before a last line break too, while limits and guards go by the path as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("\n"):
            problem, headers = problem_of(NotFound("there is nothing at this path"))
            await respond(problem, headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)
