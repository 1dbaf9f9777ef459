"""Suggestions."""

from __future__ import annotations

from pydantic import Field

from mmpipe.settings.section import Section


class SuggestSettings(Section):
    """What is suggested while somebody types: see docs/suggestions.md."""

    min_shoppers: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="a query is suggested to others once so many different shoppers asked it",
    )
    half_life_days: float = Field(
        default=14.0, gt=0, le=3_650, description="what somebody asked counts half as much after so long"
    )
    poll_seconds: float = Field(
        default=2.0, gt=0, description="how often a replica looks for queries that were asked since"
    )
