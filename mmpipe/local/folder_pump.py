"""A lake in a folder takes uploads itself: what event source mapping, handler and batch jobs are on AWS.

Files arrive in a folder beside the lake's collections (:class:`~mmpipe.dispatch.folder_queue.FolderQueue`);
this pump hands their events to the indexer, which runs in a process of its own, and large feeds to a process
that is started for each (:mod:`mmpipe.local.large_feed`). Searches wait for neither. An event leaves the
queue once its work is done or has failed for good, so that what was accepted is indexed whoever is killed
meanwhile. What nobody took for :data:`~mmpipe.dispatch.redelivery.OUTAGE_SECONDS` from when it was uploaded,
whichever run of the service that was in, is a dead letter.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol

from mmpipe.dispatch.environment import to_environment
from mmpipe.dispatch.folder_queue import FolderQueue, Waiting, upload_folder
from mmpipe.dispatch.redelivery import LONGEST_SECONDS, OUTAGE_SECONDS
from mmpipe.errors import NotReady
from mmpipe.events import plan
from mmpipe.local.processes import Child
from mmpipe.objects import to_path, to_uri
from mmpipe.schemas.work import WorkOutcome
from mmpipe.serve.http.keys import asks_nobody_here

if TYPE_CHECKING:
    from mmpipe.dispatch import Dispatcher
    from mmpipe.schemas.work import WorkOrder
    from mmpipe.settings import Settings

logger = logging.getLogger(__name__)

_BATCH: Final = 100
_POLL_SECONDS: Final = 0.1
# What was not taken is tried again after so long, each time twice as long up to LONGEST_SECONDS.
_AGAIN_SECONDS: Final = 1.0
# A service that starts after a long night gives nothing up before it has tried for so long itself.
_FAIR_SECONDS: Final = 600.0
_LARGE_SECONDS: Final = 24 * 3600.0
_STOP_SECONDS: Final = 10.0
_LOG: Final = ".large-feeds.log"
_LOG_BYTES: Final = 1_000_000
_SECTIONS: Final = ("storage", "media", "feeds", "indexing", "lake")

_VARIABLES: Final = tuple(f"MMPIPE_{section.upper()}__" for section in _SECTIONS)


@dataclass(frozen=True, slots=True)
class _Again:
    """What is tried again; times by the monotonic clock."""

    since: float
    """When this run of the service was not rid of it for the first time."""
    moment: float
    """From when on it is tried."""
    wait: float
    """Seconds from then on where it is not taken either."""


class Large(Protocol):
    """Who indexes large feeds."""

    def execute(self, order: WorkOrder) -> WorkOutcome:
        """Index one, which may take long; ``retry`` where it did not come to its end."""
        ...

    def stop(self) -> None:
        """End what is under way, and take no more."""
        ...


def with_uploads(settings: Settings) -> Settings:
    """The settings of a service over a lake in a folder, which takes files where ``serve.uploads`` says so,
    and where nobody has said, on a loopback address that asks for no key. Others come back as they are."""
    chosen = settings.serve.uploads
    if chosen is None:
        chosen = asks_nobody_here(settings.serve)
    folder = upload_folder(settings)
    if not chosen or folder is None:
        return settings
    return settings.model_copy(
        update={
            "lake": settings.lake.model_copy(update={"uri": to_path(to_uri(settings.lake.uri))}),
            "indexing": settings.indexing.model_copy(update={"uploads_uri": str(folder)}),
            "serve": settings.serve.model_copy(update={"uploads": True}),
        }
    )


class FolderPump:
    """Between the folder ``settings.indexing.uploads_uri`` and whoever works on its events. A context
    manager; not restartable."""

    def __init__(self, settings: Settings, warm: Dispatcher, large: Large | None = None) -> None:
        assert settings.indexing.uploads_uri is not None
        self._settings = settings
        self._warm = warm
        self._large = LargeFeeds(settings) if large is None else large
        self._queue = FolderQueue(Path(to_path(to_uri(settings.indexing.uploads_uri))))
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._in_hand: dict[str, tuple[Waiting, WorkOrder]] = {}
        """Large feeds, in the order they came, by the names of their events."""
        self._later: dict[str, _Again] = {}
        self._threads = [
            threading.Thread(target=self._run, args=(step,), name=f"folder-pump-{step.__name__}", daemon=True)
            for step in (self._warm_step, self._large_step)
        ]

    def __enter__(self) -> FolderPump:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._large.stop()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def _run(self, step: Callable[[], bool]) -> None:
        while not self._stop.is_set():
            try:
                if step():
                    continue
            except OSError as error:
                # A full disk, or a folder that is away: the events stay where they are.
                logger.warning("the upload folder does not answer", extra={"reason": str(error)})
                self._stop.wait(_AGAIN_SECONDS)
            except Exception:
                # The thread must outlive any fault, or nothing that was accepted would be indexed any more.
                logger.exception("the upload folder's events were not handled")
                self._stop.wait(_AGAIN_SECONDS)
            self._stop.wait(_POLL_SECONDS)

    def _warm_step(self) -> bool:
        now = time.monotonic()
        with self._lock:
            held = [*self._in_hand, *(name for name, again in self._later.items() if again.moment > now)]
        found = self._queue.waiting(_BATCH, without=held)
        orders = [plan(each.event, self._settings.indexing) for each in found]
        warm = [(each, order) for each, order in zip(found, orders, strict=True) if order.lane == "warm"]
        large = [(each, order) for each, order in zip(found, orders, strict=True) if order.lane == "batch"]
        self._take(large)
        outcomes = self._warm.submit([order for _, order in warm]) if warm else []
        for (each, order), outcome in zip(warm, outcomes, strict=True):
            if outcome.status == "large":
                self._take([(each, order.model_copy(update={"lane": "batch"}))])
            else:
                self._settle(each, outcome)
        return bool(found)

    def _large_step(self) -> bool:
        with self._lock:
            first = next(iter(self._in_hand.values()), None)
        if first is None:
            return False
        each, order = first
        outcome = self._large.execute(order)
        try:
            self._settle(each, outcome)
        finally:
            with self._lock:
                del self._in_hand[each.name]
        return True

    def _take(self, large: Sequence[tuple[Waiting, WorkOrder]]) -> None:
        with self._lock:
            self._in_hand.update((each.name, (each, order)) for each, order in large)

    def _settle(self, each: Waiting, outcome: WorkOutcome) -> None:
        now, name, waited = time.monotonic(), each.name, time.time() - each.since
        with self._lock:
            before = self._later.get(name, _Again(now, now, _AGAIN_SECONDS))
        if outcome.status != "retry":
            self._queue.done(name)
        elif self._stop.is_set():
            return
        elif waited >= OUTAGE_SECONDS and now - before.since >= _FAIR_SECONDS:
            self._queue.give_up(
                name, f"not taken for {waited / 3_600:.1f} hours, the last time: {outcome.reason}"
            )
        else:
            again = _Again(before.since, now + before.wait, min(2 * before.wait, LONGEST_SECONDS))
            with self._lock:
                self._later[name] = again
            logger.warning("work is tried again", extra={"run_id": outcome.run_id, "reason": outcome.reason})
            return
        with self._lock:
            self._later.pop(name, None)


class LargeFeeds:
    """Large feeds, one after the other, each by a process of its own that ends with this one."""

    def __init__(self, settings: Settings) -> None:
        before = {name: value for name, value in os.environ.items() if not name.startswith(_VARIABLES)}
        self._environment = before | to_environment(settings, _SECTIONS)
        assert settings.indexing.uploads_uri is not None
        self._log = Path(to_path(to_uri(settings.indexing.uploads_uri))) / _LOG
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._stopped = False

    def execute(self, order: WorkOrder) -> WorkOutcome:
        """See :class:`Large`."""
        with self._lock:
            if self._stopped:
                return WorkOutcome(run_id=order.run_id, status="retry", reason="the service is stopping")
            module, arguments = "mmpipe.local.large_feed", ["--order", order.model_dump_json()]
            child = self._child = Child(module, arguments, self._environment, self._log, _LOG_BYTES)
        try:
            return WorkOutcome.model_validate(child.wait_ready(_LARGE_SECONDS))
        except (NotReady, ValueError) as error:  # it ended without a word, or with half of one
            return WorkOutcome(run_id=order.run_id, status="retry", reason=str(error)[:2_000])
        finally:
            child.stop(_STOP_SECONDS)

    def stop(self) -> None:
        """See :class:`Large`: the journal has what was read, and the next start goes on there."""
        with self._lock:
            self._stopped = True
            child = self._child
        if child is not None and child.running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # whoever waits for it clears up
