"""The query service without Ray: one process, searching and indexing (``python -m mmpipe.serve.standalone``).

For a shop so small that no machine should wait for it: as a container function that exists while it is called
(infra/lambda_search), or on any container service. Small uploads are indexed here, as the indexer deployment
does it; there is no batch lane, so ``indexing.warm_max_bytes`` is the largest feed it takes, and one with
more rows than ``indexing.warm_max_rows`` is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmpipe.dispatch.pseudonym_key import with_pseudonym_key
from mmpipe.lake import open_lake
from mmpipe.schemas.work import ReplayOrder, ReplayOutcome, WorkOrder, WorkOutcome
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.bounded_protocol import Door, protocol_for
from mmpipe.serve.http.dispatch_token import with_token
from mmpipe.serve.http.internal import behind_one_port, create_internal_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ingest.uploads import Uploads
from mmpipe.serve.memory import keep_little_memory
from mmpipe.serve.operations import Operations
from mmpipe.serve.turns import take_short_turns
from mmpipe.settings import Settings, load_settings
from mmpipe.telemetry import configure_logging

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mmpipe.lake import Lake
    from mmpipe.serve.ingest.warm_work import WarmWork

_log = logging.getLogger("mmpipe.serve")


class WorkOnDemand:
    """Warm work in this process. The pipeline is made for the first order: most functions never see one."""

    def __init__(self, settings: Settings, lake: Lake) -> None:
        self._settings = settings
        self._lake = lake
        self._work: WarmWork | None = None
        self._lock = asyncio.Lock()

    async def execute(self, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
        """See :class:`mmpipe.serve.ingest.work.WorkGateway`."""
        return await (await self._made()).execute(orders)

    async def replay(self, order: ReplayOrder) -> ReplayOutcome:
        """See :class:`mmpipe.serve.ingest.work.WorkGateway`."""
        return await (await self._made()).replay(order)

    def check_alive(self) -> None:
        """See :class:`mmpipe.serve.ingest.work.WorkGateway`."""
        if self._work is not None:
            self._work.check_alive()

    async def close(self) -> None:
        """See :class:`mmpipe.serve.ingest.work.WorkGateway`."""
        if self._work is not None:
            await self._work.close()

    async def _made(self) -> WarmWork:
        async with self._lock:
            if self._work is None:
                self._work = await asyncio.to_thread(self._make)
            return self._work

    def _make(self) -> WarmWork:
        from mmpipe.serve.ingest.warm_work import WarmWork

        return WarmWork(self._settings, self._lake, batch_lane=False)


def standalone_app(settings: Settings, door: Door | None = None) -> Starlette:
    """Queries over the live versions of the lake, and the internal routes; it is warm when this returns.
    ``door`` is what its connections come through, for its metrics.

    Raises ``ModelUnavailable`` for a profile that is not here.
    """
    models = Models(settings.serve.encoder_threads, settings)
    models.load(settings.indexing.profile)
    service = QueryService(settings, LocalQueryEncoder(models))
    lake = open_lake(settings)
    work = WorkOnDemand(settings, lake)
    internal = create_internal_app(settings, work, Uploads(lake), Metrics("standalone"))
    meter = Metrics("standalone", None if door is None else door.refused)
    operations = Operations(service, meter.recent_searches, replay=work.replay)
    app = behind_one_port(create_app(service, meter, door=door, operations=operations), internal)
    app.state.service = service
    return app


def main(arguments: list[str] | None = None) -> int:
    """Serve until the process is ended; host and port are those of the settings."""
    argparse.ArgumentParser(prog="mmpipe.serve.standalone", description=main.__doc__).parse_args(arguments)
    import uvicorn

    configure_logging("WARNING")
    take_short_turns()
    keep_little_memory()
    settings = with_pseudonym_key(with_token(load_settings()))
    door = Door(settings.serve)
    app = standalone_app(settings, door)
    _log.info("serving", extra={"host": settings.serve.host, "port": settings.serve.port})
    uvicorn.run(
        app,
        host=settings.serve.host,
        port=settings.serve.port,
        http=protocol_for(door),
        log_level="warning",
        access_log=False,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
