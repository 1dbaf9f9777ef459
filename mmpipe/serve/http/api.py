"""The public HTTP API: one page of routes over a :class:`~mmpipe.serve.answer.service.QueryService`.

Routes parse, make one call and answer with bytes; what they raise becomes a problem document in
:mod:`mmpipe.serve.http.errors`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from mmpipe.errors import NotReady
from mmpipe.schemas.assistant import AssistantRequest
from mmpipe.schemas.collections import CollectionsResponse
from mmpipe.schemas.interaction import InteractionsRequest
from mmpipe.schemas.product import ProductResponse
from mmpipe.schemas.recommend import RecommendationsRequest
from mmpipe.schemas.review import ProductReviews
from mmpipe.schemas.search import SearchRequest, SearchResponse
from mmpipe.serve.answer import tenancy
from mmpipe.serve.answer.service import QueryService
from mmpipe.serve.http import assistant_route, errors, metrics, search_route
from mmpipe.serve.http.aged import Aged
from mmpipe.serve.http.analytics_route import analytics_router
from mmpipe.serve.http.assistant_route import add_assistant_route
from mmpipe.serve.http.callers import CallerLimit, Callers
from mmpipe.serve.http.cors import Cors
from mmpipe.serve.http.guard import Asking, KeyGuard, needs
from mmpipe.serve.http.head import HeadAsGet
from mmpipe.serve.http.interaction_routes import interactions_router
from mmpipe.serve.http.key_entries import demo_keys
from mmpipe.serve.http.keys import KeyRing, key_ring, open_to_all
from mmpipe.serve.http.limits import BodyLimit
from mmpipe.serve.http.media_route import add_media_route
from mmpipe.serve.http.merchandising_routes import BODIES as MERCHANDISING
from mmpipe.serve.http.merchandising_routes import merchandising_router
from mmpipe.serve.http.methods import Methods
from mmpipe.serve.http.openapi import docs_page, document, problems, search_body
from mmpipe.serve.http.operations_routes import BODIES as OPERATIONS
from mmpipe.serve.http.operations_routes import UPLOADS, operations_router
from mmpipe.serve.http.own_pages import OwnPages
from mmpipe.serve.http.people_routes import people_router
from mmpipe.serve.http.playground_route import has_playground, playground_router
from mmpipe.serve.http.recommendation_routes import describe_recommendations, recommendation_route
from mmpipe.serve.http.requests import SearchParams, SimilarParams
from mmpipe.serve.http.security_headers import SecurityHeaders
from mmpipe.serve.http.stock_route import stock_router
from mmpipe.serve.http.suggest_route import describe_suggest, suggest_route
from mmpipe.serve.http.tracing import FASTAPI_TELEMETRY, Traced
from mmpipe.serve.http.ucp_routes import BODIES as OF_AGENTS
from mmpipe.serve.http.ucp_routes import Ucp
from mmpipe.serve.http.whole_paths import WholePaths
from mmpipe.serve.operations import Operations

if TYPE_CHECKING:
    from mmpipe.serve.http.bounded_protocol import Door
    from mmpipe.settings import ServeSettings

API_VERSION = "1.0.0"
_JSON = "application/json"
_DESCRIPTION = "Search a catalogue by text, photo, voice or clip, in Chinese or English."
_SEARCH_DESCRIPTION = (
    "A recording in `audio` may be a spoken query: see `audio_as`. Where its words were searched for, `heard`"
    " holds them; to correct them, send the same request with `text` in place of `audio`. For the next page"
    " send the same request with `cursor`; the recording is not listened to again."
)
# The page's own script and styles are inline; nothing may come from anywhere else.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_BODIES: tuple[type[BaseModel], ...] = (
    SearchRequest, InteractionsRequest, RecommendationsRequest, AssistantRequest, *MERCHANDISING, *OPERATIONS,
    *OF_AGENTS,
)  # fmt: skip
_log = logging.getLogger("mmpipe.serve")
ProductId = Annotated[str, Path(max_length=128, description="the product's id in its feed")]


def create_app(
    service: QueryService,
    meter: metrics.Metrics,
    keys: KeyRing | None = None,
    door: Door | None = None,
    operations: Operations | None = None,
) -> FastAPI:
    """The ASGI application of one replica; it starts ``service``, and closes it at the end.

    ``keys`` are those of the public routes, unless given what the service's settings name, read here;
    ``door`` is what its connections come through: it learns who asks too often; ``operations`` is for the
    shop's people, with what this process knows of the others. Raises
    :class:`~mmpipe.serve.http.key_entries.InvalidKeys`, and ``DispatchUnavailable`` where they cannot be
    read.
    """
    if keys is None:
        keys = key_ring(service.settings.serve)
    if keys is None:
        _log.warning(
            "no API keys are set: whoever reaches this service may do everything"
            " (MMPIPE_SERVE__API_KEYS_SECRET or MMPIPE_SERVE__API_KEYS)"
        )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if keys is not None:
            await keys.open()
        await service.start()
        async with agents.running():
            yield
        await service.drain()
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="mmpipe",
        version=API_VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=FASTAPI_TELEMETRY,
    )
    limits = service.settings.serve
    at_first = _at_first(keys, limits)
    guard = None if keys is None else KeyGuard(keys, meter.called, at_first if open_to_all(limits) else None)
    agents = Ucp(service, guard)
    app.router.routes.append(search_route.search_route(service, guard))
    app.router.routes.append(suggest_route(service, guard))
    app.router.routes.append(recommendation_route(service, guard))
    public = _public_router(guard)
    _query_routes(public, service)
    add_assistant_route(public, service)
    add_media_route(public, service)
    app.include_router(public)
    app.include_router(interactions_router(service, guard))
    pages = OwnPages(service.settings)
    pages.include(app, people_router(service, guard))
    pages.include(app, stock_router(service, guard))
    pages.include(app, analytics_router(service, guard))
    pages.include(app, merchandising_router(service, guard))
    operated = operations or Operations(service, meter.recent_searches)
    pages.include(app, operations_router(operated, guard))
    agents.add_to(app)
    if has_playground(limits):
        app.include_router(playground_router())
    _operations_routes(app, service, meter, guard)
    app.state.service = service
    errors.install(app)
    app.add_middleware(
        BodyLimit,
        max_bytes=limits.max_json_bytes,
        of_paths={
            **dict.fromkeys((search_route.PATH, assistant_route.PATH), limits.max_body_bytes),
            **agents.limits(limits),
        },
        below={UPLOADS: limits.max_upload_bytes},
    )
    app.add_middleware(Aged, old=service.old)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Methods, routes=app.routes)
    app.add_middleware(WholePaths)
    callers = Callers(limits, keys)
    if door is not None:
        door.over_rate = callers.over
    app.add_middleware(CallerLimit, callers=callers, most=limits.caller_requests)
    app.add_middleware(SecurityHeaders, hsts_seconds=limits.hsts_seconds)
    if limits.cors_origins:
        app.add_middleware(Cors, origins=limits.cors_origins)
    app.add_middleware(Asking, at_first=at_first)
    app.add_middleware(metrics.Measured, metrics=meter)
    app.add_middleware(Traced)
    described = [*_search_described(guard).routes, *app.routes]
    app.openapi = document(app, described, _BODIES)  # type: ignore[method-assign]
    return app


def _at_first(keys: KeyRing | None, serve: ServeSettings) -> tenancy.Grant:
    """Who asks until a guard lets somebody in."""
    if keys is None:
        return tenancy.EVERYBODY
    return next(iter(demo_keys().values())).grant if open_to_all(serve) else tenancy.NOBODY


def _public_router(guard: KeyGuard | None) -> APIRouter:
    dependencies, refusals = needs(guard, "search")
    return APIRouter(dependencies=dependencies, responses=refusals)


def _search_described(guard: KeyGuard | None) -> APIRouter:
    """What plain routes answer, for OpenAPI's generator; the functions are never called."""
    described = _public_router(guard)

    @described.post(
        search_route.PATH,
        summary="Search by any mix of text, image, audio and video",
        description=_SEARCH_DESCRIPTION,
        response_model=SearchResponse,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=search_body(SearchRequest),
        tags=["search"],
    )
    async def search() -> None: ...

    @described.get(
        search_route.PATH,
        summary="Search by text",
        response_model=SearchResponse,
        responses=problems(404, 414, 422, 503),
        tags=["search"],
    )
    async def search_text(params: Annotated[SearchParams, Query()]) -> None: ...

    describe_suggest(described)
    describe_recommendations(described)
    return described


