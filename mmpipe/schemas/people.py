"""What is held of a person, and the proofs of what was erased or handed out."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class HeldEvent(BaseModel):
    """One event as it is kept; the session is a pseudonym."""

    event_id: str
    type: str
    session: str | None = None
    product_id: str | None = None
    occurred_at: datetime
    received_at: datetime
    device: str | None = None
    query_id: str | None = None
    query: str | None = None
    position: int | None = None
    list: str | None = None
    rating: float | None = None
    quantity: int | None = None


class WrittenReview(BaseModel):
    """One review as it is kept."""

    product_id: str
    review_id: str
    rating: float | None = None
    text: str = ""
    photos: list[str] = Field(default_factory=list)
    written_at: datetime
    language: str | None = None


class PersonResponse(BaseModel):
    """A page of what is held of a person, in the order it arrived."""

    collection: str
    user: str = Field(description="the pseudonym under which it is held")
    total: int = Field(description="events in all pages")
    events: list[HeldEvent]
    reviews: list[WrittenReview] = Field(
        default_factory=list, description="all that they wrote, oldest first; on the first page"
    )
    next_cursor: str | None = Field(default=None, description="null on the last page")
    record_id: str | None = Field(default=None, description="of the proof that is kept; on the first page")


class Rewritten(BaseModel):
    """One segment that an erasure wrote anew: how many events went, and the SHA-256 of what is left."""

    day: str
    name: str
    removed: int
    sha256: str


class _Proof(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    record_id: str
    collection: str
    at: datetime = Field(description="events received up to this moment")
    digest: str = Field(default="", description="SHA-256 of this record without it, as sorted compact JSON")

    def sealed(self) -> str:
        """The digest of what it says."""
        body = self.model_dump(mode="json", exclude={"digest"})
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class Erasure(_Proof):
    """An erasure, and its proof. Nobody is named: pseudonyms only.

    ``begun``: readers leave these events out; ``done``: no segment that was there holds them; ``settled``:
    nor does any that was being written meanwhile.
    """

    kind: Literal["erasure"] = "erasure"
    state: Literal["begun", "done", "settled"] = "begun"
    users: tuple[str, ...] = Field(description="pseudonyms")
    sessions: tuple[str, ...] = Field(
        default=(), description="pseudonyms of sessions that only they used: their anonymous events went too"
    )
    events: int = Field(default=0, description="events that went, each counted once")
    segments: tuple[Rewritten, ...] = ()
    reviews: int = Field(
        default=0, exclude_if=lambda count: not count, description="reviews that they wrote and that went"
    )
    finished_at: datetime | None = None
    models: tuple[str, ...] = Field(
        default=(), description="models that were trained before it and are to be trained again"
    )

    @property
    def pseudonyms(self) -> frozenset[str]:
        """Of users and sessions."""
        return frozenset(self.users + self.sessions)

    def touches(self, trained_through: datetime) -> bool:
        """Whether a model of events up to ``trained_through`` may know of what was erased."""
        return self.events > 0 and trained_through <= self.at


class Export(_Proof):
    """That somebody was handed what is held of a person."""

    kind: Literal["export"] = "export"
    user: str = Field(description="pseudonym")
    events: int
    events_sha256: str = Field(description="of the event ids, sorted, one a line")
