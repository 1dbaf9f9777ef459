"""``/v1/uploads``, ``/v1/rejects``, ``/v1/status``, ``/v1/live``: what the shop's people do with their lake.

Where the service has API keys, calling these takes the scope ``admin``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from mmpipe.errors import InvalidRequest
from mmpipe.schemas.status import Moved, PromoteBody, RollbackBody, Status
from mmpipe.schemas.uploads import RejectsPage, ReplayBody, Upload, UploadsResponse
from mmpipe.schemas.work import ReplayOutcome, Section
from mmpipe.serve.http import bounds
from mmpipe.serve.http.audit import admin_router
from mmpipe.serve.http.openapi import json_body, problems
from mmpipe.serve.http.requests import read_json, sent_path
from mmpipe.serve.operations.progress import MAX_ID, MAX_UPLOADS
from mmpipe.serve.operations.rejects import MAX_OFFSET, MAX_REJECTS

if TYPE_CHECKING:
    from mmpipe.serve.http.guard import KeyGuard
    from mmpipe.serve.operations import Operations

UPLOADS: Final = "/v1/uploads/"
_JSON = "application/json"
Collection = Annotated[str | None, Query(max_length=63, description="omit where the lake has only one")]
UploadId = Annotated[str, Path(max_length=MAX_ID, description="as the upload was answered")]
RejectId = Annotated[str, Path(max_length=64, description="as /v1/rejects has it")]
Limit = Annotated[int, Query(ge=1, le=MAX_REJECTS)]
Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET, description="`next_offset` of the page before")]


BODIES: tuple[type[BaseModel], ...] = (ReplayBody, RollbackBody, PromoteBody)


def operations_router(operations: Operations, guard: KeyGuard | None) -> APIRouter:
    """The routes, for callers of ``guard`` with the scope ``admin``; without one, for everybody."""
    router, refusals = admin_router(guard, operations.audit, tags=["operations"])
    answers = problems(404, 414, 422, 503) | refusals
    _upload_routes(router, operations, answers)
    _reject_routes(router, operations, answers)
    _status_routes(router, operations, answers)
    return router


def _upload_routes(
    router: APIRouter, operations: Operations, answers: dict[int | str, dict[str, Any]]
) -> None:
    file = {"content": {"application/octet-stream": {}}, "required": True}

    @router.put(
        UPLOADS + "{section}/{name:path}",
        summary="Upload a feed, a product, a medium, events or reviews",
        description="The body is the file's bytes, whatever its Content-Type; it goes to"
        " `COLLECTION/SECTION/NAME` of the bucket that shops upload to, over what is there, and is indexed"
        " from there. Only a service that is set up for it takes files (docs/uploads.md).",
        status_code=202,
        response_model=Upload,
        responses=answers | problems(400, 413),
        openapi_extra={"requestBody": file},
    )
    async def upload(
        request: Request,
        section: Section,
        name: Annotated[str, Path(description="percent-encoded; may hold `/`", max_length=1_024)],
        collection: Annotated[
            str | None,
            Query(max_length=63, description="may be new; omit where the lake has only one"),
        ] = None,
    ) -> Response:
        given = sent_path(request.scope, f"{UPLOADS}{section}/", "name")
        found = await operations.receive(collection, section, given, request.stream())
        return Response(
            found.model_dump_json(),
            status_code=202,
            media_type=_JSON,
            headers={"Location": f"{UPLOADS}{found.id}?collection={found.collection}"},
        )

    @router.get(
        "/v1/uploads",
        summary="What was uploaded, and what became of it",
        response_model=UploadsResponse,
        responses=answers,
    )
    async def uploads(
        collection: Collection = None, limit: Annotated[int, Query(ge=1, le=MAX_UPLOADS)] = 20
    ) -> Response:
        found = UploadsResponse(uploads=await operations.uploads(collection, limit))
        return Response(found.model_dump_json(), media_type=_JSON)

    @router.get(
        UPLOADS + "{upload_id}",
        summary="How far an upload is",
        description="`queued`, `running` with its counts, then how it ended: `live`, `unchanged`, `refused`"
        " or `failed`. A `dead_letter` was given up, and is queued again once `remedy` was run.",
        response_model=Upload,
        responses=answers,
    )
    async def progress(upload_id: UploadId, collection: Collection = None) -> Response:
        return Response((await operations.upload(collection, upload_id)).model_dump_json(), media_type=_JSON)


def _reject_routes(
    router: APIRouter, operations: Operations, answers: dict[int | str, dict[str, Any]]
) -> None:
    @router.get(
        "/v1/rejects",
        summary="Rows and media that could not be used, each with its reason",
        description="The newest first, with their rows as they were read, private columns included.",
        response_model=RejectsPage,
        responses=answers,
    )
    async def rejects(
        collection: Collection = None,
        upload: Annotated[
            str | None, Query(max_length=MAX_ID, description="of this upload's file alone")
        ] = None,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> Response:
        found = await operations.rejects(collection, upload, limit, offset)
        return Response(found.model_dump_json(), media_type=_JSON)

    @router.post(
        "/v1/rejects/{reject_id}/replay",
        summary="Try a reject again",
        description="As it was, for a photo may have arrived since, or with a mended row. It keeps its place"
        " among all writes: what was uploaded later stands.",
        response_model=ReplayOutcome,
        responses=answers | problems(400, 413, 415),
        openapi_extra=json_body(ReplayBody),
    )
    async def replay(request: Request, reject_id: RejectId, collection: Collection = None) -> Response:
        body = await read_json(request, ReplayBody, bounds.FILTERS)
        row = None if body.row is None else json.dumps(body.row, ensure_ascii=False)
        if row is not None and len(row) > bounds.MAX_TEXT:
            raise InvalidRequest("row", f"is over {bounds.MAX_TEXT:,} characters; upload it as a feed")
        outcome = await operations.replay(collection, reject_id, row)
        return Response(outcome.model_dump_json(), media_type=_JSON)


def _status_routes(
    router: APIRouter, operations: Operations, answers: dict[int | str, dict[str, Any]]
) -> None:
    @router.get(
        "/v1/status",
        summary="What is live, since when, by which models, and how the service does",
        response_model=Status,
        responses=answers,
    )
    async def status(collection: Collection = None) -> Response:
        return Response((await operations.status(collection)).model_dump_json(), media_type=_JSON)

    @router.post(
        "/v1/live/rollback",
        summary="Make live again what was live before",
        description="`back_to` of /v1/status says what that is. From then on uploads are written and not made"
        " live, until somebody promotes the table.",
        response_model=Moved,
        responses=answers | problems(400, 409, 413, 415),
        openapi_extra=json_body(RollbackBody),
    )
    async def roll_back(request: Request, collection: Collection = None) -> Response:
        body = await read_json(request, RollbackBody, bounds.FILTERS)
        moved = await operations.roll_back(collection, body.generation)
        return Response(moved.model_dump_json(), media_type=_JSON)

    @router.post(
        "/v1/live/promote",
        summary="Make a version of the live table live",
        description="The newest, unless another is named: after it uploads are made live again.",
        response_model=Moved,
        responses=answers | problems(400, 409, 413, 415),
        openapi_extra=json_body(PromoteBody),
    )
    async def promote(request: Request, collection: Collection = None) -> Response:
        body = await read_json(request, PromoteBody, bounds.FILTERS)
        moved = await operations.promote(collection, body.generation, body.table, body.version)
        return Response(moved.model_dump_json(), media_type=_JSON)
