"""The columns of the log, and what its objects are called.

Below ``<lake>/<collection>/interactions/``::

    day=YYYY-MM-DD/<ms>-<random>.parquet        a segment: events that arrived that day (UTC)
    day=YYYY-MM-DD/<ms>-<random>-m<ms>.parquet  a merged one, and until when its sources were written
    erased/<ms>-<random>.json                   an erasure that readers heed
    compacted/<day>/<segment>.json              the sources of a merged segment that are to be removed
    archive/<ms>-<random>.json                  proofs: settled erasures, exports

``<ms>`` is the writer's clock in milliseconds since 1970, 13 digits, so names sort by time. One listing from
a moment on gives the segments that are new since, then the erasures; what else there is sorts before days.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("user", pa.string()),
        pa.field("session", pa.string()),
        pa.field("product_id", pa.string()),
        pa.field("occurred_at", _TIME, nullable=False),
        pa.field("received_at", _TIME, nullable=False),
        pa.field("device", pa.string()),
        pa.field("query_id", pa.string()),
        pa.field("query", pa.string()),
        pa.field("position", pa.int32()),
        pa.field("list", pa.string()),
        pa.field("rating", pa.float32()),
        pa.field("quantity", pa.int32()),
        pa.field("run_id", pa.string()),
    ]
)
"""Every column of the log. ``user`` and ``session`` are pseudonyms, ``run_id`` is of an upload."""

DAY = "day="
ERASED = "erased"
COMPACTED = "compacted"
ARCHIVE = "archive"
_SEGMENT = re.compile(r"day=(\d{4}-\d\d-\d\d)/(\d{13}-[0-9a-f]{16}(?:-m\d{13})?)\.parquet")
_MERGED = re.compile(r"-m(\d{13})$")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One immutable object of the log: a UTC day of arrival, a name, the bytes it had when it was listed.

    An erasure alone writes a segment anew, under its name.
    """

    day: str
    name: str
    size: int = 0

    @property
    def key(self) -> str:
        """Its object below the log's folder."""
        return f"{DAY}{self.day}/{self.name}.parquet"

    @property
    def through(self) -> int | None:
        """Of a merged one: milliseconds since 1970 until which its sources were written; else None."""
        found = _MERGED.search(self.name)
        return int(found[1]) if found else None


def segment_at(key: str, size: int) -> Segment | None:
    """The segment at a key below the log's folder; None where the key is none."""
    found = _SEGMENT.fullmatch(key)
    return Segment(found[1], found[2], size) if found else None


def day_of(moment: datetime) -> str:
    """Its UTC day, as in 2026-01-31."""
    return moment.astimezone(UTC).date().isoformat()


def is_day(text: str) -> bool:
    """Whether this is a day as :func:`day_of` writes it."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1_000)


def fresh_name(moment: datetime, through: int | None = None) -> str:
    """A name that nobody else makes: of a merged segment where ``through`` is given."""
    name = f"{milliseconds(moment):013d}-{secrets.token_hex(8)}"
    return name if through is None else f"{name}-m{through:013d}"
