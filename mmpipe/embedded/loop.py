"""An event loop on a thread of its own, so that callers need none and may have one that runs (notebooks)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The loop has ended."""


class LoopThread:
    """Runs coroutines for any number of threads. The thread ends with :meth:`close` or the process.

    Who waits while it is closed gets :class:`Closed`, as does who comes later.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result. Raises what it raises; where waiting is interrupted it is cancelled."""
        try:
            future = asyncio.run_coroutine_threadsafe(call, self._loop)
        except RuntimeError:
            call.close()
            raise Closed from None
        try:
            return future.result()
        except CancelledError:
            raise Closed from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread. Twice is once."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(_end_others(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
