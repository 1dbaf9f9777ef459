"""The report on searches: what was asked, what was found, what came of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["query", "none", "address", "number", "long", "other", "rare", "page"]


class Figures(BaseModel):
    """What came of some searches. Rates but ``empty_rate`` are by the searches that found something; null
    where there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    searches: int = Field(description="first pages that were answered")
    empty: int = Field(description="of them, those that found nothing")
    empty_rate: float
    pages: float = Field(description="pages looked at per search")
    clicked: int = Field(description="searches in whose results something was clicked")
    ctr: float | None = Field(description="clicked by searches that found something")
    ctr_low: float | None = Field(description="Wilson bounds of it, at 95 %")
    ctr_high: float | None
    clicks: int = Field(description="products clicked, each once a search")
    position: float | None = Field(
        description="mean place of the clicked products in their lists, 0 the first, where events say it"
    )
    carts: int = Field(description="searches after which something was put into the cart")
    cart_rate: float | None
    purchases: int = Field(description="searches after which something was bought")
    purchase_rate: float | None
    p50_ms: float = Field(description="half of the searches took no longer, in the service")
    p95_ms: float


class DayFigures(Figures):
    """Of one UTC day."""

    day: date


class QueryFigures(Figures):
    """Of one query; of all that must not be named together where ``query`` is null."""

    query: str | None = Field(description="its words, folded; null where `kind` says why")
    kind: Kind


class NamedFigures(Figures):
    """Of the searches that have something in common."""

    name: str


class AnalyticsReport(BaseModel):
    """Searches of some days. A query is one text in one spelling; those that were searched fewer than
    ``min_searches`` times are counted together, as ``rare``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    collection: str
    made_at: datetime
    since: datetime
    sample: float = Field(description="the share of searches that is recorded now; counts are of that share")
    min_searches: int
    overall: Figures | None = Field(description="null where nothing was searched")
    queries: int = Field(description="different queries that are not rare")
    days: list[DayFigures]
    top: list[QueryFigures] = Field(description="the most frequent first")
    without_results: list[QueryFigures] = Field(description="the most searches without results first")
    worst_ctr: list[QueryFigures] = Field(
        description="of 20 searches with results or more: the lowest upper bound of the CTR first"
    )
    slow: list[QueryFigures] = Field(description="of 20 searches or more: the longest p95 first")
    unnamed: list[QueryFigures] = Field(description="searches without words, and those not to be named")
    languages: list[NamedFigures]
    modalities: list[NamedFigures]
    marks: list[NamedFigures] = Field(description="searches with filters, corrected words and the like")
    rules: list[NamedFigures] = Field(description="searches that a merchandising rule took part in")
    unknown_events: int = Field(
        description="clicks, carts and purchases that name a search of which there is no record"
    )
