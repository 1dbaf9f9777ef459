"""Following the log: what is new since the last look, for one cheap listing a look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mmpipe.errors import StorageUnavailable
from mmpipe.lake.interactions.folder import DamagedSegment
from mmpipe.lake.interactions.schema import DAY, Segment, day_of, milliseconds

if TYPE_CHECKING:
    import pyarrow as pa

    from mmpipe.lake.interactions.log import InteractionLog
    from mmpipe.schemas.people import Erasure

# Clocks of writers, of the store and of this machine may differ by so much.
_SKEW = timedelta(seconds=120)
# A writer whose clock is further off is met by a look at the whole day, so often.
_WHOLE_DAY = timedelta(seconds=60)
_MIDNIGHT = timedelta(hours=1)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Position:
    """How far a follower is; of this process alone, and opaque but for ``erased`` and ``damaged``.

    ``damaged`` are segments that cannot be read, with the reason; they are tried again every minute.
    ``erased`` are the pseudonyms whose erasure is new since the position before, and its moment. What arrived
    of them until then is to be forgotten before the tables are added, which hold only what came later.
    """

    listed_at: datetime
    whole_at: datetime
    seen: frozenset[tuple[str, str]]
    erasures: frozenset[str]
    erased: Mapping[str, datetime]
    damaged: Mapping[Segment, str] = field(default_factory=dict)


def tail(
    log: InteractionLog, position: Position | None, columns: Sequence[str] | None, now: datetime
) -> tuple[list[pa.Table], Position]:
    """See :meth:`InteractionLog.tail`."""
    found: dict[Segment, pa.Table] = {}
    damaged = {} if position is None else dict(position.damaged)
    lost = False
    for _ in range(_ATTEMPTS):
        # Also where the clock was set back: the last such look is in the future then.
        whole = lost or position is None or abs(now - position.whole_at) >= _WHOLE_DAY
        listing = log.folder.list(_start(position, now, whole=whole))
        seen = frozenset() if position is None else position.seen
        due = [
            segment
            for segment in listing.segments
            if (segment.day, segment.name) not in seen
            and segment not in found
            and segment not in damaged
            and (lost or not _was_read(segment, position))
        ]
        heeded = log.heed(listing.erasures)
        again = list(damaged) if whole else []
        read = log.folder.read_whole([*due, *again], log.needed(columns))
        for segment, held in read.items():
            damaged.pop(segment, None)
            if isinstance(held, DamagedSegment):
                # One object must not keep everybody's events from being followed.
                damaged[segment] = str(held)
            elif held is not None:
                found[segment] = held
        # What was merged before it could be read is in the merged ones, which were passed over.
        lost = any(read[segment] is None for segment in due)
        if not lost:
            break
    else:
        raise StorageUnavailable(f"{log.uri}: segments are merged faster than they can be read")
    known = frozenset() if position is None else position.erasures
    fresh = [name for name in listing.erasures if name not in known and name in heeded.names]
    listed = {(segment.day, segment.name) for segment in listing.segments}
    tables = [log.counting(table, heeded.erased, columns) for table in found.values()]
    return [table for table in tables if len(table)], Position(
        listed_at=now,
        whole_at=now if whole or position is None else position.whole_at,
        seen=frozenset(listed) if whole else seen | listed,
        erasures=frozenset(listing.erasures),
        erased=_erased(heeded.erasures[name] for name in fresh),
        damaged=damaged,
    )


def _erased(erasures: Iterable[Erasure]) -> dict[str, datetime]:
    """Whom they name, and the last moment of each."""
    found: dict[str, datetime] = {}
    for erasure in erasures:
        found.update((name, max(erasure.at, found.get(name, erasure.at))) for name in erasure.pseudonyms)
    return found


def _start(position: Position | None, now: datetime, *, whole: bool) -> str:
    """The key after which everything that may be new is."""
    if position is None:
        return DAY
    from_moment = min(position.listed_at, now)
    if whole:
        return f"{DAY}{day_of(from_moment - _MIDNIGHT)}/"
    moment = from_moment - _SKEW
    return f"{DAY}{day_of(moment)}/{milliseconds(moment):013d}"


def _was_read(segment: Segment, position: Position | None) -> bool:
    """Whether all that a merged segment holds was there at the last look."""
    if position is None or segment.through is None:
        return False
    return segment.through <= milliseconds(position.listed_at - _SKEW)
