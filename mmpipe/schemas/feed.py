"""What was found in one feed file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FeedReport(BaseModel):
    """How one feed was read: for which format it was taken, what its columns became, what its rows were.

    ``rows`` counts records of the file, the others products: a record may hold several variants.
    """

    model_config = ConfigDict(extra="forbid")

    format: str = Field(description="key of the format, as `mmpipe formats` lists them")
    container: str = Field(description="csv, jsonl, json, xml or parquet")
    rows: int = 0
    products: int = Field(default=0, description="for sale")
    groups: int = Field(default=0, description="parents of variants, which are not for sale themselves")
    withdrawn: int = Field(default=0, description="deleted, or not for sale: drafts, hidden, disabled")
    stock: int = Field(default=0, description="stock changes of known products")
    rejected: int = 0
    reasons: dict[str, int] = Field(
        default_factory=dict, description="rejects by reason, most frequent first"
    )
    columns: dict[str, str] = Field(default_factory=dict, description="column of the file → field it became")
    private: list[str] = Field(default_factory=list, description="columns kept, and never shown")
    unknown: list[str] = Field(
        default_factory=list, description="columns that no format names, kept privately"
    )
    warnings: list[str] = Field(default_factory=list)
