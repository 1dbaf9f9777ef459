"""Answers that take a while to make: made once for all who ask meanwhile, and kept for some seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from mmpipe.errors import NotReady

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class KeptAnswers(Generic[K, V]):
    """By key, made on ``threads``. ``most`` are kept, those made last, and ``waiting`` may be in the making:
    who asks for one more gets ``NotReady`` with ``busy``. For one event loop, but for :meth:`forget`."""

    def __init__(self, threads: ThreadPoolExecutor, *, most: int, waiting: int, busy: str) -> None:
        self._threads = threads
        self._most, self._most_waiting, self._busy = most, waiting, busy
        self._kept: dict[K, tuple[float, V]] = {}
        self._waiting: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K, make: Callable[[], V], *, seconds: float) -> V:
        """The answer of ``key``: made up to ``seconds`` ago, else by ``make``. Raises ``NotReady``, and what
        ``make`` raises."""
        held = self._kept.get(key)
        if held is not None and time.monotonic() - held[0] < seconds:
            return held[1]
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= self._most_waiting:
                raise NotReady(self._busy)
            loop = asyncio.get_running_loop()
            waiting = self._waiting[key] = asyncio.ensure_future(loop.run_in_executor(self._threads, make))
            waiting.add_done_callback(lambda done: self._keep(key, done))
        # Who goes away must not end it for the others.
        return await asyncio.shield(waiting)

    def forget(self, which: Callable[[K], bool]) -> None:
        """Make those anew that are asked for from now on."""
        for key in [key for key in self._kept if which(key)]:
            self._kept.pop(key, None)

    def _keep(self, key: K, done: asyncio.Future[V]) -> None:
        del self._waiting[key]
        if done.cancelled() or done.exception() is not None:
            return
        self._kept.pop(key, None)
        self._kept[key] = time.monotonic(), done.result()
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
