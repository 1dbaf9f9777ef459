"""What takes seconds to open, opened beside: a host waits for a server that does not answer only so long."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class Opening(Generic[T]):
    """``held`` is entered on a thread from now on, and left where this one is left."""

    def __init__(self, held: AbstractContextManager[T]) -> None:
        self._held = held
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mcp-opening")
        self._opened = self._thread.submit(held.__enter__)

    async def __call__(self) -> T:
        """What was opened, as soon as it is. Raises what opening it raised."""
        return await asyncio.shield(asyncio.wrap_future(self._opened))

    def wait(self) -> T:
        """The same; blocks."""
        return self._opened.result()

    def __enter__(self) -> Opening[T]:
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.shutdown(wait=True)
        if self._opened.exception() is None:
            self._held.__exit__(None, None, None)
