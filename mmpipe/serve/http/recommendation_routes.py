"""``POST /v1/recommendations``: lists for a shopper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse
from mmpipe.serve.http import bounds
from mmpipe.serve.http.openapi import json_body, problems
from mmpipe.serve.http.plain_route import PlainRoute
from mmpipe.serve.http.requests import read_whole

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.types import Receive, Scope

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

PATH = "/v1/recommendations"
_EXAMPLE = {
    "user_id": "u1",
    "session_id": "s1",
    "lists": [
        {"kind": "for_you", "limit": 10},
        {"kind": "similar", "product_ids": ["p1"], "filters": {"price": {"lte": 120}}},
        {"kind": "trending", "name": "footer"},
    ],
}
_DESCRIPTION = (
    "Up to ten lists in one call, none of which repeats a product of another. Events that were accepted at"
    " `/v1/interactions` count at once here, and within a second at every replica. Where too little is known"
    " for a list, `fallback` says what was given instead; an unknown shopper is no error. The parts of `why`"
    " sum to the item's `score`."
)


def recommendation_route(service: QueryService, guard: KeyGuard | None) -> PlainRoute:
    """POST of :data:`PATH`."""

    async def answer(scope: Scope, receive: Receive) -> bytes:
        asked = await read_whole(scope, receive, RecommendationsRequest, bounds.RECOMMENDATIONS)
        return await service.recommend(asked)

    return PlainRoute(PATH, ["POST"], answer, guard)


def describe_recommendations(described: APIRouter) -> None:
    """What :func:`recommendation_route` answers, for OpenAPI's generator; the function is never called."""

    @described.post(
        PATH,
        summary="Lists for a shopper, a product or everybody",
        description=_DESCRIPTION,
        response_model=RecommendationsResponse,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=json_body(RecommendationsRequest, _EXAMPLE),
        tags=["recommendations"],
    )
    async def recommendations() -> None: ...
