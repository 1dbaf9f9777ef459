"""The report on stock, as a replica answers it: made on a thread of its own, kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidRequest, NotReady
from mmpipe.recommend.stock import METHODS, FormerStock, Question, report_on
from mmpipe.serve.answer.steps import step

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.recommend.stock import StockReport
    from mmpipe.search import Version
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.settings import Settings

# Products of each list at most; a report holds as many, whatever was asked for.
MAX_LIMIT: Final = 200
# Smoothing takes seconds of the interpreter, which searches would wait for: `mmpipe stock` has it.
_METHODS: Final = tuple(method for method in METHODS if method != "ets")
# Reports, of different questions, that wait for the one thread.
_MOST_WAITING: Final = 8
_KEPT: Final = 32

_Key = tuple[str, int, float]


class StockReports:
    """For one event loop. ``opened`` gives the version of a collection that answers."""

    def __init__(
        self, settings: Settings, lake: Lake, opened: Callable[[str | None], Awaitable[LiveVersion]]
    ) -> None:
        self._settings = settings.stock
        keys = settings.serve
        self._guarded = keys.api_keys_secret is not None or bool(keys.api_keys.get_secret_value())
        self._lake = lake
        self._opened = opened
        # One, so that reports never take more than one core from the searches.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stock")
        self._former: dict[str, FormerStock] = {}
        self._made: dict[_Key, tuple[float, StockReport]] = {}
        self._waiting: dict[_Key, asyncio.Future[StockReport]] = {}

    async def report(
        self, collection: str | None, limit: int, *, days: int | None = None, lead_days: float | None = None
    ) -> bytes:
        """A :class:`~mmpipe.recommend.stock.StockReport` as JSON, of now or as it was up to
        ``stock.cache_seconds`` ago; None is what the settings say.

        Raises ``UnknownCollection``, ``InvalidRequest`` for a collection that is split among shards,
        ``NotReady`` where too many other reports are being made.
        """
        version = await self._opened(collection)
        if version.whole is None:
            raise InvalidRequest(
                "collection", "is split among shards, none of which sees all of it: run `mmpipe stock`"
            )
        key = version.collection, days or self._settings.days, lead_days or self._settings.lead_days
        with step("stock.report", products=version.products, limit=limit):
            found = await self._report(key, version.whole)
        cut = {"sold_out": found.sold_out[:limit], "low_stock": found.low_stock[:limit]}
        return found.model_copy(update=cut).model_dump_json().encode()

    def close(self) -> None:
        """End the thread; what is being made goes on to its end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _report(self, key: _Key, version: Version) -> StockReport:
        held = self._made.get(key)
        if held is not None and time.monotonic() - held[0] < self._settings.cache_seconds:
            return held[1]
        waiting = self._waiting.get(key)
        if waiting is None:
            if len(self._waiting) >= _MOST_WAITING:
                raise NotReady("other reports on stock are being made: ask again")
            loop = asyncio.get_running_loop()
            waiting = self._waiting[key] = asyncio.ensure_future(
                loop.run_in_executor(self._thread, self._make, key, version)
            )
            waiting.add_done_callback(lambda done: self._keep(key, done))
        # Who goes away must not end it for the others.
        return await asyncio.shield(waiting)

    def _make(self, key: _Key, version: Version) -> StockReport:
        question = Question(
            days=key[1],
            lead_days=key[2],
            limit=MAX_LIMIT,
            history_days=self._settings.history_days,
            methods=_METHODS,
            # Whoever reaches a service without keys may ask, and private columns are in no answer to them.
            private=self._guarded,
        )
        collection = self._lake.collection(key[0])
        former = self._former.get(key[0])
        if former is None:
            former = self._former[key[0]] = FormerStock(collection)
        return report_on(collection, version, question, former=former)

    def _keep(self, key: _Key, done: asyncio.Future[StockReport]) -> None:
        del self._waiting[key]
        if done.cancelled() or done.exception() is not None:
            return
        self._made.pop(key, None)
        self._made[key] = time.monotonic(), done.result()
        while len(self._made) > _KEPT:
            del self._made[next(iter(self._made))]
