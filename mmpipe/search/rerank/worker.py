"""One thread for what may take too long: nobody waits for it beyond a deadline, and nothing queues."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "Future[Any]"]


class Worker:
    """Runs one job at a time. A job that outlives its deadline keeps the thread until it ends, and what it
    gives is dropped; whatever else comes meanwhile is not done. Safe for many threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._turn = threading.Lock()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._told = ""

    def run(self, job: Callable[[], T], seconds: float) -> T | None:
        """What ``job`` gives; None at once while another runs, after ``seconds`` where it takes longer, and
        where it raises, which the log tells."""
        if not self._turn.acquire(blocking=False):
            return None
        done: Future[T | None] = Future()
        if self._thread is None:
            # A daemon: one that never ends must not keep the process.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put((job, done))
        try:
            return done.result(seconds)
        except TimeoutError:
            return None

    def close(self) -> None:
        """End the thread once its job has ended."""
        self._jobs.put(None)

    def _run(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        """Do the next job; nothing of it is held while the one after is waited for."""
        taken = self._jobs.get()
        if taken is None:
            return False
        job, done = taken
        found = None
        try:
            found = job()
        except BaseException as error:  # noqa: BLE001  the thread must outlive whatever a model does
            self._tell(f"{type(error).__name__}: {error}")
        # Before the caller goes on, so that its next job is not turned away.
        self._turn.release()
        done.set_result(found)
        return True

    def _tell(self, fault: str) -> None:
        # Once: every search may meet the same one.
        if fault != self._told:
            self._told = fault
            log.warning("%s: %s", self._name, fault)
