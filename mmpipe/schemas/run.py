"""Runs and rejects: what the ledger and the reject table say about an upload."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mmpipe.schemas.feed import FeedReport
from mmpipe.schemas.work import EventKind, Lane

RunStatus = Literal["running", "done", "failed"]
RejectScope = Literal["row", "media", "photo"]


class RunRecord(BaseModel):
    """One row of the run ledger. ``read`` counts rows (each variant of a record is one), ``indexed`` products
    written or given another availability, ``unchanged`` rows that changed nothing, ``skipped`` rows that lost
    to a newer source or mean another product, ``deleted`` products that were there; ``encoded`` counts
    encoder inputs per modality.
    """

    model_config = ConfigDict(extra="forbid")

    run_id: str
    kind: EventKind
    lane: Lane
    source_uri: str
    version_id: str | None = Field(default=None, description="the object version that the event was about")
    etag: str | None = Field(default=None, description="likewise its ETag, where the event named it")
    event_order: str = Field(
        default="", description="where the event stands among those of its key, as schemas.order encodes it"
    )
    profile: str
    status: RunStatus
    total: int | None = Field(default=None, description="rows in the source, once known")
    read: int = 0
    indexed: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    rejected: int = 0
    encoded: dict[str, int] = Field(default_factory=dict)
    pictures: dict[str, int] = Field(
        default_factory=dict,
        description="links of pictures: `found`, `missing`; and `none`: products without any link",
    )
    feed: FeedReport | None = Field(default=None, description="how the feed was read; None for other uploads")
    started_at: datetime
    finished_at: datetime | None = None
    table: str | None = None
    version: int | None = None
    error: str = ""
    refused: str = Field(
        default="",
        description="why what the run wrote did not become live; empty where it did, or wrote nothing",
    )


class Reject(BaseModel):
    """One row or one medium that could not be used, kept so that it can be listed, mended and replayed.

    ``scope`` row: the product was not indexed; media: it was, without this medium; photo: a review is kept,
    and is not found by this photo of it.
    """

    model_config = ConfigDict(extra="forbid")

    reject_id: str = Field(
        description="digest of (source, row, product, field), for a medium of (product, field)"
    )
    scope: RejectScope
    product_id: str | None
    field: str
    reason: str = Field(description="plain words: what is wrong and what to do")
    error: str = Field(description="name of the mmpipe.errors class")
    retryable: bool
    source_uri: str
    source_order: str
    row: int
    raw: str = Field(description="the row as read (JSON where it parsed), for replay; at most 64 KiB")
    run_id: str
    created_at: datetime
