"""One state of a collection's behaviour, and how the next one is made of it: appended to, or anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.events import kind_groups, kind_weights
from mmpipe.recommend.behaviour.kernels.append import append, most_moved, touched
from mmpipe.recommend.behaviour.kernels.arrange import (
    first_copies,
    grouped,
    identify,
    owned,
    places,
    untie,
)
from mmpipe.recommend.behaviour.kernels.hashing import enrol, fill, fill_alive
from mmpipe.recommend.behaviour.kernels.layout import (
    ALIVE,
    CLICKED,
    CODE,
    IDENTIFIED,
    LATEST,
    Batch,
    Index,
    Keys,
    Meaning,
    Rows,
    Tally,
)
from mmpipe.recommend.behaviour.kernels.tally import count_base, trend_of

_LEAST_ROWS, _LEAST_CODES = 1_024, 256
# A table of keys has so many places for each key it may hold: some 70 % are taken when it is full.
_PLACES = 1.4
# Half-lives after a trend's reference at which it gets a new one, so that numbers stay small.
_RENEW = LATEST - 2.0
_DAY = 86_400.0

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class State:
    """What readers hold. ``n`` rows; ``seq`` tells which of them are alive (see ``kernels.layout``)."""

    rows: Rows
    index: Index
    tally: Tally
    keys: Keys
    meaning: Meaning
    n: int
    seq: int
    actors: int
    items: int

    @property
    def base(self) -> int:
        """Rows of the base."""
        return int(self.index.start[-1])

    @property
    def recent(self) -> int:
        """Rows that came since the base was made."""
        return self.n - self.base

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays, with the room they have left."""
        parts = (self.rows, self.index, self.tally, self.keys, self.meaning)
        return sum(array.nbytes for part in parts for array in part)


def arranged(batch: Batch, items: int, half_lives: Sequence[float], now: float, *, room: int = 0) -> State:
    """A state of these events alone, with room for so many more rows; its trends refer to ``now``."""
    keep = np.empty(len(batch.event), np.bool_)
    first_copies(batch.event, batch.received, _places(len(keep)), keep)
    if not keep.all():
        batch = some(batch, keep)
    n = len(batch.event)
    actor, user, session = _actors(batch)
    actors = len(actor)
    kind = batch.kind.copy()
    identify(user, kind)
    order = np.argsort(batch.time).astype(np.int32)
    untie(batch.time, batch.event, order)
    session_start, by_session = _grouped(order, session, actors)
    owner = np.empty(n, np.int32)
    owned(batch.time, kind, user, session_start, by_session, owner)
    start, by_owner = _grouped(order, owner, actors)
    item_start, by_item = _grouped(order, batch.item, items)
    place = np.empty(n, np.int32)
    places(by_owner, place)
    size, codes, goods = n + room, _more(actors), _more(items)
    columns = (batch.event, batch.time, batch.received, batch.item, session, owner, kind)
    laid = (_longer(np.take(column, by_owner), size) for column in columns)
    rows = Rows._make((*laid, np.full(size, ALIVE, np.int32)))
    index = Index(
        start,
        item_start,
        np.take(place, by_item),
        session_start,
        np.take(place, by_session),
        *(np.full(length, -1, np.int32) for length in (codes, goods, codes, room, room, room)),
    )
    tally = Tally(
        shoppers=np.zeros((2, goods), np.int32),
        acts=np.zeros((2, codes), np.int32),
        weight=np.zeros(goods, np.int64),
        trend=np.zeros((0, goods), np.int64),
        shown=np.zeros(goods, np.int64),
        clicked=np.zeros(goods, np.int64),
        held=np.zeros(codes, np.int32),
        sums=np.zeros(3, np.int64),
    )
    meaning = Meaning(kind_weights(), kind_groups(), np.empty(0), np.empty(0))
    count_base(rows, index, tally, meaning, np.zeros(actors, np.int32))
    keys = Keys(_places(size), _places(codes), _longer(actor, codes, 0))
    fill(keys.rows, rows.event, n)
    fill(keys.actors, keys.actor, actors)
    made = State(rows, index, tally, keys, meaning, n, 0, actors, items)
    return with_trends(made, half_lives, now)


def appended(state: State, batch: Batch, items: int, now: float) -> State:
    """The state with a batch behind it. One writer at a time; ``state`` stays readable as it was."""
    if not len(batch.event):
        return state
    state = _with_codes(state, state.actors + 2 * len(batch.event), items)
    users, sessions = np.empty(len(batch.event), np.int32), np.empty(len(batch.event), np.int32)
    keys = state.keys
    actors = enrol(keys.actors, keys.actor, state.actors, batch.user, users)
    actors = enrol(keys.actors, keys.actor, actors, batch.session, sessions)
    changed = touched(state.rows, keys, batch, sessions)
    arriving = len(batch.event)
    state = _with_rows(state, state.n + arriving + most_moved(state.tally, changed, arriving))
    newest = float(np.minimum(batch.time, batch.received).max()) / 1e6
    meaning = state.meaning
    if newest < now + _DAY and (newest - meaning.reference > _RENEW * meaning.half_life).any():
        state = with_trends(state, meaning.half_life.tolist(), max(now, newest))
    n = append(
        state.rows,
        state.index,
        state.tally,
        state.keys,
        state.meaning,
        batch,
        users,
        sessions,
        changed,
        state.n,
        state.seq + 1,
    )
    return replace(state, n=n, seq=state.seq + 1, actors=actors, items=items)