def _query_routes(public: APIRouter, service: QueryService) -> None:
    @public.get(
        "/v1/products/{product_id}",
        summary="One product as it is live",
        response_model=ProductResponse,
        responses=problems(404, 414, 422, 503),
        tags=["products"],
    )
    async def product(
        product_id: ProductId, collection: Annotated[str | None, Query(max_length=63)] = None
    ) -> Response:
        return Response(await service.product(collection, product_id), media_type=_JSON)

    @public.get(
        "/v1/products/{product_id}/similar",
        summary="Products like this one",
        response_model=SearchResponse,
        responses=problems(404, 414, 422, 503),
        tags=["products"],
    )
    async def similar(product_id: ProductId, params: Annotated[SimilarParams, Query()]) -> Response:
        found = await service.similar(
            product_id, collection=params.collection, limit=params.limit, filters=params.filters()
        )
        return Response(found, media_type=_JSON)

    @public.get(
        "/v1/products/{product_id}/reviews",
        summary="What the reviews of a product add up to",
        description="Counts by aspect, each with sentences of reviews as they stand: show them as text.",
        response_model=ProductReviews,
        responses=problems(404, 414, 422, 503),
        tags=["products"],
    )
    async def reviews(
        product_id: ProductId, collection: Annotated[str | None, Query(max_length=63)] = None
    ) -> Response:
        return Response(await service.reviews(collection, product_id), media_type=_JSON)

    @public.get(
        "/v1/collections",
        summary="The caller's collections and the version each is served from",
        response_model=CollectionsResponse,
        tags=["operations"],
    )
    async def collections() -> Response:
        return JSONResponse(
            {"collections": [entry.model_dump(mode="json") for entry in await service.collections()]}
        )


