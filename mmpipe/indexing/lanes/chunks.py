"""Feed rows in chunks, as bytes that travel between processes.

A chunk is the batch lane's unit of work: at most ``chunk_rows`` rows and :data:`CHUNK_BYTES` of raw rows and
inline media, so memory does not depend on the feed's size. Products travel as JSON, which pydantic writes and
parses several times faster than it pickles.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmpipe import catalogue
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.indexing.pipeline.result import ChunkResult
from mmpipe.indexing.sources.readers import open_version
from mmpipe.indexing.sources.rows import Source, SourceRow, put_source
from mmpipe.indexing.sources.stores import stores
from mmpipe.schemas.product import Product
from mmpipe.schemas.work import WorkOrder
from mmpipe.settings import Settings

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.objects import ObjectStore
    from mmpipe.schemas.feed import FeedReport

CHUNK_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a worker needs; ``threads`` bounds the CPU threads of one encode call. ``profile`` is what
    encodes, unless given the one that the order names."""

    order: WorkOrder
    settings: Settings
    threads: int | None = 1
    profile: Profile | None = None

    def pack(self) -> bytes:
        """The job as bytes, for :func:`read_packed` in another process."""
        return pickle.dumps(self, protocol=5)


def read_chunks(
    order: WorkOrder, settings: Settings, store_for: Callable[[str], ObjectStore]
) -> Iterator[bytes]:
    """Read the order's feed and yield packed chunks; one read of the object, streamed.

    Where the file breaks off, the last chunk says so (``ChunkResult.broken``), and what was found until then:
    an error here would overtake the chunks before it on their way. Raises ``InvalidFeed`` where it is no feed
    from the start.
    """
    stream, stat = open_version(order, store_for)
    source = put_source(order, stat.last_modified)
    with stream:
        chunk: list[catalogue.FeedRow] = []
        held = 0
        rows = catalogue.read_feed(stream, order.object.uri, settings.feeds, collection=order.collection)
        broken = ""
        try:
            for row in rows:
                full = len(chunk) >= settings.indexing.chunk_rows or held >= CHUNK_BYTES
                # The names that one record's product may have are looked for together.
                if full and (row.stock is None or row.row != chunk[-1].row):
                    yield pack_rows(source, chunk)
                    chunk, held = [], 0
                chunk.append(row)
                held += len(row.raw) + sum(len(data) for data in row.inline_media.values())
        except InvalidFeed as error:
            broken = str(error)
        yield pack_rows(source, chunk, rows.report, broken)


def read_packed(packed_job: bytes) -> Iterator[bytes]:
    """The packed chunks of a packed job's feed."""
    job: Job = pickle.loads(packed_job)  # noqa: S301  made by Job.pack, inside this cluster
    yield from read_chunks(job.order, job.settings, stores(job.settings))


def pack_rows(
    source: Source, rows: list[catalogue.FeedRow], report: FeedReport | None = None, broken: str = ""
) -> bytes:
    """A chunk of one source as bytes; the last one carries what was found in the whole file, and why that
    broke off, if it did."""
    packed = [
        (
            row.row,
            row.raw,
            None if row.product is None else row.product.model_dump_json(exclude_defaults=True),
            row.delete_id,
            None if row.reject is None else (row.reject.field, row.reject.reason),
            row.product_id,
            dict(row.inline_media),
            row.stock,
            row.group_id,
            row.group,
        )
        for row in rows
    ]
    return pickle.dumps((source, packed, report, broken), protocol=5)


def unpack_rows(data: bytes, result: ChunkResult) -> list[SourceRow]:
    """The inverse of :func:`pack_rows`; what is said of the whole file goes to ``result``. Only for bytes of
    our own."""
    source, packed, report, broken = pickle.loads(data)  # noqa: S301  made by pack_rows, inside this cluster
    result.broken = broken
    if report is not None:
        result.reports[source.run_id] = report
    parse = Product.model_validate_json
    return [
        SourceRow.of(
            source,
            catalogue.FeedRow(
                row=row,
                raw=raw,
                product=None if document is None else parse(document),
                delete_id=delete_id,
                stock=stock,
                reject=None if reject is None else InvalidRow(*reject),
                product_id=product_id,
                group_id=group_id,
                group=group,
                inline_media=inline,
            ),
        )
        for row, raw, document, delete_id, reject, product_id, inline, stock, group_id, group in packed
    ]


def pack_result(result: ChunkResult, profile: Profile) -> bytes:
    """A processed chunk as bytes, its tables as one Arrow stream, and the profile that encoded it."""
    said = result.reports, result.broken
    rest: tuple[Any, ...] = (result.writes, result.rejects, result.media, result.counts, result.stocks, *said)
    return pickle.dumps((_stream(result.tables), rest, profile.to_json()), protocol=5)


def unpack_result(data: bytes) -> tuple[ChunkResult, str]:
    """The inverse of :func:`pack_result`; the profile as its canonical JSON."""
    stream, rest, profile = pickle.loads(data)  # noqa: S301  made by pack_result
    return ChunkResult(_tables(stream), *rest), profile


def _stream(tables: list[pa.Table]) -> pickle.PickleBuffer:
    sink = pa.BufferOutputStream()
    if tables:
        table = pa.concat_tables(tables)
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return pickle.PickleBuffer(sink.getvalue())


def _tables(stream: bytes) -> list[pa.Table]:
    return [pa.ipc.open_stream(pa.py_buffer(stream)).read_all()] if len(stream) else []
