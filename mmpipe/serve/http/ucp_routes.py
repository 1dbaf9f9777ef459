"""The doors for shopping agents (docs/agents.md): the shop's profile, the catalogue by REST, and by MCP.

The profile and the schemas are for everybody. The catalogue takes an API key where the service has keys,
unless ``MMPIPE_UCP__OPEN`` says otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from mmpipe.errors import MmpipeError, NotFound
from mmpipe.serve.answer.product_media import Kind
from mmpipe.serve.http.guard import needs
from mmpipe.serve.http.keys import open_to_all
from mmpipe.serve.http.media_route import MOST_NUMBER, medium
from mmpipe.serve.http.openapi import json_body
from mmpipe.serve.http.requests import header, read_json_body
from mmpipe.serve.http.ucp_answers import DOORS, Door, UcpAnswers, let_in, refused
from mmpipe.serve.http.ucp_mcp_route import Mcp, McpRoute
from mmpipe.serve.ucp import discovery, extensions
from mmpipe.serve.ucp.names import (
    MCP_PATH,
    MEDIA_PATH,
    PARENTS,
    PROFILE_PATH,
    PROTOCOL,
    REST_PATH,
    namespace,
)  # fmt: skip
from mmpipe.serve.ucp.refused import Refused
from mmpipe.serve.ucp.requests import GetProduct, LookupCatalog, SearchCatalog
from mmpipe.serve.ucp.terms import Agent

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard
    from mmpipe.settings import ServeSettings

_SCHEMAS: Final = f"{PROTOCOL}/schemas/shopping"
_ANSWERS: Final = {
    "search_catalog": "catalog_search.json#/$defs/search_response",
    "lookup_catalog": "catalog_lookup.json#/$defs/lookup_response",
    "get_product": "catalog_lookup.json#/$defs/get_product_response",
}
_STATUSES: Final = {
    400: "The body, or who asks, is not valid; `code` names why",
    401: "No valid API key",
    403: "This API key may not use the route",
    404: "There is no such thing here, or no collection is chosen for agents",
    413: "The body, or a medium, is over the limit",
    414: "The query string is over the limit",
    415: "The body is not JSON",
    416: "There is no such range of it",
    422: "The agent's version of the protocol is not spoken here, or its profile is none; or no such medium",
    424: "The agent's profile cannot be fetched",
    429: "This caller asks too much at once; try again after Retry-After seconds",
    503: "Temporarily not able to answer; try again after Retry-After seconds",
}
# What an operation may be refused by, whoever asks.
_ANSWERED: Final = (400, 404, 413, 415, 422, 424, 429, 503)


class UcpRefusal(BaseModel):
    """What agents are answered in place of products."""

    ucp: dict[str, Any] = Field(description="version, and status: error")
    code: str = Field(description="the kind of error: invalid_request, request_too_large …")
    content: str = Field(description="what is wrong, and what would be right")
    messages: list[dict[str, Any]] = Field(description="the same as a message of the protocol")


BODIES: Final[tuple[type[BaseModel], ...]] = (SearchCatalog, LookupCatalog, GetProduct, UcpRefusal)


class Ucp:
    """The doors of one replica, for callers that ``guard`` lets in; without one, for everybody."""

    def __init__(self, service: QueryService, guard: KeyGuard | None) -> None:
        self._enabled = service.settings.ucp.enabled
        self._service = service
        self._guard = None if service.settings.ucp.open else guard
        self._open = self._guard is None or open_to_all(service.settings.serve)
        self._answers = UcpAnswers(service, open_media=self._open)
        self._mcp = Mcp(self._answers, service.settings, self._guard)

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, where the settings want any."""
        if not self._enabled:
            return
        app.include_router(_discovery(self._answers))
        app.include_router(_catalogue(self._answers, self._guard))
        if self._open:
            app.include_router(_media(self._service, self._answers))
        app.router.routes.append(McpRoute(self._mcp))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What MCP needs while the application runs."""
        if not self._enabled:
            yield
            return
        async with self._mcp.running():
            yield
        self._answers.close()

    @staticmethod
    def limits(serve: ServeSettings) -> dict[str, int]:
        """The paths whose bodies may hold a picture, and how many bytes they may have."""
        return {f"{REST_PATH}/catalog/search": serve.max_body_bytes, MCP_PATH: serve.max_body_bytes}


def _discovery(answers: UcpAnswers) -> APIRouter:
    router = APIRouter(tags=["agents"])

    @router.get(
        PROFILE_PATH,
        summary="What shopping agents can do here (UCP)",
        response_model=dict[str, Any],
        responses=_refusals(400),
    )
    async def profile(request: Request) -> Response:
        try:
            base = base_of(answers, request)
        except Refused as refusal:
            return respond(refusal)
        return _kept(discovery.profile(base))

    @router.get(
        f"{extensions.SCHEMAS}/{{name}}.json",
        summary="The JSON Schema of an extension of ours",
        response_model=dict[str, Any],
        responses=_refusals(400, 404, 422),
    )
    async def schema(request: Request, name: Annotated[str, Path(max_length=64)]) -> Response:
        try:
            base = base_of(answers, request)
        except Refused as refusal:
            return respond(refusal)
        own = namespace(base)
        for extension in PARENTS:
            if extension == name and own is not None:
                return _kept(extensions.schema(extension, base, own))
        raise NotFound(f"no extension '{name}'; there are {', '.join(PARENTS)}")

    return router


def _catalogue(answers: UcpAnswers, guard: KeyGuard | None) -> APIRouter:
    dependencies, refusals = needs(guard, "agent")
    if guard is None:
        dependencies = [Depends(let_in(answers.settings))]
    refused_so = _refusals(*_ANSWERED, *map(int, refusals))
    router = APIRouter(prefix=REST_PATH, tags=["agents"], dependencies=dependencies)
    for door in DOORS:
        router.add_api_route(
            door.path,
            _endpoint(answers, door),
            methods=["POST"],
            name=door.tool,
            summary=door.summary,
            description=f"{door.description} The answer is {_SCHEMAS}/{_ANSWERS[door.tool]}.",
            response_model=dict[str, Any],
            responses=refused_so,
            openapi_extra=json_body(door.body),
        )
    return router


def _media(service: QueryService, answers: UcpAnswers) -> APIRouter:
    """Where everybody may ask: a buyer's browser has no key."""
    router = APIRouter(prefix=MEDIA_PATH, tags=["agents"], dependencies=[Depends(let_in(answers.settings))])

    @router.get(
        "/{kind}/{number}",
        summary="A picture, recording or clip of a product, as agents are told of it",
        response_class=Response,
        responses={
            200: {"description": "The medium; its type follows from its content", "content": {"*/*": {}}},
            206: {"description": "The range that was asked for"},
            304: {"description": "It is what `If-None-Match` names"},
            **_refusals(404, 413, 414, 416, 422, 429, 503),
        },
    )
    async def agents_medium(
        request: Request,
        kind: Kind,
        number: Annotated[int, Path(ge=0, le=MOST_NUMBER, description="its place among those of its kind")],
        product_id: Annotated[str, Query(max_length=128)],
    ) -> Response:
        return await medium(request, service, None, product_id, kind, number)

    return router


