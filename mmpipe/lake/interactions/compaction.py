"""Many small segments become few: merged first, removed later, so that nothing is lost wherever it ends.

A merged segment is written, with its sources named beside it in ``compacted/``; they are removed by a later
call, once those who had listed them have read them. Broken off in between, events are there twice and count
once. Several processes may do it at the same time: then some are merged twice.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from mmpipe.lake.interactions.erasing import rewrite
from mmpipe.lake.interactions.folder import DamagedSegment
from mmpipe.lake.interactions.reading import Erased, first_copies
from mmpipe.lake.interactions.schema import (
    COMPACTED,
    DAY,
    ERASED,
    Segment,
    day_of,
    fresh_name,
    milliseconds,
)

if TYPE_CHECKING:
    from mmpipe.lake.interactions.folder import Listing
    from mmpipe.lake.interactions.log import InteractionLog

# Followers have long read what is this old.
MIN_AGE = timedelta(minutes=5)
GRACE = timedelta(minutes=1)
# A segment of this size is left alone; so many bytes are merged into one at most.
_LARGE_BYTES = 32_000_000
_MERGED_BYTES = 64_000_000
# Of a day that goes on, so many at least: else every call would write the whole day again.
_FEW = 16
_AFTER_MIDNIGHT = timedelta(hours=1)
_ABANDONED = timedelta(hours=1)
_NAMES = TypeAdapter(list[str])
# Stores tell times in whole seconds.
_SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class Compacted:
    """Segments that were merged, what they were merged into, and merged ones of before that were removed."""

    sources: int = 0
    written: int = 0
    removed: int = 0


def compact(
    log: InteractionLog,
    now: datetime,
    *,
    min_age: timedelta = MIN_AGE,
    grace: timedelta = GRACE,
    few: int = _FEW,
) -> Compacted:
    """Remove what was merged more than ``grace`` ago, then merge the small segments older than ``min_age`` of
    each day: of a day that is over from two on, of today from ``few`` on. Whoever was erased is left out."""
    listing = log.folder.list(DAY)
    removed, pending = _remove_merged(log, listing, now - grace, now - _ABANDONED)
    days: dict[str, list[Segment]] = defaultdict(list)
    for segment, stat in listing.segments.items():
        if stat.last_modified <= now - min_age and segment.size < _LARGE_BYTES and segment not in pending:
            days[segment.day].append(segment)
    sources = written = 0
    today = day_of(now - _AFTER_MIDNIGHT)
    for day, segments in sorted(days.items()):
        if len(segments) < (2 if day < today else few):
            continue
        for part in _parts(segments):
            merged = _merge(log, listing, day, part, now) if len(part) > 1 else 0
            sources += merged
            written += merged > 0
    return Compacted(sources, written, removed)


def expire(log: InteractionLog, days: int, now: datetime) -> int:
    """See :meth:`InteractionLog.expire`."""
    first = day_of(now - timedelta(days=days + 1))
    gone = log.folder.delete_many(s for s in log.folder.list(DAY).segments if s.day < first)
    for name in log.folder.records(COMPACTED):
        if name.split("/")[0] < first:
            log.folder.delete_record(f"{COMPACTED}/{name}.json")
    return gone


def _remove_merged(
    log: InteractionLog, listing: Listing, before: datetime, abandoned: datetime
) -> tuple[int, set[Segment]]:
    """Remove the sources of what was merged ``before``. Gives how many, and the segments that are not to be
    merged now: merged ones whose sources are there, and these."""
    removed, pending = 0, set[Segment]()
    held = {(segment.day, segment.name): segment for segment in listing.segments}
    for name, stat in log.folder.records(COMPACTED).items():
        key = f"{COMPACTED}/{name}.json"
        day, _, merged_name = name.partition("/")
        merged = held.get((day, merged_name))
        record = log.folder.read_record(key)
        named = None if record is None else _named(record[0])
        if named is None:
            # Gone; or it says nothing: then what it named is merged once more.
            continue
        sources = {held[day, source] for source in named if (day, source) in held}
        if merged is None:
            # Not written yet, or whoever began it has ended.
            if stat.last_modified <= abandoned:
                log.folder.delete_record(key)
            else:
                pending |= sources
        elif listing.segments[merged].last_modified > before:
            pending |= sources | {merged}
        else:
            removed += log.folder.delete_many(sources)
            log.folder.delete_record(key)
            pending |= sources
    return removed, pending


def _named(record: bytes) -> list[str] | None:
    """The sources that a record names; None where it is damaged, or none of ours."""
    try:
        return _NAMES.validate_json(record)
    except ValidationError:
        return None


def _parts(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    part: list[Segment] = []
    size = 0
    for segment in sorted(segments):
        if part and size + segment.size > _MERGED_BYTES:
            yield part
            part, size = [], 0
        part.append(segment)
        size += segment.size
    yield part


def _merge(log: InteractionLog, listing: Listing, day: str, part: Sequence[Segment], now: datetime) -> int:
    """Merge what can be read of a part; gives how many segments that was."""
    read = log.folder.read_whole(part)
    # What is damaged stays as it is: whoever restores it finds it where it was.
    part = [segment for segment in part if not isinstance(read[segment], DamagedSegment)]
    erased = log.heed(listing.erasures).erased
    held = {s: log.counting(read[s], erased) for s in part if read[s] is not None}
    if len(held) < len(part) or len(part) < 2:
        return 0  # another process merges them, or there is nothing to merge
    table = first_copies(held)
    if not len(table):
        log.folder.delete_many(part)
        return len(part)
    ends = [
        segment.through or milliseconds(listing.segments[segment].last_modified) + _SECOND_MS
        for segment in part
    ]
    merged = Segment(day, fresh_name(now, max(ends)))
    names = json.dumps([segment.name for segment in part]).encode()
    log.folder.write_record(f"{COMPACTED}/{day}/{merged.name}.json", names)
    written = log.folder.write(merged, table)
    _leave_out_erased(log, written, listing.erasures)
    return len(part)


def _leave_out_erased(log: InteractionLog, merged: Segment, known: Sequence[str]) -> None:
    """An erasure that began after the sources were read has looked at the sources, not at this one."""
    names = list(log.folder.records(ERASED))
    fresh = set(names) - set(known)
    if fresh:
        erasures = log.heed(names).erasures
        rewrite(log, merged, Erased(erasures[name] for name in fresh if name in erasures))
