"""The tables."""

from __future__ import annotations

from pydantic import Field

from mmpipe.settings.section import Section

# What the upload queue (4 days) and its dead-letter queue (14) keep: an event may be that late.
_QUEUE_DAYS = 18.0


class LakeSettings(Section):
    """Where the tables are and how they are kept."""

    uri: str = Field(default="./lake", description="a folder or s3://bucket/prefix")
    max_unindexed_rows: int = Field(
        default=2_000, gt=0, description="rows outside an index before it is brought up to date"
    )
    keep_versions: int = Field(
        default=10,
        ge=1,
        description="so many of the newest versions of a table stay for `keep_versions_days`, published or"
        " not; further ones that are not in the history of what was live are cleaned up",
    )
    keep_versions_days: float = Field(
        default=7.0, gt=0, description="older versions that are not in that history are cleaned up"
    )
    hold_versions_seconds: float = Field(
        default=120.0,
        ge=0,
        description="no version goes sooner after it was committed or ceased to be live: whoever reads it is"
        " done by then; longer than a replica takes to load one",
    )
    keep_tombstones_days: float = Field(
        default=18.0,
        ge=_QUEUE_DAYS,
        description="what is known of deleted products for so long, so that no older upload brings them back;"
        " no less than the queue and its dead-letter queue keep events",
    )
    keep_media_log_days: float = Field(
        default=18.0, ge=_QUEUE_DAYS, description="announcements of media, likewise"
    )
    keep_audit_days: float = Field(
        default=400.0, ge=1, description="records of what the shop's people asked and changed"
    )
    keep_runs_days: float = Field(
        default=90.0, ge=_QUEUE_DAYS, description="runs in the ledger, by which repeated events are known"
    )
    max_shrink: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="a larger share of products may not go at once: the upload is refused before it is"
        " written, or the version is not published; three products may always go",
    )
