"""The behaviour of one collection, in memory."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from mmpipe.recommend.behaviour.answers import Counts, Done, History, Shopper
from mmpipe.recommend.behaviour.events import TYPE_CODES, UNIT, kind_types
from mmpipe.recommend.behaviour.gone import Gone
from mmpipe.recommend.behaviour.kernels import ask
from mmpipe.recommend.behaviour.kernels.hashing import find
from mmpipe.recommend.behaviour.kernels.layout import ACTED, BOUGHT, CODE, JUDGED, SHIFT, VIEWED, Batch
from mmpipe.recommend.behaviour.reading import Items, read
from mmpipe.recommend.behaviour.state import State, appended, arranged, both, living, some, with_trends
from mmpipe.search.columns.scratch import Scratch

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

Codes = NDArray[np.int32]
Weights = NDArray[np.float64]

HISTORY = 500
"""A history has the latest so many events."""
JUDGEMENTS = 2_000
"""Of a shopper's likes and dislikes the latest so many are looked at."""
SHOPPERS = 1_000
"""As many shoppers in common are looked at where no other number is asked for: a share of them is known to
some hundredths."""
EACH = 100
"""Of a shopper in common, the latest so many events count."""
WALK = 50_000
"""Shoppers in common are looked for among the latest so many events of an item."""
HALF_LIVES = (86_400.0, 7 * 86_400.0)
"""Seconds; trends that are kept up to date from the start. Others are from when they are first asked for."""
_TRENDS = 6
_SHORTEST = 60.0
# A batch of more rows is put into the base at once.
_BULK = 16_384
# The base is made anew when so many rows, or this part of it, came since; as many more have room meanwhile.
_RECENT, _PART = 8_192, 32
_GROUPS = {"bought": BOUGHT, "viewed": VIEWED}
_MICRO = 1e-6
_DISLIKE = TYPE_CODES["dislike"]
# An entry per item of the whole collection, of which a question touches a few; "counts" is left as zeros.
_scratch = Scratch()