def _endpoint(answers: UcpAnswers, door: Door) -> Any:
    async def endpoint(request: Request) -> Response:
        try:
            agent = Agent.of_header(", ".join(request.headers.getlist("ucp-agent")))
            terms = await answers.terms(agent, namespace(base_of(answers, request)))
            body = await read_json_body(request)
            answer = await answers.answer(door, body, terms, spoken(request))
        except MmpipeError as fault:
            return respond(refused(fault))
        return JSONResponse(answer)

    return endpoint


def base_of(answers: UcpAnswers, request: Request) -> str:
    """See :func:`mmpipe.serve.ucp.discovery.base_of`."""
    return discovery.base_of(answers.settings, header(request.scope, b"host"), request.scope["scheme"])


def spoken(request: Request) -> str | None:
    """The language that a request asks for first, of its headers."""
    first = header(request.scope, b"accept-language").split(",")[0].split(";")[0].strip()
    return first[:35] if first and first != "*" else None


def respond(refusal: Refused) -> Response:
    """A refusal as HTTP has it."""
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return JSONResponse(refusal.body(), status_code=refusal.status, headers=headers)


def _kept(document: dict[str, Any]) -> Response:
    return JSONResponse(document, headers={"Cache-Control": f"public, max-age={discovery.MAX_AGE}"})


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": f"#/components/schemas/{UcpRefusal.__name__}"}
    content = {"application/json": {"schema": schema}}
    return {status: {"description": _STATUSES[status], "content": content} for status in sorted(statuses)}
