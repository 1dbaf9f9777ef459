"""How uploads went, over HTTP: the run ledger and the rejects, for whoever runs the shop's feeds."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field

from mmpipe.errors import NotFound
from mmpipe.lake import Lake
from mmpipe.schemas.run import Reject, RunRecord

MAX_RUNS = 200
# A reject holds up to 64 KiB of its row.
MAX_REJECTS = 100


class _OfCollection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(default=None, max_length=63)


class RunParams(_OfCollection):
    """The query string of ``GET /internal/v1/runs``; ``source`` is the address of a feed."""

    source: str | None = Field(default=None, max_length=2_000)
    limit: int = Field(default=20, ge=1, le=MAX_RUNS)


class RejectParams(_OfCollection):
    """The query string of ``GET /internal/v1/rejects``."""

    run_id: str | None = Field(default=None, max_length=64)
    limit: int = Field(default=20, ge=1, le=MAX_REJECTS)


class RunsResponse(BaseModel):
    """Runs, newest first."""

    collection: str
    runs: list[RunRecord]


class RejectsResponse(BaseModel):
    """Rejects with their rows as they were read, newest first; ``total`` counts also those beyond the
    limit."""

    collection: str
    total: int
    rejects: list[Reject]


class Uploads:
    """What the lake keeps of uploads. Every call reads the object store, in a thread."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    async def runs(self, asked: RunParams) -> RunsResponse:
        """The newest runs. Raises ``UnknownCollection``, and ``InvalidRequest`` for a missing name."""
        return await asyncio.to_thread(self._runs, asked)

    async def rejects(self, asked: RejectParams) -> RejectsResponse:
        """The newest rejects, of one run or of the collection. Raises as :meth:`runs`, and ``NotFound`` for
        a run that the collection has not seen."""
        return await asyncio.to_thread(self._rejects, asked)

    def _runs(self, asked: RunParams) -> RunsResponse:
        held = self._lake.named(asked.collection)
        runs = held.runs.list(source_uri=asked.source, limit=asked.limit)
        return RunsResponse(collection=held.name, runs=runs)

    def _rejects(self, asked: RejectParams) -> RejectsResponse:
        held = self._lake.named(asked.collection)
        total = held.rejects.count(run_id=asked.run_id)
        if not total and asked.run_id is not None and held.runs.get(asked.run_id) is None:
            raise NotFound(f"collection '{held.name}' has no run '{asked.run_id}': see /internal/v1/runs")
        rejects = held.rejects.list(run_id=asked.run_id, limit=asked.limit) if total else []
        return RejectsResponse(collection=held.name, total=total, rejects=rejects)
