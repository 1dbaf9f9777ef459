"""Stock."""

from __future__ import annotations

from pydantic import Field

from mmpipe.settings.section import Section


class StockSettings(Section):
    """The report on stock: `mmpipe stock` and `GET /v1/stock`."""

    days: int = Field(
        default=28,
        ge=1,
        le=366,
        description="what shoppers ask for is counted over so many days, or since a product is sold out",
    )
    lead_days: float = Field(
        default=14.0,
        gt=0,
        le=366,
        description="how long it takes until ordered stock is there: low is what may not last so long",
    )
    history_days: int = Field(
        default=371, ge=7, le=1_500, description="days of purchases that forecasts are made from"
    )
    cache_seconds: float = Field(
        default=60.0, ge=0, description="`/v1/stock` answers from a report that is at most so old"
    )
