"""The report on stock: what is sold out though shoppers ask for it, and what may run out."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

SHORT_HISTORY: Final = "not enough history"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Substitute(_Part):
    """One product to offer instead."""

    product_id: str
    title: str
    price: str | None
    cosine: float | None = Field(description="of the fused vectors; null where the sold-out product has none")
    shares: str = Field(description="category: the whole path; related: the path above; price: only that")


class SoldOutProduct(_Part):
    """One product that shoppers ask for and cannot buy. The counts are of the time ``counted_from`` until
    now: since it is known to be sold out, at most the report's ``days``."""

    product_id: str
    title: str
    category: str | None
    price: str | None
    sold_out_after: datetime | None = Field(
        description="the last publication in which it could be bought; null where none that is kept is"
    )
    sold_out_by: datetime | None = Field(
        description="the publication since which it is sold out, as far back as they are kept"
    )
    counted_from: datetime
    shoppers: int = Field(description="different users and anonymous sessions")
    views: int
    clicks: int = Field(description="on it in results of a search")
    carts: int
    purchases: int
    substitutes: list[Substitute]


class LowProduct(_Part):
    """One product that may be sold out before new stock is there."""

    product_id: str
    title: str
    category: str | None
    availability: str
    quantity: int | None = Field(description="pieces left; null where nobody said")
    expected: float = Field(description="pieces bought within lead_days, by the forecast")
    low: float = Field(description="with high: holds the pieces bought in four of five cases")
    high: float
    days_left: float | None = Field(description="how long the quantity lasts at the expected rate")
    method: str = Field(description=f"of the forecast; '{SHORT_HISTORY}': the mean rate of what there is")
    weeks: int = Field(description="of history")


class MethodError(_Part):
    """Of one method on the held-out weeks."""

    rmse: float = Field(description="root of the mean squared error, pieces a week and product")
    mae: float = Field(description="mean absolute error")
    mase: float | None = Field(description="as a multiple of the error of 'as last week' before them")


class GroupReport(_Part):
    """How the products of one group are forecast."""

    group: str
    products: int = Field(description="with enough weeks to be judged")
    held_out_weeks: int
    method: str | None = Field(description="of the least rmse; null where no product could be judged")
    errors: dict[str, MethodError]


class StockReport(_Part):
    """``sold_out`` by falling shoppers, then carts, then id; ``low_stock`` by the days that are left, of
    unknown quantity by falling demand. Both are cut at the limit that was asked for; ``sold_out_products``
    and ``low_stock_products`` are all there are."""

    collection: str
    version: str
    made_at: datetime
    days: int
    lead_days: float
    products: int
    events: int = Field(description="that were counted")
    events_of_unknown_products: int
    sold_out_products: int
    sold_out: list[SoldOutProduct]
    low_stock_products: int
    low_stock: list[LowProduct]
    forecast: list[GroupReport]
    notes: list[str]
