"""Erasing a person from the log, and handing out what is held of one; both leave a proof."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, TypeAdapter, ValidationError

from mmpipe.errors import CommitConflict, ObjectNotFound, StorageUnavailable
from mmpipe.lake.interactions.folder import encoded
from mmpipe.lake.interactions.reading import Erased
from mmpipe.lake.interactions.schema import ARCHIVE, DAY, ERASED, SCHEMA, Segment, fresh_name
from mmpipe.schemas.people import Erasure, Export, Rewritten

if TYPE_CHECKING:
    from mmpipe.lake.interactions.log import InteractionLog

# A replica may have had events in hand when an erasure began; by then it has stored them, or has ended.
SETTLE_AFTER = timedelta(hours=1)
# Who follows the log looks far more often than this.
ARCHIVE_AFTER = timedelta(days=7)
_PROOF: TypeAdapter[Erasure | Export] = TypeAdapter(Annotated[Erasure | Export, Field(discriminator="kind")])
_ATTEMPTS = 8
# So many ids become Python objects at a time: meanwhile no other thread runs.
_AT_ONCE = 8_192
_WRITERS = 8


@dataclass(slots=True)
class _Gone:
    """What an erasure removed."""

    events: set[str] = field(default_factory=set)
    segments: list[Rewritten] = field(default_factory=list)


def erase(
    log: InteractionLog,
    users: frozenset[str],
    models: Sequence[str],
    now: datetime,
    also: Callable[[Erasure], int] | None = None,
) -> Erasure:
    """See :meth:`InteractionLog.erase`."""
    begun = Erasure(
        record_id=fresh_name(now),
        collection=log.collection,
        at=now,
        users=tuple(sorted(users)),
        sessions=tuple(sorted(sessions_of(log, users))),
        models=tuple(models),
    )
    # First: from now on readers leave them out, and who merges segments does so too.
    etag = log.folder.write_record(_key(begun), _sealed(begun))
    gone = _remove(log, Erased([begun]))
    reviews = 0 if also is None else also(begun)
    done = _finished(begun, gone, "done", now).model_copy(update={"reviews": reviews})
    log.folder.write_record(_key(done), _sealed(done), if_match=etag)
    return _with_digest(done)


def export(log: InteractionLog, user: str) -> pa.Table:
    """See :meth:`InteractionLog.export`."""
    users, sessions = pa.array([user]), pa.array(sorted(sessions_of(log, frozenset([user]))), pa.string())
    parts = []
    for table in log.scan():
        anonymous = pc.and_(pc.is_in(table["session"], value_set=sessions), pc.is_null(table["user"]))
        parts.append(table.filter(pc.or_(pc.is_in(table["user"], value_set=users), anonymous)))
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def record_export(log: InteractionLog, user: str, events: pa.Table, now: datetime) -> Export:
    """See :meth:`InteractionLog.record_export`."""
    ids = hashlib.sha256()
    ordered = events["event_id"].take(pc.sort_indices(events["event_id"])).combine_chunks()
    for at in range(0, len(ordered), _AT_ONCE):
        some = ordered.slice(at, _AT_ONCE).to_pylist()
        ids.update("".join(f"{event_id}\n" for event_id in some).encode("utf-8", "surrogatepass"))
    record = Export(
        record_id=fresh_name(now),
        collection=log.collection,
        at=now,
        user=user,
        events=len(events),
        events_sha256=ids.hexdigest(),
    )
    log.folder.write_record(f"{ARCHIVE}/{record.record_id}.json", _sealed(record))
    return record.model_copy(update={"digest": record.sealed()})


def archived(log: InteractionLog) -> list[Erasure]:
    """The erasures of the archive. Raises ``StorageUnavailable`` also where a proof is damaged."""
    found = []
    for name in log.folder.records(ARCHIVE):
        record = log.folder.read_record(f"{ARCHIVE}/{name}.json")
        if record is None:
            continue
        try:
            proof = _PROOF.validate_json(record[0])
        except ValidationError as error:
            raise StorageUnavailable(f"{log.uri}: proof {name} cannot be read: restore it") from error
        if isinstance(proof, Erasure):
            found.append(proof)
    return found


def settle(log: InteractionLog, now: datetime) -> int:
    """Look again for what was being written when erasures began, finish those that broke off, and move those
    of long ago to the archive; gives how many were settled."""
    erasures = log.erasures()
    due = [e for e in erasures if e.state != "settled" and e.at <= now - SETTLE_AFTER]
    for erasure in due:
        gone = _remove(log, Erased([erasure]))
        _replace(log, _finished(erasure, gone, "settled", now))
    for erasure in erasures:
        if erasure.state == "settled" and erasure.at <= now - ARCHIVE_AFTER:
            key = f"{ARCHIVE}/{erasure.record_id}.json"
            if log.folder.read_record(key) is None:
                log.folder.write_record(key, _sealed(erasure))
            log.folder.delete_record(_key(erasure))
    return len(due)


def sessions_of(log: InteractionLog, users: frozenset[str]) -> set[str]:
    """The sessions that these people used, together, and nobody else who is known."""
    wanted = pa.array(sorted(users), pa.string())
    pairs = []
    for table in log.scan(["user", "session"]):
        both = table.filter(pc.and_(pc.is_valid(table["user"]), pc.is_valid(table["session"])))
        pairs.append(both.group_by(["user", "session"]).aggregate([]))
    if not pairs:
        return set()
    known = pa.concat_tables(pairs)
    theirs = pc.is_in(known["user"], value_set=wanted)
    used = known.filter(theirs)["session"].unique()
    # Only these become Python objects: of all sessions that would keep every other thread waiting.
    shared = pc.and_(pc.invert(theirs), pc.is_in(known["session"], value_set=used))
    return set(used.to_pylist()) - set(known.filter(shared)["session"].to_pylist())


def rewrite(log: InteractionLog, segment: Segment, erased: Erased) -> tuple[Rewritten, list[str]] | None:
    """Write a segment anew without who was erased. Gives how it was changed and the ids of the events that
    went; None where it held nobody. Raises ``ObjectNotFound`` where it is gone."""
    ids: set[str] = set()
    sha256 = ""
    for _ in range(_ATTEMPTS):
        table, stat = log.folder.read(segment)
        rows = erased.hits(table)
        if not len(rows):
            break
        ids.update(table["event_id"].take(rows).to_pylist())
        kept = table.filter(pa.array(~np.isin(np.arange(len(table)), rows)))
        sha256 = hashlib.sha256(encoded(kept)).hexdigest()
        try:
            log.folder.write(segment, kept, if_match=stat.etag)
        except CommitConflict:
            # Another erasure was first, it was merged, or the answer was lost: what is there tells.
            continue
        break
    else:
        raise StorageUnavailable(f"{log.uri}/{segment.key}: others kept writing it")
    if not ids:
        return None
    return Rewritten(day=segment.day, name=segment.name, removed=len(ids), sha256=sha256), sorted(ids)


def _remove(log: InteractionLog, erased: Erased) -> _Gone:
    """Write anew every segment that holds them."""
    gone, seen = _Gone(), set[tuple[str, str]]()

    def one(segment: Segment) -> tuple[Segment, tuple[Rewritten, list[str]] | None, bool]:
        try:
            return segment, rewrite(log, segment, erased), True
        except ObjectNotFound:
            return segment, None, False

    for _ in range(_ATTEMPTS):
        due = [s for s in log.folder.list(DAY).segments if (s.day, s.name) not in seen]
        if not due:
            return gone
        with ThreadPoolExecutor(_WRITERS, thread_name_prefix="interactions") as pool:
            for segment, changed, there in pool.map(one, due):
                if changed is not None:
                    gone.segments.append(changed[0])
                    gone.events.update(changed[1])
                if there:
                    seen.add((segment.day, segment.name))
        # Until a listing shows none that was not looked at: what was merged meanwhile is in one of these.
    raise StorageUnavailable(f"{log.uri}: segments are merged faster than they can be written anew")


def _finished(erasure: Erasure, gone: _Gone, state: str, now: datetime) -> Erasure:
    return erasure.model_copy(
        update={
            "state": state,
            "events": erasure.events + len(gone.events),
            "segments": (*erasure.segments, *sorted(gone.segments, key=lambda s: (s.day, s.name))),
            "finished_at": now,
        }
    )


def _replace(log: InteractionLog, erasure: Erasure) -> None:
    held = log.folder.read_record(_key(erasure))
    if held is not None:
        log.folder.write_record(_key(erasure), _sealed(erasure), if_match=held[1])


def _key(erasure: Erasure) -> str:
    return f"{ERASED}/{erasure.record_id}.json"


def _with_digest(erasure: Erasure) -> Erasure:
    return erasure.model_copy(update={"digest": erasure.sealed()})


def _sealed(record: Erasure | Export) -> bytes:
    return record.model_copy(update={"digest": record.sealed()}).model_dump_json(indent=1).encode()
