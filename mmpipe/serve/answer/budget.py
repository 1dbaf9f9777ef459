"""A bound on what all requests of a replica hold at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mmpipe.errors import NotReady


class Busy(NotReady):
    """Others held all there is for as long as a request may wait."""


class Budget:
    """``capacity`` units, given in the order in which they were asked for; nobody gets more than all of them.

    Whoever waits for more than ``wait_seconds`` gets :class:`Busy`. Of one event loop.
    """

    def __init__(self, capacity: int, wait_seconds: float) -> None:
        self._capacity = capacity
        self._wait_seconds = wait_seconds
        self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def free(self) -> int:
        """Units that nobody holds."""
        return self._free

    @asynccontextmanager
    async def held(self, units: int) -> AsyncIterator[None]:
        """Holds ``units``, or all where there are fewer. Raises :class:`Busy`."""
        taken = min(units, self._capacity)
        await self._take(taken)
        try:
            yield
        finally:
            self._free += taken
            self._serve()

    async def _take(self, units: int) -> None:
        if not self._waiting and units <= self._free:
            self._free -= units
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (units, turn)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._free += units  # its turn came with what ended the waiting
            elif entry in self._waiting:
                self._waiting.remove(entry)
            self._serve()
            if isinstance(error, TimeoutError):
                raise Busy("others are served before it; try again shortly") from None
            raise

    def _serve(self) -> None:
        while self._waiting and (self._waiting[0][1].cancelled() or self._waiting[0][0] <= self._free):
            units, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= units
                turn.set_result(None)
