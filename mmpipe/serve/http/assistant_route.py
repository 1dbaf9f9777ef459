"""``POST /v1/assistant``: one turn of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mmpipe.schemas.assistant import AssistantRequest, AssistantResponse
from mmpipe.serve.http import bounds
from mmpipe.serve.http.backlog import leave
from mmpipe.serve.http.openapi import json_body, problems
from mmpipe.serve.http.requests import read_json

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService

PATH: Final = "/v1/assistant"
_DESCRIPTION = (
    "Finds products, compares them, tells what their fields, texts and reviews say, and what they do not; in"
    " Chinese or English, as the turn is. All that an answer says of products is in `claims`, each with the"
    " product, the field and the words there. Send `state` with the next turn."
)
_EXAMPLE = {"text": "red boots under $150, not leather", "limit": 3}


def add_assistant_route(public: APIRouter, service: QueryService) -> None:
    """The route on the public router."""

    @public.post(
        PATH,
        summary="A turn of a conversation about the catalogue",
        description=_DESCRIPTION,
        response_model=AssistantResponse,
        responses=problems(400, 404, 413, 415, 422, 503),
        openapi_extra=json_body(AssistantRequest, _EXAMPLE),
        tags=["assistant"],
    )
    async def assistant(request: Request) -> Response:
        turn = await read_json(request, AssistantRequest, bounds.ASSISTANT)
        if turn.audio is not None or turn.image is not None or service.settings.assistant.model_url:
            leave(request.scope)
        return Response(await service.assist(turn), media_type="application/json")
