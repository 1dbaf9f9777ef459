"""How far an upload is: derived from the object, and from the run ledger of its collection.

An upload is told by an id that holds what it is of: section, name and ETag. The same bytes at the same place
are the same upload, whoever asks and whichever replica answers.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidEvent, NotFound, ObjectNotFound
from mmpipe.events.layout import Place, place_of
from mmpipe.objects import InvalidAddress, open_store, to_uri
from mmpipe.schemas.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.lake import Collection
    from mmpipe.objects import ObjectStat
    from mmpipe.schemas.run import RunRecord
    from mmpipe.schemas.uploads import State
    from mmpipe.schemas.work import EventKind
    from mmpipe.serve.operations.dead_letters import GivenUp
    from mmpipe.settings import StorageSettings

MAX_UPLOADS: Final = 100
MAX_ID: Final = 2_000
# Of one address: a file that is uploaded every few minutes has had many.
_MOST_RUNS: Final = 50
_LISTED: Final = 4
_OPEN: Final = ("queued", "running")
_CLOCKS_DIFFER: Final = timedelta(seconds=1)
_COUNTS: Final = (
    "total",
    "read",
    "indexed",
    "unchanged",
    "skipped",
    "deleted",
    "rejected",
    "encoded",
    "pictures",
)


def upload_of(
    collection: str, place: Place, etag: str, run: RunRecord | None, found: ObjectStat | None
) -> Upload:
    """What is known of a file with this ETag: its run, where it has one, else the object that is there."""
    told = Upload(
        id=id_of(place, etag),
        collection=collection,
        section=place.section,
        name=place.name,
        state="replaced",
        received_at=datetime.now(UTC),
    )
    if found is not None and found.etag == etag:
        told = told.model_copy(
            update={"state": "queued", "received_at": found.last_modified, "size": found.size}
        )
    if run is None:
        return told
    counts = {name: getattr(run, name) for name in _COUNTS}
    times = {"started_at": run.started_at, "finished_at": run.finished_at}
    return told.model_copy(
        update=counts
        | times
        | {
            "state": _state(run),
            "received_at": _received(run),
            "version": run.version,
            "reason": run.refused or run.error,
            "feed": run.feed,
        }
    )


def _state(run: RunRecord) -> State:
    if run.status != "done":
        return "running" if run.status == "running" else "failed"
    if run.refused:
        return "refused"
    return "live" if run.indexed or run.deleted else "unchanged"


def _received(run: RunRecord) -> datetime:
    second = run.event_order.partition(".")[0]
    return datetime.fromtimestamp(int(second), UTC) if second.isdigit() else run.started_at


def id_of(place: Place, etag: str) -> str:
    """The id of a file of a collection."""
    text = f"{etag}\n{place.section}/{place.name}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_id(upload_id: str, collection: str) -> tuple[Place, str]:
    """The file and the ETag that an id is of. Raises ``NotFound`` for one that no file can have."""
    try:
        text = base64.urlsafe_b64decode(upload_id.encode() + b"=" * (-len(upload_id) % 4)).decode()
        etag, _, key = text.partition("\n")
        place = place_of(f"{collection}/{key}")
    except (binascii.Error, UnicodeError, InvalidEvent):
        place, etag = None, ""
    if place is None or not etag:
        raise no_upload()
    return place, etag


def no_upload() -> NotFound:
    """The error for an id that no file of the collection has."""
    return NotFound("no upload of this collection has this id: GET /v1/uploads lists them")


class Progress:
    """Of the files below ``root``, where shops upload to. Every call blocks."""

    def __init__(self, root: str, storage: StorageSettings, given_up: GivenUp) -> None:
        self._root = to_uri(root).rstrip("/")
        self._storage = storage
        self._given_up = given_up

    def source(self, collection: str, place: Place) -> str:
        """The address that runs and rejects of a file name."""
        return f"{self._root}/{collection}/{place.section}/{place.name}"

    def of(self, name: str, held: Collection | None, upload_id: str) -> Upload:
        """One upload of a collection, which is ``held`` once something was indexed. Raises ``NotFound``."""
        place, etag = read_id(upload_id, name)
        address = self.source(name, place)
        runs = [] if held is None else held.runs.list(source_uri=address, limit=_MOST_RUNS)
        run = _newest(runs, place.kind(removed=False), etag)
        try:
            found = open_store(address, self._storage).stat(address)
        except (ObjectNotFound, InvalidAddress):
            found = None
        # Equal bytes have equal ETags on S3: the run may be of a file that was put there before.
        if run is not None and found is not None and found.etag == etag and _before(run, found):
            run = None
        if run is None and found is None:
            raise no_upload()
        told = upload_of(name, place, etag, run, None if run is not None else found)
        if told.state not in _OPEN:
            return told
        put_at = found.last_modified if found is not None and found.etag == etag else None
        return self._given_up.told(told, address, etag, put_at)

    def listed(self, held: Collection, limit: int) -> list[Upload]:
        """The uploads that were taken up or given up, the newest first; of each place the newest."""
        below = f"{self._root}/{held.name}/"
        uploads: dict[str, Upload] = {}
        # Among the newest runs are removals, replays, and files that were put to the same place before.
        for run in held.runs.list(limit=_LISTED * limit):
            if not run.source_uri.startswith(below) or run.etag is None:
                continue
            place = place_of(run.source_uri.removeprefix(f"{self._root}/"))
            if place is None or place.kind(removed=False) != run.kind:
                continue
            uploads.setdefault(run.source_uri, upload_of(held.name, place, run.etag, run, None))
        for letter in self._given_up.newest(held.name, _LISTED * limit):
            for event in letter.events:
                if not event.uri.startswith(below) or event.etag is None:
                    continue
                place = place_of(event.uri.removeprefix(f"{self._root}/"))
                if place is None:
                    continue
                taken = uploads.get(event.uri)
                if taken is not None and taken.state in _OPEN and taken.id == id_of(place, event.etag):
                    uploads[event.uri] = self._given_up.given_up(taken, letter)
                elif taken is None or taken.received_at < event.event_time.replace(microsecond=0):
                    told = upload_of(held.name, place, event.etag, None, None)
                    told = told.model_copy(update={"received_at": event.event_time})
                    uploads[event.uri] = self._given_up.given_up(told, letter)
        newest = sorted(uploads.values(), key=lambda each: each.started_at or each.received_at, reverse=True)
        return newest[:limit]


def _before(run: RunRecord, found: ObjectStat) -> bool:
    return _received(run) + _CLOCKS_DIFFER < found.last_modified.replace(microsecond=0)


def _newest(runs: Sequence[RunRecord], kind: EventKind | None, etag: str) -> RunRecord | None:
    return next((run for run in runs if run.kind == kind and run.etag == etag), None)
