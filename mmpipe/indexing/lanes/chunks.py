"""Feed rows in chunks, as bytes that travel between processes.

A chunk is the batch lane's unit of work: at most ``chunk_rows`` rows and :data:`CHUNK_BYTES` of raw rows and
inline media, so memory does not depend on the feed's size. Products travel as JSON, which pydantic writes and
parses several times faster than it pickles. What whoever reads the feed can settle alone (rows that are as
they were) goes past the workers, as a result.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from mmpipe import catalogue
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.indexing.lanes.sifting import Sifter, sifter_for
from mmpipe.indexing.pipeline.result import ChunkResult
from mmpipe.indexing.sources.readers import open_version
from mmpipe.indexing.sources.rows import Upload, UploadRow, put_source
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake.changes import Changes
from mmpipe.schemas.product import Product
from mmpipe.schemas.work import WorkOrder
from mmpipe.settings import Settings

if TYPE_CHECKING:
    from mmpipe.encoders.base import Profile
    from mmpipe.objects import ObjectStore

CHUNK_BYTES = 16_000_000
# Rows that are compared with the table, and whose media are asked about, together.
SIFTED_ROWS = 8_192
_ROWS, _RESULT = b"C", b"R"


@dataclass(frozen=True, slots=True)
class FeedJob:
    """Everything a worker needs; ``threads`` bounds the CPU threads of one encode call. ``profile`` is what
    encodes, unless given the one that the order names. Rows whose numbers are in ``done`` are left out, and
    with ``only``, those of all other products."""

    order: WorkOrder
    settings: Settings
    threads: int | None = 1
    profile: Profile | None = None
    done: frozenset[int] = frozenset()
    only: frozenset[str] | None = None

    def pack(self) -> bytes:
        """The job as bytes, for :func:`read_packed` in another process."""
        return pickle.dumps(self, protocol=5)


class ChunkReader:
    """Reads a job's feed: one read of the object, streamed.

    Where the file breaks off, the last chunk says so (``ChunkResult.broken``), and what was found until then:
    an error here would overtake the chunks before it on their way.
    """

    def __init__(self, job: FeedJob, store_for: Callable[[str], ObjectStore], sifter: Sifter | None) -> None:
        self._job = job
        self._store_for = store_for
        self._sifter = sifter

    def chunks(self) -> Iterator[bytes]:
        """Packed chunks and results. Raises ``InvalidFeed`` where it is no feed from the start."""
        order, settings = self._job.order, self._job.settings
        stream, stat = open_version(order, self._store_for)
        source = put_source(order, stat.last_modified)
        with stream:
            rows = catalogue.read_feed(stream, order.object.uri, settings.feeds, collection=order.collection)
            broken = ""
            block: list[UploadRow] = []
            held = 0
            some = bool(self._job.done) or self._job.only is not None
            most = settings.indexing.chunk_rows if self._sifter is None else SIFTED_ROWS
            try:
                for row in rows:
                    full = len(block) >= most or held >= CHUNK_BYTES
                    # The names that one record's product may have are looked for together.
                    if full and (row.stock is None or row.row != block[-1].row):
                        yield from self._packed(source, block)
                        block, held = [], 0
                    if some and not self._is_due(row):
                        continue
                    block.append(UploadRow.of(source, row))
                    held += len(row.raw)
                    for data in row.inline_media.values():
                        held += len(data)
            except InvalidFeed as error:
                broken = str(error)
            yield from self._packed(source, block)
            yield pack_result(ChunkResult(reports={source.run_id: rows.report}, broken=broken))

    def _is_due(self, row: catalogue.FeedRow) -> bool:
        if row.row in self._job.done:
            return False
        only = self._job.only
        return only is None or row.product_id in only or row.delete_id in only

    def _packed(self, source: Upload, block: list[UploadRow]) -> Iterator[bytes]:
        if self._sifter is not None and block:
            settled = ChunkResult()
            block = self._sifter.sift(block, settled)
            if settled.writes:
                yield pack_result(settled)
        step = self._job.settings.indexing.chunk_rows
        start = 0
        while start < len(block):
            end = min(start + step, len(block))
            while end < len(block) and block[end].stock is not None and block[end].row == block[end - 1].row:
                end += 1
            yield pack_rows(source, block[start:end])
            start = end


def read_packed(packed_job: bytes) -> Iterator[bytes]:
    """What :class:`ChunkReader` gives for a packed job."""
    job: FeedJob = pickle.loads(packed_job)  # noqa: S301  made by FeedJob.pack, inside this cluster
    sifter = sifter_for(job.settings, job.order.collection, job.profile)
    yield from ChunkReader(job, stores(job.settings), sifter).chunks()


def pack_rows(source: Upload, rows: list[UploadRow]) -> bytes:
    """A chunk of one source as bytes."""
    packed = [
        (
            row.row,
            row.order,
            row.raw,
            None if row.product is None else row.product.model_dump_json(exclude_defaults=True),
            row.delete_id,
            None if row.reject is None else (row.reject.field, row.reject.reason),
            row.product_id,
            dict(row.inline_media),
            row.stock,
            row.group_id,
            row.asked,
        )
        for row in rows
    ]
    return _ROWS + pickle.dumps((source, packed), protocol=5)


def unpack_rows(data: bytes) -> list[UploadRow]:
    """The inverse of :func:`pack_rows`. Only for bytes of our own."""
    source, packed = pickle.loads(memoryview(data)[1:])  # noqa: S301  made by pack_rows, inside this cluster
    parse = Product.model_validate_json
    return [
        UploadRow(
            source=source,
            row=row,
            order=order,
            raw=raw,
            product=None if document is None else parse(document),
            delete_id=delete_id,
            stock=stock,
            reject=None if reject is None else InvalidRow(*reject),
            product_id=product_id,
            group_id=group_id,
            inline_media=inline,
            asked=asked,
        )
        for row, order, raw, document, delete_id, reject, product_id, inline, stock, group_id, asked in packed
    ]


def is_result(data: bytes) -> bool:
    """Whether these bytes are a result, not a chunk that is still to be worked on."""
    return data[:1] == _RESULT


def pack_result(result: ChunkResult, profile: Profile | None = None) -> bytes:
    """A processed chunk as bytes, its tables as Arrow streams, with the profile that encoded it, if any."""
    changes = result.changes
    tables = [_stream(part) for part in (changes.rows, changes.edits, changes.seen)]
    rest = (result.writes, result.rejects, result.media, result.counts, result.stocks, result.rows)
    said = (result.reports, result.named, result.repeated, result.broken)
    name = None if profile is None else profile.to_json()
    return _RESULT + pickle.dumps((tables, rest, said, name), protocol=5)


def unpack_result(data: bytes) -> tuple[ChunkResult, str | None]:
    """The inverse of :func:`pack_result`; the profile as its canonical JSON."""
    tables, rest, said, name = pickle.loads(memoryview(data)[1:])  # noqa: S301  made by pack_result
    rows, edits, seen = (_tables(stream) for stream in tables)
    writes, rejects, media, counts, stocks, numbers = rest
    reports, named, repeated, broken = said
    result = ChunkResult(
        changes=Changes(rows=rows, edits=edits, seen=seen),
        writes=writes,
        rejects=rejects,
        media=media,
        counts=counts,
        stocks=stocks,
        reports=reports,
        named=named,
        rows=numbers,
        repeated=repeated,
        broken=broken,
    )
    return result, name


def _stream(tables: list[pa.Table]) -> pickle.PickleBuffer:
    sink = pa.BufferOutputStream()
    if tables:
        table = pa.concat_tables(tables)
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return pickle.PickleBuffer(sink.getvalue())


def _tables(stream: bytes) -> list[pa.Table]:
    return [pa.ipc.open_stream(pa.py_buffer(stream)).read_all()] if len(stream) else []
