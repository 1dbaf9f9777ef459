"""One event to the work that follows from it."""

from __future__ import annotations

from mmpipe.schemas.work import CatalogueEvent, Lane, ObjectRef, WorkOrder, run_id_of
from mmpipe.settings import IndexingSettings

# A compressed feed is judged by what it probably holds; text feeds shrink about this much.
_COMPRESSED_SUFFIXES = (".gz", ".zst")
_COMPRESSION_RATIO = 8


def plan(event: CatalogueEvent, settings: IndexingSettings) -> WorkOrder:
    """The order for an event. The same event under the same profile always gives the same ``run_id``.

    Feeds over ``warm_max_bytes`` (estimated after decompression), or of unknown size, take the batch lane;
    everything else is warm.
    """
    return WorkOrder(
        run_id=run_id_of(event, settings.profile),
        kind=event.kind,
        collection=event.collection,
        object=event.object,
        lane=_lane(event, settings),
    )


def _lane(event: CatalogueEvent, settings: IndexingSettings) -> Lane:
    if event.kind not in ("feed_uploaded", "feed_removed"):
        return "warm"
    size = _content_size(event.object)
    return "warm" if size is not None and size <= settings.warm_max_bytes else "batch"


def _content_size(obj: ObjectRef) -> int | None:
    if obj.size is None:
        return None
    compressed = obj.uri.lower().endswith(_COMPRESSED_SUFFIXES)
    return obj.size * _COMPRESSION_RATIO if compressed else obj.size
