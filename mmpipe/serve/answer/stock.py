"""The report on stock, as a replica answers it: made on a thread of its own, kept for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidRequest
from mmpipe.recommend.stock import METHODS, FormerStock, Question, report_on
from mmpipe.serve.answer.kept import KeptAnswers
from mmpipe.serve.answer.steps import step

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.schemas.stock import StockReport
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
        self._made: KeptAnswers[_Key, StockReport] = KeptAnswers(
            self._thread,
            most=_KEPT,
            waiting=_MOST_WAITING,
            busy="other reports on stock are being made: ask again",
        )

    async def report(
        self, collection: str | None, limit: int, *, days: int | None = None, lead_days: float | None = None
    ) -> bytes:
        """A :class:`~mmpipe.schemas.stock.StockReport` as JSON, of now or as it was up to
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
        return await self._made.get(
            key, partial(self._make, key, version), seconds=self._settings.cache_seconds
        )

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
