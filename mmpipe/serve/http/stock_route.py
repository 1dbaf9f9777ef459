"""``GET /v1/stock``: what is sold out and asked for, and what may run out. For the shop's people.

It tells how much is sold, which shoppers' callers need not know: where the service has API keys, asking takes
the scope ``admin``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from mmpipe.schemas.stock import StockReport
from mmpipe.serve.answer.stock import MAX_LIMIT
from mmpipe.serve.http.audit import admin_router
from mmpipe.serve.http.openapi import problems

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

PATH = "/v1/stock"


class StockParams(BaseModel):
    """The query string."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    limit: int = Field(default=50, ge=1, le=MAX_LIMIT, description="products of each list")
    days: int | None = Field(
        default=None, ge=1, le=366, description="events of so many days; else what the settings say"
    )
    lead_days: float | None = Field(
        default=None,
        ge=0.1,
        le=366,
        allow_inf_nan=False,
        description="until new stock is there; else what the settings say",
    )


def stock_router(service: QueryService, guard: KeyGuard | None) -> APIRouter:
    """The route, for callers of ``guard`` with the scope ``admin``; without one, for everybody."""
    router, refusals = admin_router(guard, service.audit)
    answers = problems(404, 414, 422, 503) | refusals

    @router.get(
        PATH,
        summary="Sold-out products that are asked for, and what may run out",
        response_model=StockReport,
        responses=answers,
        tags=["operations"],
    )
    async def stock(params: Annotated[StockParams, Query()]) -> Response:
        found = await service.stock.report(
            params.collection, params.limit, days=params.days, lead_days=params.lead_days
        )
        return Response(found, media_type="application/json")

    return router
