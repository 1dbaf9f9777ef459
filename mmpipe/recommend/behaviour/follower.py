"""Behaviour that follows the lake."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from mmpipe.errors import MmpipeError
from mmpipe.recommend.behaviour.behaviour import Behaviour
from mmpipe.recommend.behaviour.reading import COLUMNS

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.lake.interactions import InteractionLog, Position

log = logging.getLogger(__name__)

# After a fault the next look waits twice as long as before, up to this.
_LONGEST_WAIT = 30.0
# Tables of a log are taken in so many rows at a time, so that no more of them are held twice.
_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class FollowStatus:
    """How far a collection is followed: events known, bytes they take, seconds since the last whole look
    (None before the first), and what went wrong since."""

    events: int
    nbytes: int
    age_seconds: float | None
    error: str | None


@dataclass(slots=True)
class _Followed:
    log: InteractionLog
    behaviour: Behaviour
    read: threading.Event = field(default_factory=threading.Event)
    position: Position | None = None
    read_at: float | None = None
    error: str | None = None
    faults: int = 0
    due: float = 0.0


class BehaviourFollower:
    """Behaviour of the collections that were asked for, each brought up to date every
    ``settings.interactions.poll_seconds`` by one thread. Safe to share between threads.

    A fault of storage delays a collection and is told by :meth:`status`; what is known stays, and answers.
    """

    def __init__(
        self,
        lake: Lake,
        *,
        erased: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``erased`` is told, on the thread, of a collection in which somebody was erased."""
        self._lake, self._clock, self._erased = lake, clock, erased
        self._settings = lake.settings.interactions
        self._followed: dict[str, _Followed] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ends = False
        self._thread: threading.Thread | None = None

    def get(self, collection: str) -> Behaviour:
        """The behaviour of a collection, followed from now on. Never waits: what the log holds comes in the
        background. Raises ``UnknownCollection`` for what cannot name one; ask only for those that exist."""
        followed = self._followed.get(collection)
        if followed is None:
            log_of = self._lake.collection(collection, create=True).interactions
            with self._lock:
                followed = self._followed.get(collection)
                if followed is None:
                    behaviour = Behaviour(keep_days=self._settings.keep_days, clock=self._clock)
                    followed = self._followed[collection] = _Followed(log_of, behaviour)
            self._wake.set()
        return followed.behaviour

    def start(self) -> None:
        """Begin to follow. Once."""
        with self._lock:
            if self._thread is None and not self._ends:
                self._thread = threading.Thread(target=self._run, name="mmpipe-behaviours", daemon=True)
                self._thread.start()

    def close(self, seconds: float = 5.0) -> None:
        """Follow no longer; waits at most so long for a look that is under way. What is known still
        answers."""
        with self._lock:
            self._ends, thread = True, self._thread
        self._wake.set()
        if thread is not None:
            thread.join(seconds)

    def wait_until_read(self, collection: str, seconds: float) -> bool:
        """Wait until all that a collection's log held when it was first asked for is known; False where that
        takes longer."""
        self.get(collection)
        return self._followed[collection].read.wait(seconds)

    def status(self) -> dict[str, FollowStatus]:
        """By collection."""
        now = time.monotonic()
        return {
            name: FollowStatus(
                events=each.behaviour.event_count,
                nbytes=each.behaviour.nbytes,
                age_seconds=None if each.read_at is None else now - each.read_at,
                error=each.error,
            )
            for name, each in list(self._followed.items())
        }

    def _run(self) -> None:
        while not self._ends:
            self._wake.clear()
            for name, followed in list(self._followed.items()):
                if not self._ends and followed.due <= time.monotonic():
                    self._look(name, followed)
            dues = [each.due for each in list(self._followed.values())]
            self._wake.wait(max(0.0, min(dues) - time.monotonic()) if dues else None)

    def _look(self, name: str, followed: _Followed) -> None:
        poll = self._settings.poll_seconds
        try:
            self._read(name, followed)
        except Exception as error:
            followed.faults += 1
            followed.error = str(error) if isinstance(error, MmpipeError) else type(error).__name__
            log.log(
                logging.WARNING if followed.faults == 1 else logging.DEBUG,
                "behaviour of %s is not up to date: %s",
                name,
                followed.error,
                exc_info=not isinstance(error, MmpipeError),
            )
            wait = min(poll * 2.0 ** min(followed.faults, 20), max(poll, _LONGEST_WAIT))
        else:
            followed.faults, wait = 0, poll
            self._tell_damaged(name, followed)
            followed.read_at = time.monotonic()
            followed.read.set()
        followed.due = time.monotonic() + wait

    def _tell_damaged(self, name: str, followed: _Followed) -> None:
        """What is wrong with segments that were passed over."""
        damaged = () if followed.position is None else sorted(followed.position.damaged.values())
        error = "; ".join(damaged) or None
        if error is not None and error != followed.error:
            log.warning("behaviour of %s lacks events: %s", name, error)
        followed.error = error

    def _read(self, name: str, followed: _Followed) -> None:
        behaviour = followed.behaviour
        tables, position = followed.log.tail(followed.position, COLUMNS)
        # Those who are to be forgotten may be back already, with what the tables hold of them.
        if position.erased:
            behaviour.forget(position.erased)
            self._erased(name)
        tables.reverse()
        while tables:
            some, rows = [], 0
            while tables and rows < max(_AT_ONCE, behaviour.event_count):
                some.append(tables.pop())
                rows += len(some[-1])
            behaviour.add(pa.concat_tables(some))
        followed.position = position
        behaviour.tidy()
