"""Write, then look: a product row never keeps a medium that was replaced while the row was being written.

A media event first records what is stored at the address now, then re-encodes the rows that name it. An
indexing run first commits its rows, then looks its media up in that record. Both sides end in :func:`settle`,
so whichever comes second sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mmpipe.errors import CommitConflict
from mmpipe.indexing.pipeline.held import with_documents
from mmpipe.indexing.pipeline.result import ChunkResult, MediaRead
from mmpipe.lake.changes import Changes

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.pipeline import Pipeline
    from mmpipe.indexing.sources.rows import Upload
    from mmpipe.lake import Collection, ProductTable

# A medium replaced this often while we look is being hammered; the queue brings the work back later.
_ROUNDS = 5


def refresh_using(
    sources: Mapping[str, Upload], collection: Collection, table: ProductTable, pipeline: Pipeline
) -> ChunkResult:
    """Read these media again for every product that names them, and write the rows that changed.

    ``sources`` maps each address to the event that changed it.
    """
    ids = table.using_media(sorted(sources))
    result = _refresh(ids, sources, collection, table, pipeline)
    result.add(settle(result.media, collection, table, lambda: pipeline))
    return result


def settle(
    reads: Sequence[MediaRead],
    collection: Collection,
    table: ProductTable,
    pipeline_for: Callable[[], Pipeline],
) -> ChunkResult:
    """Look the media of committed rows up in the record of media events; read again those that differ.

    ``pipeline_for`` is asked only where one does. Returns what the refreshes did: its ``writes`` are of rows
    that changed. Raises ``CommitConflict`` where a medium keeps changing.
    """
    total = ChunkResult()
    if not reads:
        return total
    for _ in range(_ROUNDS):
        recorded = collection.media.lookup(sorted({read.uri for read in reads}))
        stale = [r for r in reads if r.uri in recorded and recorded[r.uri].etag != r.etag]
        if not stale:
            return total
        before = {(read.product_id, read.uri): read.etag for read in stale}
        ids = sorted({read.product_id for read in stale})
        sources = {read.uri: read.source for read in stale}
        again = _refresh(ids, sources, collection, table, pipeline_for())
        total.add(again)
        # The same content as before: the record is the older of the two, and its own event has yet to come.
        # Whatever else was read again has to be looked up again.
        reads = [
            r for r in again.media if (key := (r.product_id, r.uri)) not in before or before[key] != r.etag
        ]
        if not reads:
            return total
    raise CommitConflict(f"{reads[0].uri} keeps changing while products that use it are written")


def _refresh(
    ids: Sequence[str],
    sources: Mapping[str, Upload],
    collection: Collection,
    table: ProductTable,
    pipeline: Pipeline,
) -> ChunkResult:
    total = ChunkResult()
    step = pipeline.chunk_rows
    for start in range(0, len(ids), step):
        result = pipeline.refresh(sources, with_documents(table, ids[start : start + step]))
        write_refreshed(result, table)
        _forget_mended(result, collection)
        total.add(result)
    return total


def write_refreshed(result: ChunkResult, table: ProductTable) -> None:
    """Write rows whose media were read again. A row that a newer source replaced meanwhile is not written:
    its media were looked up by that source's own run."""
    result.changes.sound = True
    applied = table.apply(result.changes)
    result.changes = Changes()
    lost = [write for write in result.writes if (write.id, write.order) in applied.lost]
    result.lost(lost)
    result.writes = [write for write in result.writes if write not in lost]


def _forget_mended(result: ChunkResult, collection: Collection) -> None:
    bad = {(reject.product_id, reject.field) for reject in result.rejects}
    good = {(r.product_id, r.field) for r in result.media if r.etag is not None} - bad
    if not good or collection.rejects.count() == 0:
        return
    mended: list[str] = []
    for product_id in sorted({product for product, _ in good}):
        for reject in collection.rejects.list(product_id=product_id, scope="media"):
            if (product_id, reject.field) in good:
                mended.append(reject.reject_id)  # noqa: PERF401  two plain loops read better than one comprehension
    collection.rejects.delete(mended)
