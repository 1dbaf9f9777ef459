"""Privacy of statistics."""

from __future__ import annotations

from pydantic import Field

from mmpipe.settings.section import Section


class PrivacySettings(Section):
    """What statistics of shoppers may tell of each of them: see docs/experiments.md."""

    epsilon_per_day: float = Field(
        default=0.0,
        ge=0,
        le=10,
        allow_inf_nan=False,
        description="differential privacy that all releases of one day's events may spend together; 0:"
        " nothing is released",
    )
    min_shoppers: int = Field(
        default=20,
        ge=1,
        le=1_000_000,
        description="counts with less, noise included, are left out of releases",
    )
    max_products: int = Field(
        default=4,
        ge=1,
        le=1_000,
        description="products, or pairs of them, that one shopper counts for in one release; fewer is less"
        " noise",
    )
