"""The internal door: the indexer's HTTP application, behind the dispatch token and in no OpenAPI document.

An application of its own beside :mod:`mmpipe.serve.http.api`: uploads neither wake, scale nor wait for query
replicas, and an API key opens nothing here. Its routes are relative to :data:`PREFIX`, under which Serve, or
:func:`behind_one_port`, puts it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import Response

from mmpipe.schemas.work import ReplayOrder
from mmpipe.serve.http import bounds, errors, metrics
from mmpipe.serve.http.dispatch_token import authorize
from mmpipe.serve.http.head import HeadAsGet
from mmpipe.serve.http.keys import open_to_all
from mmpipe.serve.http.limits import BodyLimit
from mmpipe.serve.http.methods import Methods
from mmpipe.serve.http.requests import read_json
from mmpipe.serve.http.security_headers import SecurityHeaders
from mmpipe.serve.http.tracing import FASTAPI_TELEMETRY, Traced
from mmpipe.serve.http.whole_paths import WholePaths
from mmpipe.serve.ingest.addresses import check_addresses
from mmpipe.serve.ingest.uploads import RejectParams, RunParams, Uploads
from mmpipe.serve.ingest.work import WorkGateway, WorkRequest, WorkResponse

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mmpipe.settings import Settings

PREFIX = "/internal/v1"
_JSON = "application/json"


def create_internal_app(
    settings: Settings, work: WorkGateway, uploads: Uploads, meter: metrics.Metrics
) -> FastAPI:
    """The ASGI application of one indexer; it closes ``work`` when it shuts down.

    ``POST /work``, ``POST /replay``, ``GET /runs`` and ``GET /rejects`` need the dispatch token; whoever has
    it can have read what shops uploaded, and nothing else (:mod:`mmpipe.serve.ingest.addresses`).
    ``GET /healthz`` (503 while ``work`` is not alive) is open, and ``GET /metrics`` too where the service has
    no API keys.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await work.close()

    app = FastAPI(
        title="mmpipe",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=FASTAPI_TELEMETRY,
    )
    app.include_router(_guarded(settings, work, uploads))

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        work.check_alive()
        return {"status": "ok"}

    @app.get("/metrics")
    async def prometheus(request: Request) -> Response:
        if not open_to_all(settings.serve):
            authorize(request.headers.get("authorization"), settings.dispatch.token)
        return Response(meter.render(()), media_type=metrics.CONTENT_TYPE)

    errors.install(app)
    app.add_middleware(BodyLimit, max_bytes=settings.serve.max_json_bytes)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Methods, routes=app.routes)
    app.add_middleware(WholePaths)
    app.add_middleware(SecurityHeaders, hsts_seconds=settings.serve.hsts_seconds)
    app.add_middleware(metrics.Measured, metrics=meter, prefix=PREFIX)
    app.add_middleware(Traced, prefix=PREFIX)
    return app


def _guarded(settings: Settings, work: WorkGateway, uploads: Uploads) -> APIRouter:
    async def allowed(request: Request) -> None:
        authorize(request.headers.get("authorization"), settings.dispatch.token)

    router = APIRouter(dependencies=[Depends(allowed)])

    @router.post("/work")
    async def warm_work(request: Request) -> Response:
        asked = await read_json(request, WorkRequest, bounds.WORK)
        check_addresses(asked.orders, settings.indexing.uploads_uri)
        answer = WorkResponse(outcomes=await work.execute(asked.orders))
        return Response(answer.model_dump_json(), media_type=_JSON)

    @router.post("/replay")
    async def replay(request: Request) -> Response:
        order = await read_json(request, ReplayOrder, bounds.ASSISTANT)
        return Response((await work.replay(order)).model_dump_json(), media_type=_JSON)

    @router.get("/runs")
    async def runs(params: Annotated[RunParams, Query()]) -> Response:
        return Response((await uploads.runs(params)).model_dump_json(), media_type=_JSON)

    @router.get("/rejects")
    async def rejects(params: Annotated[RejectParams, Query()]) -> Response:
        return Response((await uploads.rejects(params)).model_dump_json(), media_type=_JSON)

    return router


def behind_one_port(queries: FastAPI, internal: FastAPI) -> Starlette:
    """Both applications in one process, told apart by :data:`PREFIX`, as Serve's ingress does it; started and
    shut down together."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with internal.router.lifespan_context(internal), queries.router.lifespan_context(queries):
            yield

    app = Starlette(routes=[Mount(PREFIX, internal)], lifespan=lifespan)
    # Not a mount of "/": no mount matches a path that holds a line break, and that is to be answered too.
    app.router.default = queries
    app.router.redirect_slashes = False
    return app
