"""Warm work in this process: the pipeline, fed in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmpipe.indexing import Indexer, try_again
from mmpipe.indexing.writing.reviewing import finish_erasures
from mmpipe.lake.interactions.keeper import InteractionKeeper
from mmpipe.lake.model_loading import load_profile
from mmpipe.objects import open_store
from mmpipe.schemas.work import ReplayOrder, ReplayOutcome, WorkOrder, WorkOutcome
from mmpipe.serve.group_commit import GroupCommit
from mmpipe.serve.ingest.work import MAX_ORDERS

if TYPE_CHECKING:
    from mmpipe.lake import Lake
    from mmpipe.settings import Settings

_log = logging.getLogger("mmpipe.serve")
# Calls of the pipeline at once: they wait for stores side by side, take turns at the models, and share
# commits. With more, a burst would come in smaller batches, each of which asks the stores as often as a
# large one.
CALLS_AT_ONCE = 4


class WarmWork:
    """The pipeline with its models loaded; those of a table that is live by other models are loaded when it
    is first written to.

    Up to :data:`CALLS_AT_ONCE` batches run at a time; orders that arrive while all are busy share the next.
    What shoppers did is maintained beside, so that its objects stay few.

    The constructor raises ``ModelUnavailable`` for a profile that is not here.
    """

    def __init__(self, settings: Settings, lake: Lake, *, batch_lane: bool = True) -> None:
        self._settings = settings
        self._loaded = load_profile(
            settings.indexing.profile, settings, threads=settings.serve.encoder_threads
        )
        # One at a time: each is a commit and a publication of its own.
        self._replaying = asyncio.Lock()
        self._pipeline = Indexer(
            settings,
            lake,
            self._loaded,
            lambda uri: open_store(uri, settings.storage),
            batch_lane=batch_lane,
        )
        self._keeper = InteractionKeeper(lake, finish_erasures)
        self._keeper.start()
        self._group: GroupCommit[WorkOrder, WorkOutcome] = GroupCommit(
            self._execute, max_items=MAX_ORDERS, name="indexer", at_once=CALLS_AT_ONCE
        )

    async def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """See :class:`WorkGateway`; each caller gets the outcomes of its own orders."""
        return await self._group.submit(orders)

    async def replay(self, order: ReplayOrder) -> ReplayOutcome:
        """See :class:`WorkGateway`."""
        async with self._replaying:
            return await asyncio.to_thread(try_again, self._settings, order, loaded=self._loaded)

    def check_alive(self) -> None:
        """See :class:`WorkGateway`: false while a batch hangs, and once closed."""
        self._group.check_alive()

    async def close(self) -> None:
        """See :class:`WorkGateway`; waits for maintenance that is under way."""
        await self._group.close()
        await asyncio.to_thread(self._keeper.close)
        await asyncio.to_thread(self._pipeline.close)

    def _execute(self, orders: list[WorkOrder]) -> list[WorkOutcome]:
        outcomes = self._pipeline.execute(orders)
        _log.info("indexed", extra={"orders": len(orders)})
        return outcomes
