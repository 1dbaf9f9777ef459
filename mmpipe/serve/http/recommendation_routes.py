"""``POST /v1/recommendations``: lists for a shopper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mmpipe.schemas.recommend import RecommendationsRequest, RecommendationsResponse
from mmpipe.serve.http import bounds
from mmpipe.serve.http.openapi import json_body, problems
from mmpipe.serve.http.requests import read_json

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService

_JSON = "application/json"
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


def add_recommendation_routes(public: APIRouter, service: QueryService) -> None:
    """The route on the public router."""

    @public.post(
        "/v1/recommendations",
        summary="Lists for a shopper, a product or everybody",
        description=_DESCRIPTION,
        response_model=RecommendationsResponse,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=json_body(RecommendationsRequest, _EXAMPLE),
        tags=["recommendations"],
    )
    async def recommendations(request: Request) -> Response:
        found = await service.recommend(
            await read_json(request, RecommendationsRequest, bounds.RECOMMENDATIONS)
        )
        return Response(found, media_type=_JSON)
