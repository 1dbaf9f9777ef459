"""``GET /v1/suggest``: what a shopper may mean to type, asked with every key that is pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query

from mmpipe.schemas.suggest import SuggestParams, SuggestResponse
from mmpipe.serve.http.openapi import problems
from mmpipe.serve.http.plain_route import PlainRoute
from mmpipe.serve.http.requests import validate

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

PATH = "/v1/suggest"
_DESCRIPTION = (
    "Queries that others asked and found something with, categories, brands and products that go on as `q`"
    " does: all of its words, the last one at least begun; with slips of the hand where nothing has them as"
    " they are; Chinese by its characters or by pinyin, in full or by initials."
)


def suggest_route(service: QueryService, guard: KeyGuard | None) -> PlainRoute:
    """GET of :data:`PATH`."""

    async def answer(scope: Scope, receive: Receive) -> bytes:
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        return await service.suggest(validate(SuggestParams, given))

    return PlainRoute(PATH, ["GET"], answer, guard)


def describe_suggest(described: APIRouter) -> None:
    """What :func:`suggest_route` answers, for OpenAPI's generator; the function is never called."""

    @described.get(
        PATH,
        summary="What a shopper may mean to type",
        description=_DESCRIPTION,
        response_model=SuggestResponse,
        responses=problems(404, 414, 422, 503),
        tags=["search"],
    )
    async def suggest(params: Annotated[SuggestParams, Query()]) -> None: ...
