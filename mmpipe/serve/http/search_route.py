"""``/v1/search``, the one route that every page of a shop waits for.

A plain ASGI application rather than a function of FastAPI's: matching, dependencies and wrapping would take
as long as reading the request does. :mod:`mmpipe.serve.http.api` describes it for OpenAPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Route

from mmpipe.serve.http.requests import header, read_search, search_params

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

PATH = "/v1/search"


class SearchRoute(Route):
    """GET and POST of :data:`PATH`, for callers that ``guard`` lets in; without one, for everybody.

    Raises what reading, the guard and the service raise; :func:`mmpipe.serve.http.errors.install` answers.
    """

    def __init__(self, service: QueryService, guard: KeyGuard | None) -> None:
        super().__init__(PATH, _Search(service, guard), methods=["GET", "POST"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route; it also names itself, for metrics and traces."""
        match, found = super().matches(scope)
        return match, found if match is Match.NONE else {**found, "route": self}


class _Search:
    def __init__(self, service: QueryService, guard: KeyGuard | None) -> None:
        self._service = service
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._guard is not None:
            await self._guard.admit(header(scope, b"authorization"), "search")
        if scope["method"] == "POST":
            answer = await self._service.search(await read_search(scope, receive))
        else:
            answer = await self._service.search_text(search_params(scope["query_string"]).to_request())
        headers = [(b"content-length", b"%d" % len(answer)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
