"""The internal ingress: warm work and how uploads went, in a process that answers no query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.lake import open_lake
from mmpipe.serve.http import bounded_protocol
from mmpipe.serve.http.internal import create_internal_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ingest.uploads import Uploads
from mmpipe.serve.ingest.warm_work import WarmWork
from mmpipe.serve.ray.deployments.logs import log_as_replica
from mmpipe.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


class IndexerIngress:
    """Its constructor returns once the models of the default profile are loaded."""

    def __init__(self, settings: Settings) -> None:
        from ray.serve import get_replica_context

        log_as_replica()
        lake = open_lake(settings)
        self._work = WarmWork(settings, lake)
        door = bounded_protocol.install(settings.serve)
        meter = Metrics(get_replica_context().replica_id.unique_id, door.refused)
        self._app = create_internal_app(settings, self._work, Uploads(lake), meter)

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._app

    def check_health(self) -> None:
        """Serve calls this; raising, several times in a row, replaces the replica."""
        self._work.check_alive()