def _operations_routes(
    app: FastAPI, service: QueryService, meter: metrics.Metrics, guard: KeyGuard | None
) -> None:
    seen_by, refusals = needs(guard, "metrics")

    @app.get(
        "/healthz",
        summary="Nothing hangs in this process that a restart would mend",
        responses=problems(503),
        tags=["operations"],
    )
    async def healthz() -> dict[str, str]:
        service.check_alive()
        return {"status": "ok"}

    @app.get(
        "/readyz",
        summary="Every collection can be searched here but for `unsearchable`; `stale_seconds` is how old the"
        " oldest has become",
        responses=problems(503),
        tags=["operations"],
    )
    async def readyz() -> dict[str, Any]:
        reason = service.not_ready()
        if reason is not None:
            raise NotReady(reason)
        ready: dict[str, Any] = {
            "status": "ready",
            "collections": [entry.collection for entry in service.served()],
        }
        if broken := service.unsearchable():
            ready["unsearchable"] = broken
        oldest = service.oldest()
        return ready if oldest is None else ready | {"stale_seconds": oldest}

    @app.get(
        "/metrics",
        summary="Prometheus metrics of this replica",
        response_class=Response,
        dependencies=seen_by,
        responses=refusals,
        tags=["operations"],
    )
    async def prometheus() -> Response:
        return Response(
            meter.render(
                (entry.model_dump() for entry in service.served()),
                service.known_of_shoppers(),
                service.analytics.counts(),
                service.ages(),
                callers=bool(seen_by),
            ),
            media_type=metrics.CONTENT_TYPE,
        )

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(
            docs_page(), media_type="text/html", headers={"Content-Security-Policy": _DOCS_POLICY}
        )
