"""Many small writers, few commits at a time: what arrives while they run goes into the next one.

A Lance commit costs about the same for one row as for a thousand, and commits to one table cannot overlap,
so waiting for the running commit and joining the next is both the fastest and the least contended way to
write. Where much of a call can overlap with others, a few may run at once.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmpipe.errors import NotReady

T = TypeVar("T")
R = TypeVar("R")
# Longer than any call takes that still gets somewhere: whoever sent it has given up by then.
STUCK_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T, R]):
    items: list[T]
    done: asyncio.Future[list[R]]


class GroupCommit(Generic[T, R]):
    """Coalesces concurrent :meth:`submit` calls of one event loop into calls of ``commit``.

    ``commit`` runs in threads of its own, at most ``at_once`` calls at a time (so never twice at once unless
    asked for), each with what was waiting when it began, and returns one result per item in order. Where it
    raises, every caller of that commit gets the exception; others are not affected. With one at a time, calls
    begin at least ``apart_seconds`` after one another.
    """

    def __init__(
        self,
        commit: Callable[[list[T]], list[R]],
        *,
        max_items: int,
        name: str,
        at_once: int = 1,
        apart_seconds: float = 0.0,
    ) -> None:
        self._commit = commit
        self._max_items = max_items
        self._name = name
        self._at_once = at_once
        self._apart = apart_seconds
        self._last = -math.inf
        self._executor = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix=name)
        self._waiting: list[_Waiting[T, R]] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._begun: dict[int, float] = {}
        self._closed = False
        self.commits = 0

    async def submit(self, items: Sequence[T]) -> list[R]:
        """Wait until the items are committed; one result per item, in order.

        Raises what ``commit`` raised, and :class:`NotReady` after :meth:`close`.
        """
        if not items:
            return []
        if self._closed:
            raise NotReady(f"{self._name}: it is being shut down")
        loop = asyncio.get_running_loop()
        entry: _Waiting[T, R] = _Waiting(list(items), loop.create_future())
        self._waiting.append(entry)
        if len(self._workers) < self._at_once:
            worker = loop.create_task(self._drain())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await entry.done

    def check_alive(self) -> None:
        """Raises :class:`NotReady` where a call has been running for :data:`STUCK_SECONDS`: it hangs, and so
        may those to come; or where this was closed. A call that fails is no such reason."""
        if self._closed:
            raise NotReady(f"{self._name}: it has been shut down")
        if not self._begun:
            return
        seconds = time.monotonic() - min(self._begun.values())
        if seconds >= STUCK_SECONDS:
            raise NotReady(f"{self._name}: a call has not ended for {seconds:.0f} s")

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            early = self._last + self._apart - time.monotonic()
            if early > 0 and not self._closed:
                await asyncio.sleep(early)
            self._last = time.monotonic()
            batch = self._next_batch()
            items = [item for entry in batch for item in entry.items]
            self.commits += 1
            call = self.commits
            self._begun[call] = time.monotonic()
            try:
                results = await loop.run_in_executor(self._executor, self._commit, items)
                if len(results) != len(items):
                    raise RuntimeError(f"a commit of {len(items)} items gave {len(results)} results")
            except Exception as error:  # noqa: BLE001  handed to each caller, whose boundary decides
                for entry in batch:
                    if not entry.done.done():
                        entry.done.set_exception(error)
                continue
            finally:
                del self._begun[call]
            at = 0
            for entry in batch:
                # A caller that went away has a cancelled future; its items are committed all the same.
                if not entry.done.done():
                    entry.done.set_result(results[at : at + len(entry.items)])
                at += len(entry.items)

    def _next_batch(self) -> list[_Waiting[T, R]]:
        taken, size = 0, 0
        for entry in self._waiting:
            if taken and size + len(entry.items) > self._max_items:
                break
            taken, size = taken + 1, size + len(entry.items)
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch

    async def close(self) -> None:
        """Finish what is waiting and end the threads."""
        self._closed = True
        await asyncio.gather(*self._workers, return_exceptions=True)
        await asyncio.to_thread(self._executor.shutdown)
