"""Suggestions of a replica: prepared on a thread of their own, answered from memory.

The thread looks at the live versions, which touches memory only, and at the logs of interactions, one listing
every ``suggest.poll_seconds`` for each collection. What answers is replaced once the next is ready, so an
answer may be of the version before for moments.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic_core import to_json

from mmpipe.errors import InvalidRequest, MmpipeError, NotReady
from mmpipe.search.suggest import COLUMNS, Asked, Suggester, make

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.lake.interactions import InteractionLog, Position
    from mmpipe.schemas.suggest import SuggestParams
    from mmpipe.search import Version
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.settings import Settings

log = logging.getLogger(__name__)

# How often the thread looks whether another version is live.
_LOOK_SECONDS = 0.25
# Who asks first waits so long for what is being prepared, and so long for what others asked.
WAIT_SECONDS, WAIT_FOR_ASKED_SECONDS = 10.0, 2.0
# What was asked is weighed anew after so many times as long as that took, and at least this many seconds.
_REST = 20.0
_AGAIN_SECONDS = 600.0
_LONGEST_WAIT = 60.0
_NOT_WHOLE = (
    "nothing is suggested while collections are split (serve.shards above 1), for no process sees all of one:"
    " set MMPIPE_SERVE__SHARDS to 1, or ask GET /v1/search"
)


@dataclass(slots=True)
class _Prepared:
    """Of one collection; the thread's but for ``suggester`` and ``ready``."""

    log: InteractionLog
    asked: Asked = field(default_factory=Asked)
    ready: threading.Event = field(default_factory=threading.Event)
    suggester: Suggester | None = None
    position: Position | None = None
    read_due: float = 0.0
    faults: int = 0
    weighed: tuple[int, str] | None = None
    weighed_at: float = 0.0
    weigh_due: float = 0.0
    due: float = 0.0


class Suggestions:
    """Of one replica; ``version_of`` gives a collection's live version where this process holds it. Calls may
    come from one event loop."""

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        version_of: Callable[[str], Version | None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings.suggest
        self._keep_days = settings.interactions.keep_days
        self._lake, self._version_of, self._clock = lake, version_of, clock
        self._prepared: dict[str, _Prepared] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, collection: str) -> None:
        """Prepare a collection from now on. Never waits."""
        self._held(collection)

    async def answer(self, version: LiveVersion, params: SuggestParams) -> bytes:
        """A :class:`~mmpipe.schemas.suggest.SuggestResponse` as JSON. Raises ``InvalidRequest`` for a
        collection that is split among shards, ``NotReady`` where preparing takes longer than the first to ask
        wait for."""
        started = time.perf_counter()
        if version.whole is None:
            raise InvalidRequest("collection", _NOT_WHOLE)
        held = self._held(version.collection)
        if not held.ready.is_set():
            await _wait(held)
        suggester = held.suggester
        if suggester is None:
            raise NotReady(f"suggestions of '{version.collection}' are being prepared; try again soon")
        found = suggester.suggest(params.q, params.limit, params.lang)
        return to_json(
            {
                "collection": version.collection,
                "version": suggester.version.label,
                "suggestions": found,
                "took_ms": round(1e3 * (time.perf_counter() - started), 3),
            }
        )

    def forget(self, collection: str) -> None:
        """Look at the log at once: somebody was erased."""
        held = self._prepared.get(collection)
        if held is not None:
            held.read_due = 0.0
            self._wake.set()

    def close(self, seconds: float = 5.0) -> None:
        """Prepare no longer; waits at most so long for what is under way."""
        with self._lock:
            self._ends.set()
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(seconds)

    def _held(self, collection: str) -> _Prepared:
        held = self._prepared.get(collection)
        if held is None:
            log_of = self._lake.collection(collection, create=True).interactions
            with self._lock:
                held = self._prepared.setdefault(collection, _Prepared(log_of))
                if self._thread is None and not self._ends.is_set():
                    self._thread = threading.Thread(target=self._run, name="mmpipe-suggest", daemon=True)
                    self._thread.start()
            self._wake.set()
        return held

    def _run(self) -> None:
        while not self._ends.is_set():
            self._wake.clear()
            for name, held in list(self._prepared.items()):
                if self._ends.is_set():
                    return
                if held.due > time.monotonic():
                    continue
                try:
                    self._prepare(name, held)
                except Exception:  # one collection's fault must not end the others' suggestions
                    log.exception("suggestions of %s stay as they are", name)
                    held.due = time.monotonic() + _LONGEST_WAIT
            self._wake.wait(_LOOK_SECONDS)

    def _prepare(self, name: str, held: _Prepared) -> None:
        version = self._version_of(name)
        if version is None:
            return
        former = held.suggester
        # Of a collection that was emptied and filled again they may be called the same.
        if former is None or former.version.label != version.label or former.version.ids is not version.ids:
            held.suggester = former = make(version, former)
        if held.read_due <= time.monotonic():
            self._read(name, held)
        now = time.monotonic()
        news = held.weighed != (held.asked.revision, version.label) or now - held.weighed_at > _AGAIN_SECONDS
        if news and held.weigh_due <= now and (len(held.asked) or former.asked.names):
            popular = held.asked.popular(
                self._clock(),
                shoppers=self._settings.min_shoppers,
                half_life_days=self._settings.half_life_days,
                keep_days=self._keep_days,
            )
            held.suggester = former.with_popular(popular)
            held.weighed = held.asked.revision, version.label
            held.weighed_at = time.monotonic()
            held.weigh_due = held.weighed_at + _REST * (held.weighed_at - now)
        held.ready.set()

    def _read(self, name: str, held: _Prepared) -> None:
        wait = self._settings.poll_seconds
        try:
            tables, position = held.log.tail(held.position, COLUMNS)
            if position.erased:
                held.asked.forget(position.erased)
                # What is shown must not stay until it is weighed again.
                held.weigh_due = 0.0
            if tables:
                held.asked.add(pa.concat_tables(tables))
            held.position = position
            held.faults = 0
        except MmpipeError as error:
            held.faults += 1
            wait = min(wait * 2.0 ** min(held.faults, 10), max(wait, _LONGEST_WAIT))
            level = logging.WARNING if held.faults == 1 else logging.DEBUG
            log.log(level, "what is asked in %s is not up to date: %s", name, error)
        held.read_due = time.monotonic() + wait


async def _wait(held: _Prepared) -> None:
    """Until it is ready, or for as long as that is worth: without a thread that others may need."""
    begun = time.monotonic()
    while not held.ready.is_set():
        waited = time.monotonic() - begun
        if waited > (WAIT_SECONDS if held.suggester is None else WAIT_FOR_ASKED_SECONDS):
            return
        await asyncio.sleep(0.02)
