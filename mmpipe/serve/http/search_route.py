"""``/v1/search``. :mod:`mmpipe.serve.http.api` describes it for OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.serve.http.plain_route import PlainRoute
from mmpipe.serve.http.requests import read_search, search_params

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

PATH = "/v1/search"


def search_route(service: QueryService, guard: KeyGuard | None) -> PlainRoute:
    """GET and POST of :data:`PATH`."""

    async def answer(scope: Scope, receive: Receive) -> bytes:
        if scope["method"] == "POST":
            return await service.search(await read_search(scope, receive))
        return await service.search_text(search_params(scope["query_string"]).to_request())

    return PlainRoute(PATH, ["GET", "POST"], answer, guard)
