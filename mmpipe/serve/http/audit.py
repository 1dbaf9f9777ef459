"""Every call with the scope ``admin`` is on record before it is answered.

A change is on record before it is made, and again with what became of it; where the first cannot be written
it is not made. What only reads is on record with its status before its answer leaves, and is not answered
where that cannot be written. Refusals for want of a key or a scope are not recorded: whoever has a shop
front's key could fill the log with them. Without keys nobody has a name, and nothing is recorded.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from mmpipe.errors import MmpipeError
from mmpipe.lake.audit import AuditRecord
from mmpipe.serve.answer import tenancy
from mmpipe.serve.http.errors import status_of
from mmpipe.serve.http.guard import needs
from mmpipe.serve.http.limits import TooLarge
from mmpipe.serve.http.methods import READING

if TYPE_CHECKING:
    from mmpipe.lake.audit import AuditLog
    from mmpipe.serve.http.guard import KeyGuard

_CALL: Final = "mmpipe.audited"
_log = logging.getLogger("mmpipe.serve")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def admin_router(
    guard: KeyGuard | None, log: AuditLog, tags: list[Any] | None = None
) -> tuple[APIRouter, dict[int | str, dict[str, Any]]]:
    """A router whose routes need the scope ``admin`` and are on record, and how they refuse, for OpenAPI;
    for everybody and off record where there is no guard."""
    dependencies, refusals = needs(guard, "admin")
    if guard is None:
        return APIRouter(tags=tags), refusals

    async def begin(request: Request) -> None:
        subject = "/".join(str(value) for value in request.path_params.values())
        record = _record(request, await asyncio.to_thread(log.about, subject) if subject else None)
        if request.method not in READING:
            await asyncio.to_thread(log.append, record)
        # From here on there is something to tell the end of.
        request.scope[_CALL] = record

    class Audited(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    response = await handle(request)
                except Exception as error:
                    await _ended(log, request, status_of(error))
                    raise
                except TooLarge:
                    await _ended(log, request, 413)
                    raise
                await _ended(log, request, response.status_code)
                return response

            return handled

    return APIRouter(dependencies=[*dependencies, Depends(begin)], route_class=Audited, tags=tags), refusals


async def _ended(log: AuditLog, request: Request, status: int) -> None:
    begun = request.scope.pop(_CALL, None)
    if begun is None:
        return
    caller = tenancy.current()
    collection = begun.collection if caller is None or caller.collection is None else caller.collection
    record = begun.model_copy(
        update={"at": datetime.now(UTC), "step": "done", "status": status, "collection": collection}
    )
    try:
        await asyncio.to_thread(log.append, record)
    except MmpipeError as error:
        if request.method in READING:
            raise
        # It is made, and on record as begun.
        _log.warning("the end of a call is not on record", extra={"call": record.call, "reason": str(error)})


def _record(request: Request, subject: str | None) -> AuditRecord:
    caller = tenancy.current()
    collection = request.query_params.get("collection")
    return AuditRecord(
        at=datetime.now(UTC),
        call=secrets.token_hex(8),
        step="begun",
        caller="" if caller is None else caller.grant.name,
        method=request.method,
        route=str(getattr(request.scope.get("route"), "path_format", "")),
        collection=None if collection is None else collection[:63],
        subject=subject,
    )
