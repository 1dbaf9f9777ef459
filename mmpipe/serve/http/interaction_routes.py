"""``POST /v1/interactions``: what shoppers did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from mmpipe.schemas.interaction import MAX_EVENTS, Interaction, InteractionsRequest, InteractionsResponse
from mmpipe.serve.http import bounds
from mmpipe.serve.http.errors import InvalidFields
from mmpipe.serve.http.guard import needs
from mmpipe.serve.http.openapi import json_body, problems
from mmpipe.serve.http.requests import aside, parse_json, read_json_body, validate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.http.guard import KeyGuard

_JSON = "application/json"
_EXAMPLE = {
    "interactions": [
        {"type": "view", "event_id": "e1", "user_id": "u1", "session_id": "s1", "product_id": "p1"},
        {"type": "search-click", "session_id": "s2", "product_id": "p2", "context": {"position": 3}},
    ]
}
_DESCRIPTION = (
    "Up to 1,000 events, or one as the body itself. Each is judged alone: `rejected` says which were not"
    " taken and why, the others are stored durably when the 202 comes. With an `event_id` an event counts"
    " once, however often it is sent. Users and sessions are kept as pseudonyms."
)


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(default=None, max_length=63)
    interactions: list[Any] = Field(min_length=1, max_length=MAX_EVENTS)


def interactions_router(service: QueryService, guard: KeyGuard | None) -> APIRouter:
    """The route, for callers of ``guard`` who tell what shoppers do; without one, for everybody."""
    dependencies, refusals = needs(guard, "interactions")
    router = APIRouter(dependencies=dependencies, responses=refusals)

    @router.post(
        "/v1/interactions",
        summary="Store what shoppers did",
        description=_DESCRIPTION,
        status_code=202,
        response_model=InteractionsResponse,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=json_body(InteractionsRequest, _EXAMPLE),
        tags=["interactions"],
    )
    async def interactions(request: Request) -> Response:
        body = await read_json_body(request)
        collection, events, place = await aside(len(body), parse_events, body)
        answer = await service.record(collection, events)
        if not answer.accepted and not answer.duplicates:
            raise InvalidFields(
                [
                    {"type": "event", "loc": (*place(entry.index), entry.field), "msg": entry.reason}
                    for entry in answer.rejected
                ]
            )
        return Response(answer.model_dump_json(), status_code=202, media_type=_JSON)

    return router


def parse_events(body: bytes) -> tuple[str | None, Sequence[Interaction | Any], Any]:
    """The collection and the events of a body, not all of them valid; and where the n-th stands in it.

    Raises :class:`InvalidFields` where it is no such body as a whole, and as
    :func:`mmpipe.serve.http.bounds.check`.
    """
    bounds.check(body, bounds.INTERACTIONS)
    try:
        # One pass for what nearly always comes: a batch without a fault.
        request = InteractionsRequest.model_validate_json(body)
        return request.collection, request.interactions, _in_list
    except ValidationError as error:
        # That is the only error where it is one; a list of all would be long where many events are bad.
        if error.error_count() == 1 and error.errors(include_url=False)[0]["type"] == "json_invalid":
            parse_json(InteractionsRequest, body)
    held = from_json(body)
    if isinstance(held, dict) and "interactions" not in held:
        event = {name: value for name, value in held.items() if name != "collection"}
        around = {"collection": held.get("collection"), "interactions": [event]}
        return validate(_Envelope, around).collection, [event], _alone
    envelope = validate(_Envelope, held)
    return envelope.collection, envelope.interactions, _in_list


def _in_list(index: int) -> tuple[Any, ...]:
    return ("interactions", index)


def _alone(_index: int) -> tuple[Any, ...]:
    return ()
