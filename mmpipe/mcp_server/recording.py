"""What callers with a key and the scope ``admin`` read is on record in the lake before it is answered, as
over the query service's routes (:mod:`mmpipe.serve.http.audit`)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mmpipe.lake.audit import AuditLog
    from mmpipe.mcp_server.access import Caller

_METHOD: Final = "MCP"


async def on_record(
    log: Callable[[], AuditLog],
    tool: str,
    caller: Caller,
    collection: object,
    call: Callable[[], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """What ``call`` answers, once it is on record that it was asked and with which status; who has no name is
    not on record. ``collection`` is the one that was asked for, as it was sent.

    Raises what ``call`` does, and ``StorageUnavailable`` where the record cannot be written: then there is no
    answer.
    """
    if not caller.name:
        return await call()
    from mmpipe.serve.http.errors import status_of

    try:
        answer = await call()
    except Exception as error:
        await asyncio.to_thread(_append, log, tool, caller, collection, status_of(error))
        raise
    await asyncio.to_thread(_append, log, tool, caller, collection, 200)
    return answer


def _append(log: Callable[[], AuditLog], tool: str, caller: Caller, collection: object, status: int) -> None:
    from mmpipe.lake.audit import AuditRecord

    log().append(
        AuditRecord(
            at=datetime.now(UTC),
            call=secrets.token_hex(8),
            step="done",
            caller=caller.name,
            method=_METHOD,
            route=tool,
            collection=_own(caller, collection),
            status=status,
        )
    )


def _own(caller: Caller, collection: object) -> str | None:
    """The collection that is meant: of a caller with one alone that one."""
    if isinstance(collection, str):
        return collection[:63]
    held = caller.collections
    return next(iter(held)) if held is not None and len(held) == 1 else None
