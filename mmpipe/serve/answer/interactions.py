"""Interactions: each event judged, then stored in the lake before the caller hears that it was accepted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mmpipe.lake.interactions import rows_of
from mmpipe.schemas.interaction import Interaction, InteractionsResponse, Judged, judge
from mmpipe.serve.group_commit import GroupCommit

if TYPE_CHECKING:
    import pyarrow as pa

    from mmpipe.lake import Lake

# One object takes the events of so many requests at most, each of which has up to a thousand.
_MAX_REQUESTS = 100
# Event ids per collection that are known to be stored.
_RECENT = 100_000

Stored = Callable[[str, "pa.Table"], None]
"""Told of a collection and the rows that were just stored for it, in a thread; must not block or raise."""


class Interactions:
    """Stores events of one lake: those that arrive while a write runs share the next. Of one event loop.

    ``stored`` is told of what this replica stored, before its caller is answered.
    """

    def __init__(self, lake: Lake, stored: Stored | None = None) -> None:
        self._lake = lake
        self._settings = lake.settings.interactions
        self._keep = timedelta(days=self._settings.keep_days)
        self._stored = stored
        self._groups: dict[str, GroupCommit[Judged, None]] = {}
        self._recent: dict[str, Recent] = {}

    async def store(
        self,
        collection: str,
        events: Sequence[Interaction | Any],
        is_known: Callable[[str], bool] | None = None,
    ) -> InteractionsResponse:
        """Judge events and store the good ones, durably once this returns. ``collection`` must exist;
        ``is_known`` tells whether a product is in its live version.

        Raises ``StorageUnavailable`` where nothing is known to be stored; sending all of it again does no
        harm where events have ids.
        """
        recent = self._recent.setdefault(collection, Recent(_RECENT))
        judged = judge(enumerate(events), datetime.now(UTC), keep=self._keep)
        good = len(judged.events)
        _leave_out(judged, recent)
        unknown = None if is_known is None else _unknown(judged.events, is_known)
        if judged.events:
            group = self._groups.get(collection)
            if group is None:
                group = self._groups[collection] = self._group(collection)
            await group.submit([judged])
            recent.add(event.event_id for event in judged.events if event.event_id is not None)
        return InteractionsResponse(
            accepted=len(judged.events),
            duplicates=good - len(judged.events),
            unknown_products=unknown,
            rejected=judged.rejected,
        )

    def forget(self, collection: str) -> None:
        """Know of no event any more: what was erased is no duplicate when it comes again."""
        self._recent.pop(collection, None)

    def _group(self, collection: str) -> GroupCommit[Judged, None]:
        def commit(batches: list[Judged]) -> list[None]:
            rows = rows_of(batches, collection, self._lake.pseudonyms)
            self._lake.collection(collection).interactions.append(rows)
            if self._stored is not None:
                self._stored(collection, rows)
            return [None] * len(batches)

        return GroupCommit(
            commit,
            max_items=_MAX_REQUESTS,
            name=f"interactions-{collection}",
            apart_seconds=self._settings.write_seconds,
        )

    def check_alive(self) -> None:
        """Raises ``NotReady`` while storing hangs."""
        for group in self._groups.values():
            group.check_alive()

    async def close(self) -> None:
        """Finish what is waiting."""
        for group in self._groups.values():
            await group.close()


class Recent:
    """The newest ``size`` event ids that are stored."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def add(self, event_ids: Iterable[str]) -> None:
        """Know these too, and the oldest no more."""
        for event_id in event_ids:
            self._ids[event_id] = None
        while len(self._ids) > self._size:
            self._ids.popitem(last=False)


def _leave_out(judged: Judged, recent: Recent) -> None:
    """Take out what is stored already, and repetitions within."""
    seen: set[str] = set()
    kept = []
    for number, event in enumerate(judged.events):
        event_id = event.event_id
        if event_id is not None:
            if event_id in seen or event_id in recent:
                continue
            seen.add(event_id)
        kept.append(number)
    if len(kept) < len(judged.events):
        judged.events = [judged.events[number] for number in kept]
        judged.times = [judged.times[number] for number in kept]
        judged.places = [judged.places[number] for number in kept]


def _unknown(events: Sequence[Interaction], is_known: Callable[[str], bool]) -> int:
    products = [event.product_id for event in events if event.product_id is not None]
    missing = {product for product in set(products) if not is_known(product)}
    return sum(product in missing for product in products) if missing else 0