class Behaviour:
    """Who did what with which item. Safe to share between threads.

    What is answered depends on the set of events alone, not on the order in which they were added, or how
    often: of copies with one ``event_id`` the one received first counts, events go by ``(time, event)``, and
    an event without a user belongs to the user who identifies in its session first at its time or later, else
    last before. A session of more than 1,000 events is joined to nobody. Events, users and sessions are told
    apart by 64-bit digests.

    Questions are answered from memory without waiting for whoever adds, each from one state; counts of all
    shoppers (``totals``, ``popular``, ``trending``, ``exposures``) may be a batch ahead of it. None takes
    longer the more events a shopper or an item has than a pass over their kinds. Item codes stay valid for as
    long as this lives.

    Where many events came since the base was made, it is made anew on a thread of its own.
    """

    def __init__(self, *, keep_days: float | None = None, clock: Callable[[], float] = time.time) -> None:
        """``keep_days``: events that occurred before are dropped, at the latest a day later; ``clock`` gives
        Unix seconds."""
        self._keep, self._clock = keep_days, clock
        self._items = Items()
        self._half_lives: tuple[float, ...] = HALF_LIVES
        self._state = arranged(_nothing(), 0, HALF_LIVES, clock())
        self._types = kind_types()
        self._lock = threading.Lock()  # of writing: held for a batch
        self._making = threading.Lock()  # of making a base: held for as long as that takes
        self._since: list[Batch] | None = None  # what is added while a base is made
        self._due = False
        self._made_at = clock()
        self._revision = 0

    @property
    def event_count(self) -> int:
        """How many events are known, each counted once."""
        return int(self._state.tally.sums[2])

    @property
    def revision(self) -> int:
        """Another number whenever something was added or forgotten."""
        return self._revision

    @property
    def items(self) -> int:
        """Codes below this are valid."""
        return self._state.items

    @property
    def nbytes(self) -> int:
        """Bytes it takes in memory."""
        return self._state.nbytes + self._items.nbytes

    def code(self, product_id: str) -> int | None:
        """The code of a product that any event names."""
        code = self._items.code(product_id)
        return code if code is not None and code < self._state.items else None

    def product_ids(self, codes: Codes) -> list[str]:
        """The products of some codes."""
        names = self._items.names
        return [names[code] for code in codes.tolist()]

    def history(self, shopper: Shopper, limit: int = HISTORY) -> History:
        """What a shopper did with items, the latest ``limit`` events, oldest first; none of one who is not
        known. What was merely shown is no part of it.

        Of a user: the user's events, those of joined sessions among them, and with a session also what
        happened in it before anybody identified there. Of a session alone: its events, whoever they belong
        to.
        """
        state = self._state
        rows = self._latest(state, shopper, ACTED, limit)
        kinds = state.rows.kind[rows] & CODE
        return History(
            items=state.rows.item[rows],
            types=self._types[kinds],
            times=state.rows.time[rows].astype(np.float64) * _MICRO,
            weights=(state.meaning.weight[kinds] / UNIT).astype(np.float32),
        )

    def done(self, shopper: Shopper) -> Done:
        """Every item the shopper ever did anything with, and which of them were bought or are disliked; whose
        events count is as in :meth:`history`. Of likes and dislikes the latest :data:`JUDGEMENTS` are looked
        at."""
        state = self._state
        user, session = self._actors(state, shopper)
        items, groups = ask.done(
            state.rows, state.index, state.meaning.groups, state.n, state.seq, user, session
        )
        disliked = np.zeros(0, np.int32)
        if (groups & JUDGED).any():
            rows = self._latest(state, shopper, JUDGED, JUDGEMENTS)
            kinds = (state.rows.kind[rows] & CODE).tolist()
            last = dict(zip(state.rows.item[rows].tolist(), kinds, strict=True))
            disliked = np.array(sorted(item for item, kind in last.items() if kind == _DISLIKE), np.int32)
        return Done(items[(groups & ACTED) != 0], items[(groups & BOUGHT) != 0], disliked)

    def together(
        self, code: int, *, kind: Literal["bought", "viewed"], limit: int = SHOPPERS, least: int = 1
    ) -> Counts:
        """What at least ``least`` of the latest ``limit`` shoppers of an item also bought, or viewed, by
        their latest :data:`EACH` events of that kind. The item itself is not among them."""
        state, want = self._state, _GROUPS[kind]
        all_shoppers = int(state.tally.sums[want - 1])
        if not 0 <= code < state.items or limit < 1:
            none = np.empty(0, np.int32)
            return Counts(none, none, none, 0, 0, all_shoppers)
        owners = _scratch.of("owners", limit, np.int32)
        counts = _scratch.of("counts", state.items, np.int64)
        codes, both = (_scratch.of(name, state.items, np.int32) for name in ("codes", "both"))
        sampled, found = ask.together(
            state.rows,
            state.index,
            state.meaning.groups,
            state.n,
            state.seq,
            code,
            want,
            WALK,
            EACH,
            least,
            owners,
            counts,
            codes,
            both,
        )
        codes, shoppers = codes[:found].copy(), state.tally.shoppers[want - 1]
        return Counts(
            codes=codes,
            both=both[:found].copy(),
            totals=shoppers[codes],
            of_item=int(shoppers[code]),
            sampled=sampled,
            shoppers=all_shoppers,
        )

    def trending(self, now: float, half_life_seconds: float) -> tuple[Codes, Weights]:
        """Items of positive weight at ``now`` (Unix seconds), and these weights: the sum of their events'
        weights, each halved per half-life since it happened, or since it arrived where its clock was ahead.

        Codes ascend. Any ``now`` gives finite weights; one before the events makes them grow. An event of 40
        half-lives ago counts nothing; a half-life of less than a minute is taken for one. The first call of a
        half-life costs a pass over all events; six are kept. Raises ``ValueError`` for a half-life that is
        not positive, or what is not a number.
        """
        if not (math.isfinite(half_life_seconds) and half_life_seconds > 0 and math.isfinite(now)):
            raise ValueError("a trend has a moment and a positive half-life")
        half_life = max(_SHORTEST, float(half_life_seconds))
        state = self._state
        if half_life not in state.meaning.half_life:
            state = self._with_trend(half_life)
        number = int(np.flatnonzero(state.meaning.half_life == half_life)[0])
        weights = state.tally.trend[number, : state.items]
        codes = np.flatnonzero(weights > 0).astype(np.int32)
        lives = (float(state.meaning.reference[number]) - now) / half_life - SHIFT
        return codes, weights[codes] * (2.0 ** min(max(lives, -900.0), 900.0) / UNIT)

    def popular(self) -> tuple[Codes, Weights]:
        """Items of positive weight, ascending, and the sum of their events' weights, whenever those were."""
        state = self._state
        weights = state.tally.weight[: state.items]
        codes = np.flatnonzero(weights > 0).astype(np.int32)
        return codes, weights[codes] / UNIT

    def exposures(self, codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How often each item was shown, and how often it was clicked: ``search-click``, or a ``view`` that
        names the list or query it came from. 0 of a code that is not known."""
        state = self._state
        good = (codes >= 0) & (codes < state.items)
        at = np.where(good, codes, 0)
        if not state.items:
            return np.zeros(len(codes), np.int64), np.zeros(len(codes), np.int64)
        return np.where(good, state.tally.shown[at], 0), np.where(good, state.tally.clicked[at], 0)

    def first_seen(self, codes: Codes) -> Weights:
        """When the first event of each item happened, Unix seconds; NaN where there is none."""
        return self._spans(codes)[0]

    def last_seen(self, codes: Codes) -> Weights:
        """When the last event of each item happened, Unix seconds; NaN where there is none."""
        return self._spans(codes)[1]

    def add(self, table: pa.Table) -> None:
        """Take in rows of the log (the columns in :data:`~.reading.COLUMNS`, others are not looked at); they
        count when this returns. Known ones are passed over."""
        with self._lock:
            batch = read(table, self._items)
            if len(batch.event) <= _BULK:
                self._append(batch)
                return
        self._make(batch)

    def forget(self, erased: Mapping[str, datetime]) -> None:
        """Leave nothing of some users, and nothing anonymous of some sessions (pseudonyms), of what arrived
        up to a moment; when this returns no answer holds any of it, nor does memory."""
        gone = Gone.of(erased)
        with self._making, self._lock:
            keys = self._state.keys
            known = any(find(keys.actors, keys.actor, key) >= 0 for key in gone.keys)
        if known:
            self._make(None, gone)

    def compact(self) -> None:
        """Make the base anew of what is known, without what is too old."""
        self._make(None)

    def tidy(self) -> None:
        """:meth:`compact`, if that is a day ago."""
        if self._state.n and self._clock() - self._made_at > 86_400.0:
            self._make(None)

    def _latest(self, state: State, shopper: Shopper, want: int, limit: int) -> Codes:
        """The latest rows of a shopper that count as ``want``, oldest first."""
        user, session = self._actors(state, shopper)
        out = np.empty(max(limit, 0), np.int32)
        if limit <= 0:
            return out
        size = ask.latest(
            state.rows, state.index, state.meaning.groups, state.n, state.seq, user, session, want, out
        )
        return out[:size][::-1]

    def _actors(self, state: State, shopper: Shopper) -> tuple[int, int]:
        keys = state.keys
        user, session = (
            -1 if key is None else int(find(keys.actors, keys.actor, key)) for key in shopper.keys
        )
        if shopper.user is not None and user < 0 and session >= 0:
            # Nobody of that name acted yet: what nobody owns of the session is all there is.
            user, session = session, -1
        return user, session

    def _spans(self, codes: Codes) -> tuple[Weights, Weights]:
        state = self._state
        first, last = (np.full(len(codes), np.iinfo(np.int64).min) for _ in range(2))
        good = np.flatnonzero((codes >= 0) & (codes < state.items))
        items = np.ascontiguousarray(codes[good], np.int32)
        low, high = first[good], last[good]
        ask.spans(state.rows, state.index, state.n, state.seq, items, low, high)
        first[good], last[good] = low, high
        none = np.iinfo(np.int64).min
        return (
            np.where(first == none, np.nan, first * _MICRO),
            np.where(last == none, np.nan, last * _MICRO),
        )

    def _with_trend(self, half_life: float) -> State:
        with self._lock:
            if half_life not in self._half_lives:
                kept = self._half_lives[: len(HALF_LIVES)]
                others = (*self._half_lives[len(HALF_LIVES) :], half_life)
                self._half_lives = (*kept, *others[len(HALF_LIVES) - _TRENDS :])
            if half_life not in self._state.meaning.half_life:
                self._state = with_trends(self._state, self._half_lives, self._clock())
            return self._state

    def _append(self, batch: Batch) -> None:
        self._state = appended(self._state, batch, len(self._items), self._clock())
        if self._since is not None:
            self._since.append(batch)
        self._revision += 1
        state = self._state
        if not self._due and state.recent > max(_RECENT, state.base // _PART):
            self._due = True
            threading.Thread(target=self._make_due, name="mmpipe-behaviour", daemon=True).start()

    def _make_due(self) -> None:
        try:
            self._make(None)
        except MemoryError:
            # What is held is whole; the next batch tries again.
            log.warning("no memory to arrange %d events anew", self._state.n)
        finally:
            self._due = False

    def _make(self, more: Batch | None, gone: Gone | None = None) -> None:
        """A base of all that is known and ``more``, without who is ``gone``; what is added
        meanwhile is appended to it."""
        with self._making:
            with self._lock:
                state, items, half_lives = self._state, len(self._items), self._half_lives
                self._since = []
            try:
                batch = living(state)
                if more is not None:
                    batch = both(batch, more)
                now = self._clock()
                batch = self._kept(batch, gone, now)
                room = 2 * max(_RECENT, len(batch.event) // _PART) if len(batch.event) else 0
                made = arranged(batch, items, half_lives, now, room=room)
            except BaseException:
                with self._lock:
                    self._since = None
                raise
            with self._lock:
                for batch in self._since or ():
                    made = appended(made, batch, len(self._items), now)
                self._since = None
                if tuple(made.meaning.half_life) != self._half_lives:
                    made = with_trends(made, self._half_lives, now)
                self._state, self._made_at = made, now
                self._revision += 1

    def _kept(self, batch: Batch, gone: Gone | None, now: float) -> Batch:
        keep = np.ones(len(batch.event), np.bool_)
        if self._keep is not None:
            keep &= batch.time >= int((now - self._keep * 86_400.0) * 1e6)
        if gone is not None:
            keep &= ~gone.holds(batch)
        return batch if keep.all() else some(batch, keep)


def _nothing() -> Batch:
    return Batch(
        event=np.empty(0, np.uint64),
        time=np.empty(0, np.int64),
        received=np.empty(0, np.int64),
        item=np.empty(0, np.int32),
        user=np.empty(0, np.uint64),
        session=np.empty(0, np.uint64),
        kind=np.empty(0, np.uint8),
    )
