"""Analytics."""

from __future__ import annotations

from pydantic import Field

from mmpipe.settings.section import Section


class AnalyticsSettings(Section):
    """Records of searches, by nobody's name: see docs/analytics.md."""

    enabled: bool = Field(
        default=True, description="what was searched for and what was found is recorded, never by whom"
    )
    sample: float = Field(default=1.0, gt=0, le=1, description="the share of searches that is recorded")
    write_seconds: float = Field(
        default=5.0, gt=0, le=300, description="how often a replica writes the records that wait"
    )
    keep_days: int = Field(
        default=180, ge=1, le=3_650, description="older records are not read, and removed by maintenance"
    )
    min_searches: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="a text that was searched less often is rare: reports put such texts together, unnamed",
    )
    rare_days: int = Field(
        default=30, ge=0, le=3_650, description="rare texts are removed from the records after so many days"
    )
    cache_seconds: float = Field(
        default=60.0, ge=0, description="`/v1/analytics` answers from a report that is at most so old"
    )
