"""Which of a key's versions was there before which, as far as the ledger knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.errors import ObjectNotFound
from mmpipe.schemas.work import REMOVALS

if TYPE_CHECKING:
    from mmpipe.indexing.sources.readers import StoreFor
    from mmpipe.lake.runs import RunTable
    from mmpipe.schemas.work import WorkOrder

NOTHING_REVEALED = "the version that was removed had been replaced before"
# Of a key that changes every few minutes the ledger holds many; beyond these the object is read again.
_MOST_RUNS = 500


def revealed_nothing(order: WorkOrder, store_for: StoreFor, runs: RunTable) -> bool:
    """Whether the order tells of the removal of a version that what is there now had replaced: it changes
    nothing then. S3 says so nowhere; the ledger does where it holds the events of both versions.

    Without this a bucket that is tidied up would have its files read again, as if they were new. False where
    it cannot be told. Raises ``RetryableError`` where the store or the lake does not answer.
    """
    removed, uri = order.object.version_id, order.object.uri
    if order.kind not in REMOVALS or removed is None:
        return False
    try:
        current = store_for(uri).stat(uri).version_id
    except ObjectNotFound:
        return False
    if current is None:
        return False
    created: dict[str, str] = {}
    for run in runs.list(source_uri=uri, limit=_MOST_RUNS):
        if run.version_id in (removed, current) and run.event_order:
            # The removal of a version names it too, later.
            created[run.version_id] = min(created.get(run.version_id, run.event_order), run.event_order)
    return removed in created and current in created and created[removed] < created[current]
