"""Events for tests of behaviour, and what plain Python makes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from mmpipe.lake.interactions import SCHEMA
from mmpipe.recommend.behaviour import WEIGHTS, Shopper
from mmpipe.recommend.behaviour.kernels.layout import JOINED
from mmpipe.recommend.behaviour.reading import Items, read

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BOUGHT, VIEWED = {"purchase"}, {"view", "search-click"}
NO_ACT = {"impression", "search"}


@dataclass(frozen=True)
class Event:
    """One row of the log; moments in Unix seconds, ``received`` that of the time where not given."""

    id: str
    type: str = "view"
    item: str | None = "a"
    user: str | None = None
    session: str | None = None
    time: float = NOW
    received: float | None = None
    rating: float | None = None
    query_id: str | None = None
    list: str | None = None

    @property
    def arrived(self) -> float:
        return self.time if self.received is None else self.received


def table(events: Iterable[Event]) -> pa.Table:
    """Events as rows of the log."""
    held = list(events)
    columns: dict[str, Sequence[object]] = {name: [None] * len(held) for name in SCHEMA.names}
    columns |= {
        "event_id": [e.id for e in held],
        "type": [e.type for e in held],
        "user": [e.user for e in held],
        "session": [e.session for e in held],
        "product_id": [e.item for e in held],
        "occurred_at": [_EPOCH + timedelta(seconds=e.time) for e in held],
        "received_at": [_EPOCH + timedelta(seconds=e.arrived) for e in held],
        "query_id": [e.query_id for e in held],
        "list": [e.list for e in held],
        "rating": [e.rating for e in held],
    }
    return pa.table([pa.array(columns[f.name], f.type) for f in SCHEMA], schema=SCHEMA)


def digest(event: Event) -> int:
    """What ties of time are broken by."""
    return int(read(table([replace(event, type="search", user="u")]), Items()).event[0])


class Oracle:
    """The same answers from lists and dictionaries."""

    def __init__(self, events: Iterable[Event], gone: Iterable[str] = ()) -> None:
        forgotten = set(gone)
        copies: dict[str, Event] = {}
        for event in events:
            held = copies.get(event.id)
            if held is None or event.arrived < held.arrived:
                copies[event.id] = event
        order = {event_id: digest(event) for event_id, event in copies.items()}
        self.events = sorted(
            (e for e in copies.values() if (e.user or e.session) not in forgotten),
            key=lambda e: (e.time, order[e.id]),
        )
        self.owner = {e.id: self._owner(e) for e in self.events}

    def _owner(self, event: Event) -> tuple[str, str | None]:
        if event.user is not None:
            return "user", event.user
        visit = [e for e in self.events if e.session == event.session]
        named = [e for e in visit if e.user is not None]
        if len(visit) <= JOINED:
            later = [e for e in named if e.time >= event.time]
            if later:
                return "user", later[0].user
            if named:
                return "user", named[-1].user
        return "session", event.session

    def of(self, shopper: Shopper) -> list[Event]:
        if shopper.user is None:
            return [e for e in self.events if e.session == shopper.session]
        owners = {("user", shopper.user), ("session", shopper.session)}
        return [e for e in self.events if self.owner[e.id] in owners]

    def history(self, shopper: Shopper, limit: int) -> list[tuple[str | None, str, float]]:
        acts = [e for e in self.of(shopper) if e.type not in NO_ACT]
        return [(e.item, e.type, e.time) for e in acts[len(acts) - min(limit, len(acts)) :]]

    def items(self, shopper: Shopper, wanted: Callable[[Event], bool]) -> set[str | None]:
        return {e.item for e in self.of(shopper) if wanted(e)}

    def together(self, item: str, kinds: set[str], limit: int, each: int) -> dict[str, int]:
        of_kind = [e for e in self.events if e.type in kinds]
        owners = list(dict.fromkeys(self.owner[e.id] for e in reversed(of_kind) if e.item == item))[:limit]
        counts: dict[str, int] = defaultdict(int)
        for owner in owners:
            theirs = [e.item for e in of_kind if self.owner[e.id] == owner][-each:]
            for other in {name for name in theirs if name is not None} - {item}:
                counts[other] += 1
        return dict(counts)

    def shoppers(self, kinds: set[str], item: str | None = None) -> int:
        return len({self.owner[e.id] for e in self.events if e.type in kinds and item in (None, e.item)})

    def weight(self, item: str, now: float | None = None, half_life: float = 1.0) -> float:
        total = 0.0
        for e in self.events:
            if e.item == item:
                worth = WEIGHTS[e.type]  # type: ignore[index]
                if e.rating is not None:
                    worth *= e.rating - 2.5
                if now is not None:
                    worth *= 2.0 ** (-(now - min(e.time, e.arrived)) / half_life)
                total += worth
        return total
