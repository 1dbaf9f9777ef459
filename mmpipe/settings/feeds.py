"""Feed files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmpipe.settings.section import Section


class FeedSettings(Section):
    """Limits on one feed file."""

    max_bytes: int = Field(default=20_000_000_000, gt=0, description="after decompression")
    max_row_bytes: int = Field(default=8_000_000, gt=0, description="one row, data: URIs included")
    default_currency: str = Field(
        default="USD", pattern=r"^[A-Z]{3}$", description="of prices that name none, as in Shopify exports"
    )
    public_columns: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="columns that no format names and yet are public attributes, by collection (`*`: all);"
        " others are kept privately, and costs, notes and tax words always are",
    )
    replace: tuple[str, ...] = Field(
        default=(),
        description="collections whose every feed is the whole catalogue: products that it lacks are deleted,"
        " unless more than `MMPIPE_LAKE__MAX_SHRINK` would go",
    )
    woocommerce_id: Literal["id", "sku"] = Field(
        default="id", description="which column of a WooCommerce export is the product id"
    )
