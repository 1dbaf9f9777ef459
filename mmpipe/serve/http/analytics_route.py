"""``GET /v1/analytics``: what was searched, found and clicked. For the shop's people.

What is searched for and what sells is the shop's own affair: where the service has API keys, asking takes the
scope ``admin``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from mmpipe.schemas.analytics import AnalyticsReport
from mmpipe.serve.answer.analytics import MAX_DAYS, MAX_LIMIT
from mmpipe.serve.http.audit import admin_router
from mmpipe.serve.http.openapi import problems

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

PATH = "/v1/analytics"


class AnalyticsParams(BaseModel):
    """The query string."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    days: int = Field(default=28, ge=1, le=MAX_DAYS, description="UTC days, today the last")
    limit: int = Field(default=20, ge=1, le=MAX_LIMIT, description="lines of each list")


def analytics_router(service: QueryService, guard: KeyGuard | None) -> APIRouter:
    """The route, for callers of ``guard`` with the scope ``admin``; without one, for everybody."""
    router, refusals = admin_router(guard, service.audit)
    answers = problems(404, 414, 422, 503) | refusals

    @router.get(
        PATH,
        summary="Queries with what came of them: results, clicks, carts, purchases, time",
        response_model=AnalyticsReport,
        responses=answers,
        tags=["operations"],
    )
    async def analytics(params: Annotated[AnalyticsParams, Query()]) -> Response:
        found = await service.analytics.report(params.collection, params.days, params.limit)
        return Response(found, media_type="application/json")

    return router
