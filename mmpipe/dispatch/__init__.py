"""Work orders to whoever executes them: the indexer over HTTP, a Ray job, or this process."""

from __future__ import annotations

from mmpipe.dispatch.base import Dispatcher, InProcessDispatcher, LaneDispatcher
from mmpipe.dispatch.indexer import IndexerDispatcher
from mmpipe.dispatch.ray_jobs import RayJobsDispatcher
from mmpipe.settings import Settings

__all__ = [
    "Dispatcher",
    "InProcessDispatcher",
    "IndexerDispatcher",
    "LaneDispatcher",
    "RayJobsDispatcher",
    "dispatcher_for",
]


def dispatcher_for(settings: Settings) -> Dispatcher:
    """Warm work to the indexer, batch work to Ray's Jobs API, at the addresses in ``settings.dispatch``."""
    return LaneDispatcher(warm=IndexerDispatcher(settings.dispatch), batch=RayJobsDispatcher(settings))
