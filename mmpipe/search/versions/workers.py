"""A few daemon threads for what may take long or hang: they never keep a process from ending."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Workers:
    """``threads`` threads that take jobs in the order of :meth:`put`. What a job raises is logged; whoever
    puts one in has it tell of its faults itself."""

    def __init__(self, name: str, threads: int) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, job: Callable[[], object]) -> None:
        """Have a job done."""
        self._jobs.put(job)

    def close(self, seconds: float) -> None:
        """Take no more jobs, and wait at most so long for those that run."""
        for _ in self._threads:
            self._jobs.put(None)
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - the thread must outlive any fault
                log.debug("%s: %s", threading.current_thread().name, error)
