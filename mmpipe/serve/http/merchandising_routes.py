"""``/v1/rules`` and ``/v1/synonyms``: what a shop's people set for its searches.

Where the service has API keys, calling these takes the scope ``admin``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from pydantic_core import from_json, to_json

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.rules import Preview, PreviewBody, RulesBody, RuleSet, RuleVersions, SynonymsSet
from mmpipe.serve.http import bounds
from mmpipe.serve.http.audit import admin_router
from mmpipe.serve.http.errors import UnsupportedMediaType
from mmpipe.serve.http.openapi import json_body, problems
from mmpipe.serve.http.requests import content_type, read_json

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

_JSON = "application/json"
_TSV = "text/tab-separated-values"
_TEXTS = (_TSV, "text/plain")
Collection = Annotated[str | None, Query(max_length=63, description="omit where the lake has only one")]


BODIES: tuple[type[BaseModel], ...] = (RulesBody, PreviewBody)


def merchandising_router(service: QueryService, guard: KeyGuard | None) -> APIRouter:
    """The routes, for callers of ``guard`` with the scope ``admin``; without one, for everybody."""
    router, refusals = admin_router(guard, service.audit, tags=["merchandising"])
    answers = problems(404, 414, 422, 503) | refusals
    _rule_routes(router, service, answers)
    _synonym_routes(router, service, answers)
    return router


def _rule_routes(router: APIRouter, service: QueryService, answers: dict[int | str, dict[str, Any]]) -> None:
    @router.get(
        "/v1/rules",
        summary="A collection's merchandising rules",
        response_model=RuleSet,
        responses=answers,
    )
    async def rules(
        collection: Collection = None,
        version: Annotated[int | None, Query(ge=1, description="current unless given")] = None,
    ) -> Response:
        found = await service.merchandising.rules(await service.name_of(collection), version)
        return Response(_written(found), media_type=_JSON)

    @router.put(
        "/v1/rules",
        summary="Replace them as a whole",
        description="Searches of every replica go by them within ten seconds. The former set stays readable"
        " by its version: to go back, read that and set it again.",
        response_model=RuleSet,
        responses=answers | problems(400, 409, 413, 415),
        openapi_extra=json_body(RulesBody),
    )
    async def set_rules(request: Request, collection: Collection = None) -> Response:
        body = await read_json(request, RulesBody, bounds.RULES)
        name = await service.name_of(collection)
        found = await service.merchandising.set_rules(name, body.rules, body.version)
        return Response(_written(found), media_type=_JSON)

    @router.get(
        "/v1/rules/versions",
        summary="The versions that there are",
        response_model=RuleVersions,
        responses=answers,
    )
    async def versions(collection: Collection = None) -> Response:
        found = await service.merchandising.versions(await service.name_of(collection))
        return Response(found.model_dump_json(), media_type=_JSON)

    @router.post(
        "/v1/rules/preview",
        summary="One search with the rules that are set, and with others",
        description="Nothing is set. The search names its collection itself; it may hold no cursor.",
        response_model=Preview,
        responses=answers | problems(400, 413, 415),
        openapi_extra=json_body(PreviewBody),
    )
    async def preview(request: Request) -> Response:
        body = await read_json(request, PreviewBody, bounds.RULES)
        if body.search.cursor is not None:
            raise InvalidRequest("search.cursor", "is of the search as it was; leave it out")
        before, after = await service.preview_rules(body.search, body.rules)
        return Response(to_json({"before": from_json(before), "after": from_json(after)}), media_type=_JSON)


def _synonym_routes(
    router: APIRouter, service: QueryService, answers: dict[int | str, dict[str, Any]]
) -> None:
    text = {"content": {_TSV: {"schema": {"type": "string"}}}, "required": True}

    @router.get(
        "/v1/synonyms",
        summary="A collection's own synonyms, as they were set",
        response_class=Response,
        responses=answers | {200: {"content": {_TSV: {"schema": {"type": "string"}}}}},
    )
    async def synonyms(collection: Collection = None) -> Response:
        found = await service.merchandising.synonyms(await service.name_of(collection))
        return Response(found, media_type=_TSV)

    @router.put(
        "/v1/synonyms",
        summary="Replace them as a whole",
        description="Lines of text, see docs/search.md. Searches of every replica go by them within ten"
        " seconds.",
        response_model=SynonymsSet,
        responses=answers | problems(400, 413, 415),
        openapi_extra={"requestBody": text},
    )
    async def set_synonyms(request: Request, collection: Collection = None) -> Response:
        kind = content_type(request.scope)
        if kind not in _TEXTS:
            raise UnsupportedMediaType(
                "Content-Type", f"'{kind[:80] or 'none'}' is not taken here; send {' or '.join(_TEXTS)}"
            )
        name = await service.name_of(collection)
        lines = await service.merchandising.set_synonyms(name, await request.body())
        return Response(to_json({"lines": lines}), media_type=_JSON)


def _written(rules: RuleSet) -> bytes:
    return rules.model_dump_json(exclude_defaults=False, exclude_none=True).encode()
