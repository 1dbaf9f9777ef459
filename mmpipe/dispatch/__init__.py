"""Work orders to whoever executes them: the indexer over HTTP, a Ray job, or this process.

A :class:`Dispatcher` takes orders and gives one outcome per order, in the same order; it raises for none of
them. :class:`IndexerDispatcher` posts warm orders, all in one call, to ``{indexer_url}/internal/v1/work``
with a Bearer token; :class:`RayJobsDispatcher` submits each batch order as the job ``mmpipe-<run id>``, which
runs ``python -m mmpipe.indexing.batch``, so that the same order twice is one job; :class:`LaneDispatcher` is
both.

Beside them: ``redelivery`` (when a message that was not taken is shown again), ``scheduled`` (the timetable's
jobs), ``tokens`` (Bearer tokens, followed as they rotate), and, for people and not for handlers,
``dead_letters`` (what lies in the dead-letter queue, and putting it back).
"""

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
