"""Files that were uploaded over HTTP, how far they are, and what of them could not be used."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mmpipe.schemas.feed import FeedReport
from mmpipe.schemas.run import Reject
from mmpipe.schemas.work import Section

State = Literal["queued", "running", "live", "unchanged", "refused", "failed", "replaced", "dead_letter"]


class Upload(BaseModel):
    """One file that was uploaded, and what became of it.

    ``queued``: stored, and nobody took it up yet. ``running``: being read and encoded. ``live``: done, and
    readers see it. ``unchanged``: done, and it said nothing that readers did not see before. ``refused``:
    written, and not made live, for ``reason``. ``failed``: for ``reason``; nothing of it was written.
    ``replaced``: another file was put in its place, or it was removed, before it was taken up.
    ``dead_letter``: nobody took its work for as long as that is tried, for ``reason``; ``remedy`` is the
    command that has it tried anew, and then it is ``queued`` again.
    """

    id: str
    collection: str
    section: Section
    name: str
    state: State
    received_at: datetime
    size: int | None = Field(default=None, description="bytes, while it is known")
    started_at: datetime | None = None
    finished_at: datetime | None = None
    total: int | None = Field(default=None, description="rows in the file, once known")
    read: int = 0
    indexed: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    rejected: int = Field(default=0, description="rows that could not be used: see /v1/rejects")
    encoded: dict[str, int] = Field(default_factory=dict, description="encoder inputs by modality")
    pictures: dict[str, int] = Field(
        default_factory=dict, description="links of pictures: found, missing, none"
    )
    version: int | None = Field(default=None, description="of the table, that it was written as")
    reason: str = ""
    remedy: str = Field(
        default="",
        description="a command to run: of a dead letter the one that replays it, of what has been queued for"
        " longer than a queue of SQS tries it the one that lists them; empty where there is nothing to do",
    )
    feed: FeedReport | None = Field(default=None, description="how a feed was read")


class UploadsResponse(BaseModel):
    """Uploads that were taken up or given up, the newest first; of each place the newest."""

    uploads: list[Upload]


class RejectsPage(BaseModel):
    """Some rejects with their rows as they were read; ``total`` of the collection, or of the file."""

    collection: str
    total: int
    rejects: list[Reject]
    next_offset: int | None = Field(description="null on the last page")


class ReplayBody(BaseModel):
    """A reject again: as it was, or mended."""

    model_config = ConfigDict(extra="forbid")

    row: dict[str, Any] | None = Field(
        default=None, description="the mended row, in the feed's field names; else as it was read"
    )
