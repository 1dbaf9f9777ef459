"""What the interaction log says of an experiment: who was where first, and what they did in their window.

A person is a user with the sessions that they logged in with, else a session. They count for the arm of their
first exposure, whatever else they saw (intention to treat), for what they did from then on for the
experiment's window, once that window is over: so their outcome is final when it is first looked at, and the
people in order of their exposure are the fixed stream that the tests of
:mod:`~mmpipe.experiments.sequential` are made for. Only an event that arrives when its window is over changes
what was counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mmpipe.experiments.definition import Experiment
from mmpipe.experiments.exposures import TYPE, list_of, teams_of
from mmpipe.experiments.interleaving import credit

COLUMNS = ["event_id", "type", "user", "session", "product_id", "occurred_at", "query_id", "query", "list"]
_MICROSECONDS = 1_000_000


@dataclass(slots=True)
class Person:
    """One who took part. ``arm`` is the place of the arm, −1 where lists were interleaved; times in
    microseconds since 1970; ``clicked`` the products."""

    since: int
    arm: int
    impressions: int = 0
    clicks: int = 0
    clicked: list[tuple[int, str]] = field(default_factory=list)
    purchased: bool = False
    shown: list[tuple[int, dict[str, int]]] = field(default_factory=list)

    def won(self) -> tuple[int, int]:
        """Of interleaved lists: how many clicked products each ranking had put into the list that the person
        saw last before the click."""
        seen: dict[str, int] = {}
        lists = sorted(self.shown, key=lambda each: each[0])
        for when, product in self.clicked:
            before = [teams for shown, teams in lists if shown <= when and product in teams]
            if before:
                seen.setdefault(product, before[-1][product])
        return credit(seen, seen)


@dataclass
class Observed:
    """``people`` whose windows are over, in order of their first exposure; of all: by arm how many wait for
    the end of theirs, and how often (once a day each) the arm was seen; ``crossed`` saw several arms."""

    people: list[Person]
    pending: Counter[int]
    exposures: Counter[int]
    crossed: int


def observe(tables: Sequence[pa.Table], experiment: Experiment, now: datetime) -> Observed:
    """Read an experiment's people out of the log's tables (:data:`COLUMNS` of it, each event once), of
    everything since its start."""
    joined = _joined(tables)
    arms = {arm.name: place for place, arm in enumerate(experiment.arms)}
    shown = {text: -1 if arm is None else arms[arm] for text, arm in list_of(experiment).items()}
    people, exposures, crossed = _exposed(tables, experiment, shown, joined)
    window = int(experiment.window.total_seconds() * _MICROSECONDS)
    over = int(now.timestamp() * _MICROSECONDS) - window
    for event in _outcomes(tables):
        person = people.get(_person(event, joined))
        if person is not None and person.since <= event["time"] < person.since + window:
            _count(person, event)
    done = sorted((p for p in people.values() if p.since <= over), key=lambda p: p.since)
    pending = Counter(p.arm for p in people.values() if p.since > over)
    return Observed(people=done, pending=pending, exposures=exposures, crossed=crossed)


def _count(person: Person, event: Mapping[str, Any]) -> None:
    kind = event["type"]
    if kind == "purchase":
        person.purchased = True
    elif kind == TYPE:
        person.impressions += 1
    else:
        person.clicks += 1
        person.clicked.append((event["time"], event["product_id"]))


def _exposed(
    tables: Sequence[pa.Table], experiment: Experiment, shown: Mapping[str, int], joined: Mapping[str, str]
) -> tuple[dict[str, Person], Counter[int], int]:
    found: list[tuple[int, str, int, str | None]] = []
    begin = int(experiment.start.timestamp() * _MICROSECONDS)
    for table in tables:
        mine = pc.is_in(table["list"], value_set=pa.array(list(shown), pa.string()))
        # Nobody outside can write such a row: an impression that comes by HTTP or upload names a product.
        ours = pc.and_(pc.equal(table["type"], TYPE), pc.is_null(table["product_id"]))
        found.extend(
            (row["time"], _person(row, joined), shown[row["list"]], row["query"])
            for row in _rows(table.filter(pc.and_(mine, ours)))
            if row["time"] >= begin
        )
    found.sort(key=lambda each: (each[0], each[1], each[2]))
    people: dict[str, Person] = {}
    exposures: Counter[int] = Counter()
    crossed: set[str] = set()
    for when, name, arm, query in found:
        person = people.setdefault(name, Person(since=when, arm=arm))
        exposures[arm] += 1
        if arm != person.arm:
            crossed.add(name)
        if arm < 0:
            person.shown.append((when, teams_of(query, experiment)))
    return people, exposures, len(crossed)


def _joined(tables: Iterable[pa.Table]) -> dict[str, str]:
    """The user of each session in which somebody logged in: the first one, where several did."""
    first: dict[str, tuple[int, str]] = {}
    for table in tables:
        both = pc.and_(pc.is_valid(table["user"]), pc.is_valid(table["session"]))
        named = table.select(["user", "session", "occurred_at"]).filter(both)
        earliest = named.group_by(["session", "user"]).aggregate([("occurred_at", "min")])
        times = pc.cast(earliest["occurred_at_min"], pa.int64()).to_pylist()
        rows = zip(earliest["session"].to_pylist(), earliest["user"].to_pylist(), times, strict=True)
        for session, user, when in rows:
            if session not in first or (when, user) < first[session]:
                first[session] = (when, user)
    return {session: user for session, (_, user) in first.items()}


def _outcomes(tables: Iterable[pa.Table]) -> Iterator[dict[str, Any]]:
    """Impressions of products, clicks, purchases. A view counts as a click where it says from which list or
    query it came."""
    for table in tables:
        kind = table["type"]
        from_a_list = pc.or_(pc.is_valid(table["list"]), pc.is_valid(table["query_id"]))
        clicks = pc.or_(pc.equal(kind, "search-click"), pc.and_(pc.equal(kind, "view"), from_a_list))
        kept = pc.or_(clicks, pc.or_(pc.equal(kind, "purchase"), pc.equal(kind, TYPE)))
        yield from _rows(table.filter(pc.and_(kept, pc.is_valid(table["product_id"]))))


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    names = ["type", "user", "session", "product_id", "query", "list"]
    columns = [table[name].to_pylist() for name in names]
    times = pc.cast(table["occurred_at"], pa.int64()).to_pylist()
    for values in zip(times, *columns, strict=True):
        yield dict(zip(["time", *names], values, strict=True))


def _person(row: Mapping[str, Any], joined: Mapping[str, str]) -> str:
    user, session = row["user"], row["session"]
    # A session's and a user's pseudonyms are never the same.
    return str(user or joined.get(session, session))


def by_phase(experiment: Experiment, people: Iterable[Person]) -> dict[int, list[Person]]:
    """People by the place of the phase in which they were first exposed."""
    begins = [int(phase.since.timestamp() * _MICROSECONDS) for phase in experiment.phases]
    found: dict[int, list[Person]] = defaultdict(list)
    for person in people:
        place = max((i for i, since in enumerate(begins) if since <= person.since), default=0)
        found[place].append(person)
    return found
