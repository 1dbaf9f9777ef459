"""Sponsored places."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mmpipe.settings.section import Section


class SponsoredSettings(Section):
    """Products whose places somebody pays for: see docs/sponsored.md."""

    enabled: bool = Field(default=False, description="whether bids are read at all")
    slots: int = Field(
        default=0, ge=0, le=4, description="sponsored products of a list whose request names no number"
    )
    positions: tuple[int, ...] = Field(
        default=(0, 3, 7, 11), description="the places in a list that they take, the first one being 0"
    )
    relevance: float = Field(
        default=0.3, ge=0, le=1, description="products that are less relevant than this take no part"
    )
    charge: Literal["click", "impression"] = Field(default="click", description="what is paid for")
    reserve: float = Field(
        default=0.01, gt=0, lt=1e6, description="the least price, in the currency of the bids"
    )
    prior_ctr: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="clicks per impression that a product without any is taken to have",
    )
    prior_impressions: float = Field(
        default=200.0, gt=0, description="so many impressions of its own weigh as much as that"
    )
    lease: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="the part of a product's daily budget that a replica sets aside at once",
    )
    poll_seconds: float = Field(
        default=2.0, gt=0, description="how often a replica looks for new bids and what is left of budgets"
    )
    valid_hours: float = Field(
        default=24.0, gt=0, le=168, description="a click that comes later after its auction is free"
    )

    @model_validator(mode="after")
    def _places(self) -> SponsoredSettings:
        if list(self.positions) != sorted(set(self.positions)) or any(
            not 0 <= at < 100 for at in self.positions
        ):
            raise ValueError("positions: give ascending places from 0 to 99")
        if self.slots > len(self.positions):
            raise ValueError("slots: there are fewer positions; name as many")
        return self
