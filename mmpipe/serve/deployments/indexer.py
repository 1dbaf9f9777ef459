"""The warm lane: one writer that commits in groups."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mmpipe.indexing import Indexer as Pipeline
from mmpipe.lake import open_lake
from mmpipe.lake.model_loading import load_profile
from mmpipe.objects import open_store
from mmpipe.schemas.work import WorkOrder, WorkOutcome
from mmpipe.serve.deployments.logs import log_as_replica
from mmpipe.serve.group_commit import GroupCommit
from mmpipe.serve.work import MAX_ORDERS
from mmpipe.settings import Settings

_log = logging.getLogger("mmpipe.serve")


class Indexer:
    """Holds the pipeline with its models loaded; those of a table that is live by other models are loaded
    when it is first written to. Orders that arrive during a commit share the next one."""

    def __init__(self, settings: Settings) -> None:
        log_as_replica()
        self._pipeline = Pipeline(
            settings,
            open_lake(settings),
            load_profile(settings.indexing.profile, settings, threads=settings.serve.encoder_threads),
            lambda uri: open_store(uri, settings.storage),
        )
        self._group: GroupCommit[WorkOrder, WorkOutcome] = GroupCommit(
            self._execute, max_items=MAX_ORDERS, name="indexer"
        )

    async def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """One outcome per order, in order; each caller gets those of its own orders."""
        return await self._group.submit(orders)

    def _execute(self, orders: list[WorkOrder]) -> list[WorkOutcome]:
        outcomes = self._pipeline.execute(orders)
        _log.info("indexed", extra={"orders": len(orders)})
        return outcomes