def with_trends(state: State, half_lives: Sequence[float], now: float) -> State:
    """The state with trends of these half-lives, in seconds; a pass over all rows for each."""
    halves = np.array(half_lives, np.float64)
    meaning = state.meaning._replace(half_life=halves, reference=np.full(len(halves), now))
    trend = np.zeros((len(halves), len(state.tally.weight)), np.int64)
    for number in range(len(halves)):
        trend_of(state.rows, meaning, state.n, number, trend[number])
    return replace(state, meaning=meaning, tally=state.tally._replace(trend=trend))


def living(state: State) -> Batch:
    """The events of a state, in no order."""
    alive = np.flatnonzero(state.rows.died[: state.n] > state.seq)
    rows = Rows._make(np.take(column, alive) for column in state.rows)
    actor = np.append(state.keys.actor[: state.actors], np.uint64(0))
    user = np.where(rows.kind & np.uint8(IDENTIFIED), rows.owner, -1)
    return Batch(
        event=rows.event,
        time=rows.time,
        received=rows.received,
        item=rows.item,
        user=actor[user],
        session=actor[rows.session],
        kind=rows.kind & np.uint8(CODE | CLICKED),
    )


def both(first: Batch, second: Batch) -> Batch:
    """The events of both."""
    pairs: Iterable[tuple[Any, Any]] = zip(first, second, strict=True)
    return Batch._make(np.concatenate(pair) for pair in pairs)


def some(batch: Batch, keep: NDArray[np.bool_]) -> Batch:
    """The marked events."""
    return Batch._make(column[keep] for column in batch)


def _actors(batch: Batch) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
    n = len(batch.event)
    most = int(np.count_nonzero(batch.user)) + int(np.count_nonzero(batch.session))
    actor, slots = np.zeros(most, np.uint64), _places(most)
    user, session = np.empty(n, np.int32), np.empty(n, np.int32)
    count = enrol(slots, actor, 0, batch.user, user)
    count = enrol(slots, actor, count, batch.session, session)
    return actor[:count].copy(), user, session


def _grouped(
    order: NDArray[np.int32], group: NDArray[np.int32], groups: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    start = np.zeros(groups + 1, np.int32)
    out = np.empty(int(np.count_nonzero(group >= 0)), np.int32)
    grouped(order, group, start, out)
    return start, out


def _with_rows(state: State, size: int) -> State:
    if size <= len(state.rows.event):
        return state
    size = max(_LEAST_ROWS, size + (size - state.base))
    rows = Rows._make(_longer(column, size) for column in state.rows)
    recent = size - state.base
    # Heads too: those of the former state must never lead to rows that it has no room for.
    index = state.index._replace(
        head_owner=state.index.head_owner.copy(),
        head_item=state.index.head_item.copy(),
        head_session=state.index.head_session.copy(),
        before_owner=_longer(state.index.before_owner, recent, -1),
        before_item=_longer(state.index.before_item, recent, -1),
        before_session=_longer(state.index.before_session, recent, -1),
    )
    slots = _places(size)
    fill_alive(slots, rows.event, rows.died, state.n)
    return replace(state, rows=rows, index=index, keys=state.keys._replace(rows=slots))


def _with_codes(state: State, actors: int, items: int) -> State:
    index, tally, keys = state.index, state.tally, state.keys
    if actors > len(keys.actor):
        size = _more(actors)
        keys = keys._replace(actors=_places(size), actor=_longer(keys.actor, size, 0))
        fill(keys.actors, keys.actor, state.actors)
        index = index._replace(
            head_owner=_longer(index.head_owner, size, -1), head_session=_longer(index.head_session, size, -1)
        )
        tally = tally._replace(acts=_wider(tally.acts, size), held=_longer(tally.held, size, 0))
    if items > len(tally.weight):
        size = _more(items)
        index = index._replace(head_item=_longer(index.head_item, size, -1))
        tally = tally._replace(
            shoppers=_wider(tally.shoppers, size),
            trend=_wider(tally.trend, size),
            weight=_longer(tally.weight, size, 0),
            shown=_longer(tally.shown, size, 0),
            clicked=_longer(tally.clicked, size, 0),
        )
    return replace(state, index=index, tally=tally, keys=keys)


def _more(count: int) -> int:
    return max(_LEAST_CODES, count + count // 4)


def _places(keys: int) -> NDArray[np.int32]:
    return np.full(max(8, int(keys * _PLACES)), -1, np.int32)


def _longer(array: NDArray[T], size: int, fill_with: int | None = None) -> NDArray[T]:
    made = np.empty(size, array.dtype)
    made[: len(array)] = array
    if fill_with is not None:
        made[len(array) :] = fill_with
    return made


def _wider(array: NDArray[T], size: int) -> NDArray[T]:
    made = np.zeros((array.shape[0], size), array.dtype)
    made[:, : array.shape[1]] = array
    return made
