"""The order of a source: which of two writes of one product is newer.

S3 delivers events late, twice and out of order, and its sequencers compare only within one key. So a
write is ordered by the moment at which what it says became current (of an upload the object version's
last-modified time, of a removal its event time; whole seconds, as S3 keeps them), then by the sequencer,
then by the row number inside the file, and last by a digest of the object's address, which makes the order
total and the final table independent of delivery order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

# Longer than any store's: S3 sends 18 digits, MinIO 16.
MAX_SEQUENCER_DIGITS = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """The order of one row of one object version.

    ``encode()`` gives a fixed-width ASCII string whose byte order is the order of the sources, so that
    a table can compare it in SQL.
    """

    modified_at: datetime
    sequencer: str
    row: int
    uri: str

    def encode(self) -> str:
        """``<epoch seconds>.<sequencer>.<row>.<address digest>``, 97 characters."""
        before, after = _around_row(self.modified_at, self.sequencer, self.uri)
        return f"{before}{self.row:010d}{after}"


@lru_cache(maxsize=256)
def _around_row(modified_at: datetime, sequencer: str, uri: str) -> tuple[str, str]:
    """What all rows of one object version have in common."""
    if modified_at.tzinfo is None:
        raise ValueError("modified_at must carry a time zone")
    seconds = int(modified_at.timestamp())
    # S3: pad the shorter sequencer with zeros on the right, then compare as text.
    padded = sequencer.upper().ljust(MAX_SEQUENCER_DIGITS, "0")[:MAX_SEQUENCER_DIGITS]
    return f"{seconds:012d}.{padded}.", f".{hashlib.sha256(uri.encode()).hexdigest()[:8]}"


def sequencer_or_time(sequencer: str | None, event_time: datetime) -> str:
    """The event's sequencer, or where the store sends none, its time in microseconds as 16 hex digits.

    Both grow with every write of one key, which is all a sequencer promises.
    """
    if sequencer:
        return sequencer
    # Whole numbers, or neighbours could become one; a fixed length, for shorter ones are padded on the right.
    return f"{(event_time - _EPOCH) // timedelta(microseconds=1):016X}"
