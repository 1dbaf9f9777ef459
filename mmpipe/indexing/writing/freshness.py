"""Write, then look: a product row never keeps a medium that was replaced while the row was being written.

A media event first records what is stored at the address now, then re-encodes the rows that name it. An
indexing run first commits its rows, then looks its media up in that record. Both sides end in :func:`settle`,
so whichever comes second sees the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from mmpipe.errors import CommitConflict
from mmpipe.indexing.pipeline.held import KNOWN_COLUMNS, KnownRows
from mmpipe.indexing.pipeline.result import ChunkResult, MediaRead

if TYPE_CHECKING:
    from mmpipe.indexing.pipeline.pipeline import Pipeline
    from mmpipe.indexing.sources.rows import Source
    from mmpipe.lake import Collection, ProductTable

# A medium replaced this often while we look is being hammered; the queue brings the work back later.
_ROUNDS = 5


def refresh_using(
    sources: Mapping[str, Source], collection: Collection, table: ProductTable, pipeline: Pipeline
) -> ChunkResult:
    """Read these media again for every product that names them, and write the rows that changed.

    ``sources`` maps each address to the event that changed it.
    """
    ids = table.using_media(sorted(sources))
    result = _refresh(ids, sources, collection, table, pipeline)
    result.add(settle(result.media, collection, table, pipeline))
    return result


def settle(
    reads: Sequence[MediaRead], collection: Collection, table: ProductTable, pipeline: Pipeline
) -> ChunkResult:
    """Look the media of committed rows up in the record of media events; read again those that differ.

    Returns what the refreshes did. Raises ``CommitConflict`` where a medium keeps changing.
    """
    total = ChunkResult()
    for _ in range(_ROUNDS):
        recorded = collection.media.lookup(sorted({read.uri for read in reads}))
        stale = [r for r in reads if r.uri in recorded and recorded[r.uri].etag != r.etag]
        if not stale:
            return total
        before = {(read.product_id, read.uri): read.etag for read in stale}
        ids = sorted({read.product_id for read in stale})
        sources = {read.uri: read.source for read in stale}
        again = _refresh(ids, sources, collection, table, pipeline)
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
    sources: Mapping[str, Source],
    collection: Collection,
    table: ProductTable,
    pipeline: Pipeline,
) -> ChunkResult:
    total = ChunkResult()
    step = pipeline.chunk_rows
    for start in range(0, len(ids), step):
        known = KnownRows(table.fetch(ids[start : start + step], columns=list(KNOWN_COLUMNS)), table.dim)
        result = pipeline.refresh(sources, known)
        if result.tables:
            written = table.refresh(pa.concat_tables(result.tables))
            # A row that a newer source replaced meanwhile was looked up by that source's own run.
            result.lost(result.writes[: written.skipped])
            result.tables.clear()
        _forget_mended(result, collection)
        total.add(result)
    return total


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
