"""Events and the work they become: the contract between handlers, dispatch and indexing."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

EventKind = Literal[
    "feed_uploaded",
    "feed_removed",
    "product_uploaded",
    "product_removed",
    "media_uploaded",
    "media_removed",
    "interactions_uploaded",
    "reviews_uploaded",
]
REMOVALS: frozenset[EventKind] = frozenset({"feed_removed", "product_removed", "media_removed"})
Section = Literal["feeds", "products", "media", "events", "reviews"]
"""The folders of a collection in the bucket that shops upload to."""
Lane = Literal["warm", "batch"]
OutcomeStatus = Literal["done", "accepted", "duplicate", "failed", "retry", "large"]


class ObjectRef(BaseModel):
    """One version of one object, as an event named it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str = Field(description="s3://bucket/key or file:///path, key already URL-decoded")
    version_id: str | None = None
    etag: str | None = None
    size: int | None = Field(default=None, ge=0, description="bytes")
    sequencer: str | None = None
    event_time: datetime

    @property
    def identity(self) -> str:
        """Version id, else ETag, else nothing: what tells two contents of one key apart."""
        return self.version_id or self.etag or ""


class CatalogueEvent(BaseModel):
    """One change of one object of one collection, whatever transport told us."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: EventKind
    collection: str
    object: ObjectRef


class WorkOrder(BaseModel):
    """One event's work: what a lane executes. The same event always gives the same ``run_id``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str = Field(pattern=r"^[a-f0-9]{32}$")
    kind: EventKind
    collection: str
    object: ObjectRef
    lane: Lane
    trace: dict[str, str] = Field(
        default_factory=dict,
        exclude_if=lambda fields: not fields,
        description="W3C trace context of the upload, for its executor to continue; no part of what is done",
    )


class WorkOutcome(BaseModel):
    """What became of one order.

    ``done``: committed (and live unless publishing refused it). ``accepted``: a batch job owns it now.
    ``duplicate``: the same run had been taken before. ``failed``: permanently, and recorded as such.
    ``retry``: nothing was written, send it again. ``large``: likewise, to the batch lane.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    status: OutcomeStatus
    reason: str = ""


class ReplayOrder(BaseModel):
    """One reject to be tried again: as it was, or with ``row`` in place of its row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str = Field(max_length=63)
    reject_id: str = Field(max_length=64)
    row: str | None = Field(
        default=None, max_length=100_000, description="a JSON object in the feed's field names"
    )


class ReplayOutcome(BaseModel):
    """What became of it: ``mended``, or else why not, in ``reason``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reject_id: str
    mended: bool = Field(description="it went well, and is no reject any more")
    reason: str = Field(default="", description="what is wrong with it now")
    run_id: str = Field(description="of the small run that it was")
    refused: str = Field(default="", description="why what it wrote did not become live; empty where it did")


def run_id_of(event: CatalogueEvent, profile: str) -> str:
    """Derived from (kind, address, version or ETag, sequencer, profile): 32 hex digits.

    Where the store sends no sequencer the event's time stands in: contents put as a, b, a are three runs.
    """
    obj = event.object
    moment = obj.sequencer or obj.event_time.isoformat()
    parts = (event.kind, obj.uri, obj.identity, moment, profile)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
