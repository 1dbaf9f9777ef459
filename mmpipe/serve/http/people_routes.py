"""``/v1/users/{id}``: what is held of a person, and its erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.interaction import Id
from mmpipe.schemas.people import Erasure, PersonResponse
from mmpipe.serve.answer.people import MAX_EVENTS
from mmpipe.serve.http.audit import admin_router
from mmpipe.serve.http.openapi import problems
from mmpipe.serve.http.requests import sent_path

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

_JSON = "application/json"
_PREFIX = "/v1/users/"
_PATH = _PREFIX + "{user_id:path}"

_ID = TypeAdapter(Id)
# For the document alone: a path is decoded once more on some ways here, so what was sent is read.
UserId = Annotated[
    str, Path(description="the `user_id` of its events, percent-encoded; up to 128 characters")
]
Collection = Annotated[str | None, Query(max_length=63, description="omit where the lake has only one")]


def people_router(service: QueryService, guard: KeyGuard | None) -> APIRouter:
    """The routes, for callers of ``guard`` with the scope ``admin``; without one, for everybody."""
    public, refusals = admin_router(guard, service.audit)
    answers = problems(404, 414, 422, 503) | refusals

    @public.get(
        _PATH,
        summary="What is held of a person",
        description="Events as they are kept, also those of sessions that nobody else used. That they were"
        " handed out is recorded once, with the first page.",
        response_model=PersonResponse,
        responses=answers,
        tags=["people"],
    )
    async def export(
        request: Request,
        user_id: UserId,
        collection: Collection = None,
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 1_000,
        cursor: Annotated[str | None, Query(max_length=1_000)] = None,
    ) -> Response:
        page = await service.export_person(collection, _asked(request), limit, cursor)
        return Response(page.model_dump_json(exclude_none=True), media_type=_JSON)

    @public.delete(
        _PATH,
        summary="Erase a person",
        description="Removes what is held, and answers with the proof, which is kept: pseudonyms, counts and"
        " digests. No reader sees those events from the moment it begins. What arrives later is new.",
        response_model=Erasure,
        responses=answers,
        tags=["people"],
    )
    async def erase(request: Request, user_id: UserId, collection: Collection = None) -> Response:
        proof = await service.erase_person(collection, _asked(request))
        return Response(proof.model_dump_json(), media_type=_JSON)

    return public


def _asked(request: Request) -> str:
    """The id of the path. Raises ``InvalidRequest``."""
    user_id = sent_path(request.scope, _PREFIX, "user_id")
    try:
        _ID.validate_python(user_id)
    except ValidationError as error:
        raise InvalidRequest(
            "user_id", error.errors(include_url=False, include_input=False)[0]["msg"]
        ) from None
    return user_id
