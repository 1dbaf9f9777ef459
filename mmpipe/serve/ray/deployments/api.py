"""The public ingress: HTTP, query encoding and search in one process."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from mmpipe.errors import DispatchUnavailable, MmpipeError
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery
from mmpipe.serve.answer.query_encoder import (
    LocalQueryEncoder,
    Media,
    Models,
    QueryEncoder,
    RemoteQueryEncoder,
)
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http import bounded_protocol
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.key_entries import Keys
from mmpipe.serve.http.keys import KeyRing
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.memory import keep_little_memory
from mmpipe.serve.operations import Operations
from mmpipe.serve.ray.deployments.logs import log_as_replica
from mmpipe.serve.ray.direct import Direct
from mmpipe.serve.ray.replicas import counted
from mmpipe.serve.ray.shards import RayTransport
from mmpipe.serve.turns import take_short_turns
from mmpipe.settings import Settings
from mmpipe.telemetry import carrier

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve.handle import DeploymentHandle


class Api:
    """A replica is ready once the models are loaded and every live collection is open and warm, here or in
    the ``shards``, so the first request is as fast as the hundredth."""

    def __init__(
        self,
        settings: Settings,
        encoders: DeploymentHandle | None = None,
        keeper: DeploymentHandle | None = None,
        *shards: DeploymentHandle,
    ) -> None:
        from ray.serve import get_replica_context

        log_as_replica()
        take_short_turns()
        keep_little_memory()
        door = bounded_protocol.install(settings.serve)
        encoder: QueryEncoder = (
            local_encoder(settings) if encoders is None else remote_encoder(encoders, settings)
        )
        self._service = QueryService(settings, encoder, shards=RayTransport(shards) if shards else None)
        meter = Metrics(get_replica_context().replica_id.unique_id, door.refused)
        self._app = create_app(
            self._service,
            meter,
            None if keeper is None else kept_keys(keeper),
            door,
            Operations(self._service, meter.recent_searches, replicas=counted),
        )
        door.direct = Direct(self._app)

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._app

    def check_health(self) -> None:
        """Serve calls this; raising, several times in a row, replaces the replica."""
        self._service.check_alive()


def kept_keys(keeper: DeploymentHandle) -> KeyRing:
    """The API keys as the ``KeyKeeper`` deployment has them."""

    async def read() -> Keys:
        keys: Keys = await _answered(keeper.keys.remote(), "key keeper")
        return keys

    return KeyRing(read)


def local_encoder(settings: Settings) -> LocalQueryEncoder:
    """The models in this process, the default profile's loaded."""
    models = Models(settings.serve.encoder_threads, settings)
    models.load(settings.indexing.profile)
    return LocalQueryEncoder(models)


def remote_encoder(handle: DeploymentHandle, settings: Settings) -> RemoteQueryEncoder:
    """The ``Encoders`` deployment as a query encoder, with the spare that the settings ask for."""

    async def call(profile_json: str, request: SearchRequest, media: Media) -> EncodedQuery:
        encoded: EncodedQuery = await _answered(
            handle.encode.remote(profile_json, request, media, carrier()), "query encoders"
        )
        return encoded

    return RemoteQueryEncoder(
        call,
        wait_seconds=settings.serve.encoder_wait_seconds,
        spare=local_encoder(settings) if settings.serve.encoder_spare else None,
    )


async def _answered(response: Awaitable[Any], who: str) -> Any:
    """The answer; our own error as it was raised there; ``DispatchUnavailable`` where nobody answers."""
    from ray.exceptions import RayError, RayTaskError
    from ray.serve.exceptions import RayServeException

    try:
        return await response
    except RayTaskError as error:
        # Ray's wrapper is of the cause's class too, but its text is the far side's traceback.
        if isinstance(error.cause, MmpipeError):
            raise error.cause from None
        raise DispatchUnavailable(f"the {who} failed: {error}") from error
    except (RayError, RayServeException) as error:
        raise DispatchUnavailable(f"the {who} did not answer: {error}") from error
