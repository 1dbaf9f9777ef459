"""The same over Streamable HTTP: one path, POST alone, no sessions, JSON for an answer.

What any caller may cost is bounded before the protocol sees it, as on the query service's routes: requests by
caller, bytes and what a body holds. Every request names its key; what a key may do is in its scopes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from mmpipe.errors import MmpipeError
from mmpipe.mcp_server.access import SCOPES, Access, Caller
from mmpipe.mcp_server.server import create_server
from mmpipe.serve.answer.tenancy import Grant
from mmpipe.serve.http import bounds
from mmpipe.serve.http.callers import CallerLimit, Callers
from mmpipe.serve.http.errors import problem_of, respond
from mmpipe.serve.http.guard import KeyGuard
from mmpipe.serve.http.keys import open_to_all
from mmpipe.serve.http.limits import BodyLimit
from mmpipe.serve.http.requests import again, aside, header, read_body
from mmpipe.serve.http.whole_paths import WholePaths

if TYPE_CHECKING:
    from mcp.server import ServerRequestContext
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mmpipe.mcp_server.tools import Tools
    from mmpipe.serve.http.keys import KeyRing
    from mmpipe.settings import ServeSettings

PATH: Final = "/mcp"
_CALLER: Final = "mmpipe.caller"


def by_keys(keys: KeyRing | None, serve: ServeSettings, most: Caller) -> Access:
    """Callers by their API keys, none of whom may do more than ``most``. Without keys everybody is ``most``,
    and with the demo key alone whoever sends none."""
    if keys is None:

        async def anybody(_: str) -> Caller:
            return most

        return anybody
    everybody = Grant("", frozenset(SCOPES), None) if open_to_all(serve) else None
    guard = KeyGuard(keys, lambda _: None, everybody)

    async def known(authorization: str) -> Caller:
        grant = await guard.caller(authorization)
        scopes = frozenset(scope for scope in SCOPES if scope in grant.scopes)
        return Caller(scopes, grant.collections, grant.name).within(most)

    return known


def create_http_app(
    tools: Tools, access: Access, serve: ServeSettings, host: str, keys: KeyRing | None = None
) -> ASGIApp:
    """The ASGI application, to be reached as ``host``: on this machine's own address it answers to no other
    name, so that no page of a browser reaches it by one. ``keys`` say how much each caller may ask."""
    server = create_server(tools, _caller_of)
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=serve.max_body_bytes,
        host=host,
    )
    app = WholePaths(BodyLimit(_Door(app, access), serve.max_body_bytes))
    return CallerLimit(app, Callers(serve, keys), serve.caller_requests)


def _caller_of(context: ServerRequestContext[Any, Any]) -> Caller:
    assert context.request is not None
    caller = context.request.scope[_CALLER]
    assert isinstance(caller, Caller)
    return caller


class _Door:
    """ASGI middleware: lets in whose key ``access`` knows, with a body that holds no more than a search."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        if scope["method"] != "POST":
            # GET would hold a stream open on which nothing ever comes: tools answer, they announce nothing.
            await _respond_405(scope, receive, send)
            return
        try:
            caller = await self._access(header(scope, b"authorization"))
            body = await read_body(receive)
            await aside(len(body), bounds.check, body, bounds.SEARCH)
        except ClientDisconnect:
            return
        except MmpipeError as error:
            problem, headers = problem_of(error)
            await respond(problem, headers)(scope, receive, send)
            return
        await self._app({**scope, _CALLER: caller}, again(body, receive), send)


async def _respond_405(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
