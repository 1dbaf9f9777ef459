"""``GET /v1/suggest``: what a shopper may mean to type, asked with every key that is pressed.

A plain ASGI application, as that of search is, and for the same reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query
from starlette.routing import Match, Route

from mmpipe.schemas.suggest import SuggestParams, SuggestResponse
from mmpipe.serve.http.openapi import problems
from mmpipe.serve.http.requests import header, validate

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

PATH = "/v1/suggest"
_DESCRIPTION = (
    "Queries that others asked and found something with, categories, brands and products that go on as `q`"
    " does: all of its words, the last one at least begun; with slips of the hand where nothing has them as"
    " they are; Chinese by its characters or by pinyin, in full or by initials."
)


class SuggestRoute(Route):
    """GET of :data:`PATH`, for callers that ``guard`` lets in; without one, for everybody."""

    def __init__(self, service: QueryService, guard: KeyGuard | None) -> None:
        super().__init__(PATH, _Suggest(service, guard), methods=["GET"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route; it also names itself, for metrics and traces."""
        match, found = super().matches(scope)
        return match, found if match is Match.NONE else {**found, "route": self}


class _Suggest:
    def __init__(self, service: QueryService, guard: KeyGuard | None) -> None:
        self._service = service
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._guard is not None:
            await self._guard.admit(header(scope, b"authorization"), "search")
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        answer = await self._service.suggest(validate(SuggestParams, given))
        headers = [(b"content-length", b"%d" % len(answer)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def describe_suggest(described: APIRouter) -> None:
    """What :class:`SuggestRoute` answers, for OpenAPI's generator; the function is never called."""

    @described.get(
        PATH,
        summary="What a shopper may mean to type",
        description=_DESCRIPTION,
        response_model=SuggestResponse,
        responses=problems(404, 414, 422, 503),
        tags=["search"],
    )
    async def suggest(params: Annotated[SuggestParams, Query()]) -> None: ...
