"""Made-up shoppers: events of a shop as large as asked, the same ones at every run.

    python benchmarks/synthetic_events.py EVENTS.jsonl --events 10000 --items 1000 --users 500

Items lie on shelves (one for every 200), with Zipf popularity (1 / (place + 5)) of the shelves and of the
items on each; every item has a companion on another shelf. A user likes one to three shelves and comes as
often as a log-normal draw (sigma 1.2) says. A visit is a session: a geometric number of events, six on
average, 40 s apart on average, on one of the user's shelves; one event in seven is of the companion of the
one before. Of the events 80 % are views, 8 % search clicks, 6 % carts, 3 % purchases, 2 % likes, 0.5 %
dislikes, 0.5 % ratings. Visits lie on the last ``days`` days, twice as many on the last as on the first. Of
the visits 45 % are logged in, 25 % log in on the way, 30 % never do. Nothing is merely shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.lake.interactions import SCHEMA
from mmpipe.schemas.interaction import EVENT_TYPES

SEED = 7
_SHELF, _TASTES = 200, 3
_VISIT, _GAP_SECONDS, _DAY = 6.0, 40.0, 86_400.0
_COMPANION = 1 / 7
_SHARES = {
    "view": 0.80,
    "search-click": 0.08,
    "add-to-cart": 0.06,
    "purchase": 0.03,
    "like": 0.02,
    "dislike": 0.005,
    "rating": 0.005,
}
_LOGGED_IN, _LOGS_IN = 0.45, 0.25


@dataclass(frozen=True)
class Events:
    """Columns in order of time: places of item, user (-1 where nobody is named) and session, the type's place
    in ``EVENT_TYPES``, Unix microseconds, and stars (NaN but for ratings)."""

    item: NDArray[np.int32]
    user: NDArray[np.int32]
    session: NDArray[np.int32]
    kind: NDArray[np.int8]
    time: NDArray[np.int64]
    rating: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.item)


def draw(events: int, *, items: int, users: int, now: float, days: float = 180.0, seed: int = SEED) -> Events:
    """``events`` events that end at ``now`` (Unix seconds)."""
    rng = np.random.default_rng(seed)
    lengths = rng.geometric(1 / _VISIT, max(1, int(events / _VISIT * 1.1) + 100))
    while lengths.sum() < events:
        lengths = np.concatenate([lengths, rng.geometric(1 / _VISIT, len(lengths))])
    visits = int(np.searchsorted(np.cumsum(lengths), events)) + 1
    lengths = lengths[:visits]
    visit = np.repeat(np.arange(visits), lengths)[:events]
    place = np.arange(events) - (np.cumsum(lengths) - lengths)[visit]

    often = np.exp(1.2 * rng.standard_normal(users))
    who = rng.choice(users, visits, p=often / often.sum())
    shelves = max(1, items // _SHELF)
    weights = 1 / (np.arange(shelves) + 5)
    tastes = rng.choice(shelves, (users, _TASTES), p=weights / weights.sum())
    shelf = tastes[who, rng.integers(0, 1 + who % _TASTES)]
    popularity = 1 / (np.arange(-(-items // shelves)) + 5)
    rank = rng.choice(len(popularity), events, p=popularity / popularity.sum())
    # Shelves interleave, so that each has its share of the first ids.
    item = (rank * shelves + shelf[visit]) % items
    companion = (item * 7_919 + 13) % items
    follows = (place > 0) & (rng.random(events) < _COMPANION)
    item = np.where(follows, np.roll(companion, 1), item)

    names = list(_SHARES)
    codes = np.array([EVENT_TYPES.index(name) for name in names], np.int8)
    kind = codes[rng.choice(len(names), events, p=np.array(list(_SHARES.values())))]
    # Density rises from 1 to 2 over the days: the inverse of its distribution.
    part = np.sqrt(1 + 3 * rng.random(visits)) - 1
    start = now - days * _DAY * (1 - part)
    gaps = rng.exponential(_GAP_SECONDS, events)
    gaps[place == 0] = 0
    since = np.cumsum(gaps)
    since -= since[np.flatnonzero(place == 0)][visit]
    time = np.minimum(start[visit] + since, now)

    login = rng.random(visits)
    from_place = np.where(login < _LOGGED_IN, 0, lengths // 2)
    named = (login[visit] < _LOGGED_IN + _LOGS_IN) & (place >= from_place[visit])
    stars = rng.integers(1, 6, events).astype(np.float32)
    order = np.argsort(time, kind="stable")
    return Events(
        item=item[order].astype(np.int32),
        user=np.where(named, who[visit], -1)[order].astype(np.int32),
        session=visit[order].astype(np.int32),
        kind=kind[order],
        time=(time[order] * 1e6).astype(np.int64),
        rating=np.where(kind == EVENT_TYPES.index("rating"), stars, np.nan)[order].astype(np.float32),
    )


def item_ids(items: int) -> list[str]:
    """``item-000000`` and so on: the ids of a synthetic catalogue."""
    return [f"item-{number:06d}" for number in range(items)]


def pseudonym(kind: str, number: int) -> str:
    """What stands for a user or session in a log: as long as a real one."""
    return f"{'ab'[kind == 'session']}{number:031x}"


def table(
    events: Events, ids: Sequence[str], named: Callable[[str, int], str] = pseudonym, *, first: int = 0
) -> pa.Table:
    """As rows of the log, event ids counting from ``first``; every event arrived when it happened."""
    moments = pa.array(events.time, pa.timestamp("us", "UTC"))
    known = events.user >= 0
    users, user = np.unique(events.user[known], return_inverse=True)
    at = np.full(len(events), -1)
    at[known] = user
    sessions, session = np.unique(events.session, return_inverse=True)
    held = {
        "event_id": pa.array([f"event-{number:010d}" for number in range(first, first + len(events))]),
        "type": pa.array(EVENT_TYPES).take(pa.array(events.kind)),
        "user": pa.array([named("user", n) for n in users.tolist()], pa.string()).take(
            pa.array(at, mask=~known)
        ),
        "session": pa.array([named("session", n) for n in sessions.tolist()], pa.string()).take(
            pa.array(session)
        ),
        "product_id": pa.array(list(ids), pa.string()).take(pa.array(events.item)),
        "occurred_at": moments,
        "received_at": moments,
        "rating": pa.array(events.rating, mask=np.isnan(events.rating)),
    }
    columns = [held.get(column.name, pa.nulls(len(events), column.type)) for column in SCHEMA]
    return pa.table(columns, schema=SCHEMA)


def requests(events: Events, ids: Sequence[str], *, first: int = 0) -> Iterator[dict[str, Any]]:
    """As ``POST /v1/interactions`` takes them, event ids counting from ``first``."""
    for number, (item, user, session, kind, time, rating) in enumerate(
        zip(
            events.item.tolist(),
            events.user.tolist(),
            events.session.tolist(),
            events.kind.tolist(),
            events.time.tolist(),
            events.rating.tolist(),
            strict=True,
        ),
        start=first,
    ):
        found: dict[str, Any] = {
            "event_id": f"event-{number:010d}",
            "type": EVENT_TYPES[kind],
            "session_id": f"session-{session}",
            "product_id": ids[item],
            "time": datetime.fromtimestamp(time / 1e6, UTC).isoformat(),
        }
        if user >= 0:
            found["user_id"] = f"user-{user}"
        if rating == rating:
            found["rating"] = rating
        yield found


def main() -> None:
    """Write events as JSON Lines, as an upload has them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--items", type=int, default=42_662)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--days", type=float, default=180.0)
    options = parser.parse_args()
    made = draw(
        options.events,
        items=options.items,
        users=options.users,
        now=datetime.now(UTC).timestamp(),
        days=options.days,
    )
    with options.out.open("w") as file:
        for request in requests(made, item_ids(options.items)):
            file.write(json.dumps(request) + "\n")


if __name__ == "__main__":
    main()
