"""Many small writers, one commit at a time: what arrives while a commit runs goes into the next one.

A Lance commit costs about the same for one row as for a thousand, and commits to one table cannot overlap,
so waiting for the running commit and joining the next is both the fastest and the least contended way to
write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T, R]):
    items: list[T]
    done: asyncio.Future[list[R]]


class GroupCommit(Generic[T, R]):
    """Coalesces concurrent :meth:`submit` calls of one event loop into single calls of ``commit``.

    ``commit`` runs in a thread of its own, never twice at once, and returns one result per item in order.
    Where it raises, every caller of that commit gets the exception; later commits are not affected.
    """

    def __init__(self, commit: Callable[[list[T]], list[R]], *, max_items: int, name: str) -> None:
        self._commit = commit
        self._max_items = max_items
        self._executor: Executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._waiting: list[_Waiting[T, R]] = []
        self._worker: asyncio.Task[None] | None = None
        self.commits = 0

    async def submit(self, items: Sequence[T]) -> list[R]:
        """Wait until the items are committed; one result per item, in order."""
        if not items:
            return []
        entry: _Waiting[T, R] = _Waiting(list(items), asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._drain())
        return await entry.done

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = self._next_batch()
            items = [item for entry in batch for item in entry.items]
            try:
                self.commits += 1
                results = await loop.run_in_executor(self._executor, self._commit, items)
                if len(results) != len(items):
                    raise RuntimeError(f"a commit of {len(items)} items gave {len(results)} results")
            except Exception as error:  # noqa: BLE001  handed to each caller, whose boundary decides
                for entry in batch:
                    if not entry.done.done():
                        entry.done.set_exception(error)
                continue
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
        """Finish what is waiting and end the thread."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)
        self._executor.shutdown(wait=True)
