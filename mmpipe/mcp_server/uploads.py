"""What became of what was uploaded: runs and rejects of a lake, and what waits in a queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpipe.lake import Collection, Lake
    from mmpipe.mcp_server.access import Caller
    from mmpipe.mcp_server.arguments import Rejects, Status
    from mmpipe.schemas.run import Reject, RunRecord

_ID = 12
_NAMES = ("read", "indexed", "unchanged", "skipped", "deleted", "rejected")


class Uploads:
    """Of the lake that ``opened`` gives. ``queue`` counts messages, where there is a queue. Both may block;
    every call reads the object store, in a thread."""

    def __init__(
        self, opened: Callable[[], Lake], queue: Callable[[], Mapping[str, Any]] | None = None
    ) -> None:
        self._opened = opened
        self._queue = queue

    async def rejects(self, asked: Rejects, caller: Caller) -> dict[str, Any]:
        """The newest rejects. Raises ``UnknownCollection``, ``InvalidRequest``."""
        return await asyncio.to_thread(self._rejects, asked, caller.collection(asked.collection))

    async def status(self, asked: Status, caller: Caller) -> dict[str, Any]:
        """Each collection, its rejects and last runs. Raises ``UnknownCollection``."""
        return await asyncio.to_thread(self._status, asked, caller)

    def _rejects(self, asked: Rejects, name: str | None) -> dict[str, Any]:
        held = self._opened().named(name)
        found = held.rejects.list(
            product_id=asked.product_id, source_uri=asked.source, run_id=asked.run_id, limit=asked.limit
        )
        return {
            "collection": held.name,
            "total_of_collection": held.rejects.count(),
            "rejects": [_reject(each, row=asked.rows) for each in found],
        }

    def _status(self, asked: Status, caller: Caller) -> dict[str, Any]:
        lake = self._opened()
        only = None if asked.collection is None else caller.collection(asked.collection)
        names = [name for name in lake.collections() if caller.sees(name)] if only is None else [only]
        answer: dict[str, Any] = {
            "collections": [_collection(lake.collection(name), asked.runs) for name in names]
        }
        if self._queue is not None and caller.collections is None:
            # One queue serves all collections: how full it is tells of the others.
            answer["queue"] = dict(self._queue())
        return answer


def _reject(reject: Reject, *, row: bool) -> dict[str, Any]:
    told = {
        "id": reject.reject_id[:_ID],
        "what": reject.scope,
        "product_id": reject.product_id,
        "field": reject.field,
        "reason": reject.reason,
        "source": reject.source_uri,
        "row": reject.row,
        "at": reject.created_at.isoformat(timespec="seconds"),
        "may_mend_itself": reject.retryable,
    }
    return told | ({"as_read": reject.raw} if row else {})


def _collection(held: Collection, runs: int) -> dict[str, Any]:
    live = held.live()
    told: dict[str, Any] = {"name": held.name, "products": 0 if live is None else live.rows}
    if live is not None:
        told["live"] = f"version {live.version} of {live.table}"
        told["published_at"] = live.published_at.isoformat(timespec="seconds")
    told["rejects"] = held.rejects.count()
    if runs:
        told["runs"] = [_run(run) for run in held.runs.list(limit=runs)]
    return told


def _run(run: RunRecord) -> dict[str, Any]:
    told: dict[str, Any] = {
        "run_id": run.run_id,
        "started": run.started_at.isoformat(timespec="seconds"),
        "status": run.status,
        "source": run.source_uri,
    }
    told |= {name: value for name in _NAMES if (value := getattr(run, name))}
    told |= {"error": run.error, "not_live_because": run.refused}
    if run.feed is not None:
        told["warnings"] = len(run.feed.warnings)
    return told
