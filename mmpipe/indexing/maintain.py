"""The lake's upkeep as a Ray job: ``python -m mmpipe.indexing.maintain [--collection NAME …]``.

Prints one line of JSON per products table: what was done to it and whether readers have it. One table's
failure stops no other; the job then ends with 1. A version published here says so in ``mmpipe live list``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mmpipe.collection_job import run_job
from mmpipe.errors import MmpipeError, ModelUnavailable, ProfileMismatch
from mmpipe.indexing.tables.following import exactly
from mmpipe.indexing.tables.upkeep import keep_records, keep_up
from mmpipe.indexing.writing.photographing import drop_photos, settle_photos
from mmpipe.indexing.writing.reviewing import drop_notes, finish_erasures, settle_reviews
from mmpipe.lake import open_lake
from mmpipe.settings import Settings

if TYPE_CHECKING:
    from mmpipe.lake import Collection

logger = logging.getLogger(__name__)


def run(settings: Settings, collections: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Maintain every products table of these collections, of all of them where none is named, and what is
    recorded beside them.

    Yields ``{"collection", "table", "published", "note", …report}`` per table; ``{…, "error"}`` where that
    table, or its collection, could not be maintained now.
    """
    lake = open_lake(settings)
    for name in collections or lake.collections():
        try:
            collection = lake.collection(name)
            tables = collection.product_tables()
        except (MmpipeError, OSError) as error:
            yield _failure(name, None, error)
            continue
        for table in tables:
            yield _maintain(collection, table)
        try:
            finish_erasures(collection)
            collection.interactions.maintain()
            collection.searches.maintain()
            keep_records(collection, thorough=True)
            _see_to_photos(settings, collection)
            drop_notes(collection)
        except (MmpipeError, OSError) as error:
            yield _failure(name, None, error)


def _maintain(collection: Collection, table: str) -> dict[str, Any]:
    try:
        settle_reviews(collection, collection.table(table), thorough=True)
        upkeep = keep_up(collection, collection.table(table), thorough=True)
    except (MmpipeError, OSError) as error:
        return _failure(collection.name, table, error)
    return {
        "collection": collection.name,
        "table": table,
        "published": upkeep.published,
        "note": upkeep.note,
        **asdict(upkeep.report),
    }


def _see_to_photos(settings: Settings, collection: Collection) -> None:
    """The photos of all reviews, by the models of what is live, which are loaded where any is missing."""
    drop_photos(collection)
    live = collection.live()
    if live is None:
        return
    table = collection.table(live.table)
    try:
        with exactly(settings, table.profile) as pipeline:
            settle_photos(collection, table, table.profile, pipeline, thorough=True)
    except (ModelUnavailable, ProfileMismatch) as error:
        logger.warning("review photos wait for who has the models", extra={"reason": str(error)})


def _failure(collection: str, table: str | None, error: Exception) -> dict[str, Any]:
    logger.warning("not maintained", extra={"collection": collection, "table": table, "reason": str(error)})
    return {"collection": collection, "table": table, "error": f"{type(error).__name__}: {error}"}


def main(arguments: list[str] | None = None) -> int:
    """The job's entry point. See :func:`~mmpipe.collection_job.run_job`."""
    return run_job(
        run,
        arguments,
        prog="mmpipe.indexing.maintain",
        description="Maintain the lake's tables.",
        traced_as="lake.maintain",
    )


if __name__ == "__main__":
    raise SystemExit(main())
