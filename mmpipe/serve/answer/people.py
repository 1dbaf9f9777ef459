"""What is held of a person: handed out, erased, and a proof of either."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mmpipe.errors import InvalidRequest, NotReady
from mmpipe.indexing.people import erase_person
from mmpipe.schemas.people import HeldEvent, PersonResponse, WrittenReview

if TYPE_CHECKING:
    import pyarrow as pa

    from mmpipe.lake import Lake
    from mmpipe.lake.interactions import InteractionLog
    from mmpipe.lake.reviews import HeldReview
    from mmpipe.schemas.people import Erasure

T = TypeVar("T")
MAX_EVENTS = 10_000
# Each takes seconds in a large shop; who waits for more of them has long gone away.
_MOST_ASKED = 32


class People:
    """One person at a time, in a thread of its own: either call reads a collection's whole log. For one event
    loop. Both raise ``NotReady`` where too many others are being asked for."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._asked = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="people")

    async def export(self, collection: str, user_id: str, limit: int, cursor: str | None) -> PersonResponse:
        """A page of what is held of ``user_id``; the first one is recorded. Raises ``InvalidRequest``."""
        return await self._run(partial(self._export, collection, user_id, limit, cursor))

    async def erase(self, collection: str, user_id: str) -> Erasure:
        """Erase ``user_id``; see :meth:`mmpipe.lake.interactions.InteractionLog.erase`."""
        return await self._run(partial(self._erase, collection, user_id))

    def close(self) -> None:
        """End the thread; what is under way is finished by maintenance."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, call: Callable[[], T]) -> T:
        if self._asked >= _MOST_ASKED:
            raise NotReady("others are being asked for: ask again")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        finally:
            self._asked -= 1

    def _export(self, collection: str, user_id: str, limit: int, cursor: str | None) -> PersonResponse:
        log, user = self._of(collection, user_id)
        begin = _place(cursor)
        events = log.export(user)
        record, reviews = None, list[WrittenReview]()
        if cursor is None:
            record = log.record_export(user, events).record_id
            written = self._lake.collection(collection).reviews.by_author(user)
            reviews = [_written(review) for review in written]
        # Retries of an event may stand beside it with the same moment; ids make the order a total one.
        ordered = events.sort_by([("received_at", "ascending"), ("event_id", "ascending")])
        rows = _after(ordered, begin, limit + 1)
        more = len(rows) > limit
        return PersonResponse(
            collection=collection,
            user=user,
            total=len(events),
            events=[HeldEvent.model_validate(row) for row in rows[:limit]],
            reviews=reviews,
            next_cursor=_cursor(rows[limit - 1]) if more else None,
            record_id=record,
        )

    def _erase(self, collection: str, user_id: str) -> Erasure:
        _, user = self._of(collection, user_id)
        return erase_person(self._lake, self._lake.collection(collection), user)

    def _of(self, collection: str, user_id: str) -> tuple[InteractionLog, str]:
        log = self._lake.collection(collection).interactions
        return log, self._lake.pseudonyms.user(collection, user_id)


def _written(review: HeldReview) -> WrittenReview:
    return WrittenReview.model_validate(review.model_dump(include=set(WrittenReview.model_fields)))


def _after(events: pa.Table, begin: tuple[datetime, str] | None, count: int) -> list[dict[str, Any]]:
    import pyarrow.compute as pc

    if begin is not None:
        moments, ids = events["received_at"], events["event_id"]
        same = pc.and_(pc.equal(moments, begin[0]), pc.greater(ids, begin[1]))
        events = events.filter(pc.or_(pc.greater(moments, begin[0]), same))
    # Of a long history no more than the page becomes Python objects: searches would wait for it.
    rows: list[dict[str, Any]] = events.slice(0, count).drop_columns(["user", "run_id"]).to_pylist()
    return rows


def _cursor(row: dict[str, Any]) -> str:
    text = json.dumps([row["received_at"].isoformat(), row["event_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    try:
        moment, event_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        # Without an offset it would be the time of this machine's zone.
        return datetime.fromisoformat(moment).replace(tzinfo=UTC), str(event_id).encode().decode()
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise InvalidRequest("cursor", "is none of ours; begin without one") from None
