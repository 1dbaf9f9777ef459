"""Suggestions: what a shopper may mean to type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_TEXT = 1_000
MAX_LIMIT = 20
SuggestionKind = Literal["query", "category", "brand", "product"]
Language = Literal["en", "zh"]


class SuggestParams(BaseModel):
    """The query string of ``GET /v1/suggest``."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(max_length=MAX_TEXT)] = Field(
        default="", description="what was typed so far; empty for what is asked most"
    )
    collection: str | None = Field(
        default=None, max_length=63, description="omit where the lake has only one"
    )
    limit: int = Field(default=10, ge=1, le=MAX_LIMIT, description="of all kinds together")
    lang: Language | None = Field(
        default=None, description="what is written in this language's script comes first within its kind"
    )


class Suggestion(BaseModel):
    """One of them."""

    kind: SuggestionKind = Field(
        description="what others asked and found, a category, a brand, or a product's title"
    )
    text: str = Field(description="to show, and to search for")
    spans: list[tuple[int, int]] = Field(
        description="what of `text` was typed: begin and end of each part, counted in Unicode code points"
    )
    count: int | None = Field(
        description="products that it stands for; null for a query that was clicked in but matches by no word"
    )
    value: str | None = Field(
        default=None, description="of a category its path, of a brand its name: to filter by"
    )
    product_id: str | None = Field(default=None, description="of a product")


class SuggestResponse(BaseModel):
    """Suggestions, kind by kind, the likeliest of a kind first."""

    collection: str
    version: str = Field(description="what was live when they were prepared")
    suggestions: list[Suggestion]
    took_ms: float
