"""Rows in, table rows out: the one pipeline of both lanes.

newest row of each product → compare with the table → fetch and decode changed media → encode what changed →
fuse.

A bad row becomes a reject and no product. A bad medium becomes a reject and the product is indexed by its
other modalities. What has the same content hash as in the table is copied from there, so a change of price
calls no encoder. Rows that tell stock alone are no work for it: :mod:`mmpipe.indexing.writing.restock`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from mmpipe import media
from mmpipe.encoders.base import Modality
from mmpipe.indexing.pipeline.due import Work, contenders, due, live_rows, using, write_tombstones
from mmpipe.indexing.pipeline.encode import ToEncode, copied_vectors, encode
from mmpipe.indexing.pipeline.hashes import text_hash
from mmpipe.indexing.pipeline.held import KnownRows, Lookup
from mmpipe.indexing.pipeline.media import Gathered, MediaPlan, gather, plan_media
from mmpipe.indexing.pipeline.result import ChunkResult, MediaRead, Write, WriteKind, reject_of_media
from mmpipe.indexing.pipeline.speech import ClipListener
from mmpipe.indexing.sources.rows import Source, SourceRow
from mmpipe.lake.schema import ProductRow, build_table

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.objects import ObjectStore
    from mmpipe.settings import Settings

FETCH_THREADS = 8
# Decoded photos, frames and samples held at once: large ones are encoded in smaller batches.
DECODED_BYTES = 128_000_000


@dataclass(slots=True)
class Ready:
    """One product with its media read, hashed and, where they changed, decoded."""

    work: Work
    gathered: Gathered
    to_encode: ToEncode


class Pipeline:
    """Encodes chunks of rows with one loaded profile. Safe to use from one thread at a time."""

    def __init__(
        self, settings: Settings, loaded: LoadedEncoders, store_for: Callable[[str], ObjectStore]
    ) -> None:
        self.loaded = loaded
        self.chunk_rows = settings.indexing.chunk_rows
        self._media = settings.media
        self._fetcher = media.Fetcher(settings.media, store_for)
        wanted = frozenset(settings.indexing.modalities)
        self._encodable: frozenset[Modality] = wanted.intersection(loaded.encoders)
        self._listener = ClipListener(settings)
        self._threads: ThreadPoolExecutor | None = None

    def close(self) -> None:
        """End the fetching threads."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None

    def process(self, rows: Sequence[SourceRow], lookup: Lookup) -> ChunkResult:
        """Index one chunk. Raises ``RetryableError`` when the object store fails; no row or medium raises."""
        result = ChunkResult()
        live, known = self.compare(rows, lookup, result)
        for batch in self.prepare(live, known):
            self.finish(batch, known, result)
        return result

    def compare(
        self, rows: Sequence[SourceRow], lookup: Lookup, result: ChunkResult
    ) -> tuple[list[Work], KnownRows]:
        """The products that have to be written, beside what the table holds of them; deletions, stock and
        rejects go to ``result``.
        """
        newest = contenders(rows, result)
        known = lookup(list(newest))
        live, deletions = due(newest, known, result)
        write_tombstones(deletions, self.loaded.profile.dim, result)
        return live, known

    def refresh(self, sources: Mapping[str, Source], known: KnownRows) -> ChunkResult:
        """Read the media at these addresses again for the known products that use them.

        ``sources`` maps each address to what asks for it. Rows keep their ``source_order`` and everything but
        the modalities concerned; a row whose content turns out the same is not in the result.
        """
        result = ChunkResult()
        self._again(list(using(sources, known)), known, result)
        return result

    def reread(self, source: Source, known: KnownRows) -> ChunkResult:
        """Resolve and read all media of the known products again, those that were refused before included.

        As with :meth:`refresh`, rows keep their ``source_order``. What came inside a feed is kept.
        """
        result = ChunkResult()
        works = []
        for row, product, known_row in live_rows(known):
            plan = plan_media(product, {}, source.root, self._media, self._encodable)
            held, used = known.hashes(known_row), set(known.media_uris(known_row))
            readable = [
                uri
                for modality, refs in plan.refs.items()
                if modality not in held or not used.isdisjoint(ref.uri for ref in refs)
                for uri in (ref.uri for ref in refs)
            ]
            again = SourceRow(source, 0, known.order(known_row), row, product=product, product_id=product.id)
            stock = known.stock(known_row)
            works.append(Work(again, product, known_row, frozenset(readable), stock=stock))
        self._again(works, known, result)
        return result

    def _again(self, works: Sequence[Work], known: KnownRows, result: ChunkResult) -> None:
        for batch in self.prepare(works, known):
            self.finish([r for r in batch if _content_changed(r, known, result)], known, result)

    def prepare(self, works: Sequence[Work], known: KnownRows) -> Iterator[list[Ready]]:
        """Fetch and decode, in batches whose decoded inputs stay within :data:`DECODED_BYTES`."""
        batch: list[Ready] = []
        held = 0
        self._listener.expect(works)
        for work, gathered in self._gathered(works, known):
            self._listener.settle(gathered, known, work.known_row)
            ready = _ready(work, gathered, known, text="text" in self._encodable)
            held += ready.to_encode.nbytes
            batch.append(ready)
            if held >= DECODED_BYTES:
                yield batch
                batch, held = [], 0
        if batch:
            yield batch

    def finish(self, batch: Sequence[Ready], known: KnownRows, result: ChunkResult) -> None:
        """Encode, fuse and add one batch to the result."""
        if not batch:
            return
        encoded = encode([ready.to_encode for ready in batch], self.loaded)
        now = datetime.now(UTC)
        rows = []
        for ready, counter in zip(batch, encoded.counts, strict=True):
            source, gathered, product = ready.work.row.source, ready.gathered, ready.work.product
            uris = gathered.uris
            if ready.work.keep_uris and ready.work.known_row is not None:
                uris = known.media_uris(ready.work.known_row)
            rows.append(
                ProductRow(product, ready.work.row.order, source.run_id, now, uris, gathered.hashes,
                           gathered.transcript, gathered.transcript_by, ready.work.stock)
            )  # fmt: skip
            counts = result.of_run(source.run_id)
            counts.encoded.update(counter)
            if ready.work.only is None:
                counts.pictures.update(_pictures(ready))
            kind: WriteKind = "unchanged" if _is_unchanged(ready, uris, known) else "indexed"
            setattr(counts, kind, getattr(counts, kind) + 1)
            result.writes.append(Write(product.id, ready.work.row.order, source.run_id, kind))
            _note_media(ready, result)
        table = build_table(rows, encoded.columns, self.loaded.profile.dim, encoded.clips)
        if "text" not in self._encodable:
            position = table.schema.get_field_index("search_text")
            table = table.set_column(position, table.schema.field(position), pa.array([""] * len(rows)))
        result.tables.append(table)

    def _gathered(self, works: Sequence[Work], known: KnownRows) -> Iterator[tuple[Work, Gathered]]:
        waiting: deque[tuple[Work, Future[Gathered] | Gathered]] = deque()
        for work in works:
            plan = self._plan(work)
            hashes = known.hashes(work.known_row) if work.known_row is not None else {}
            again = "audio" in hashes and self._listener.would_listen_again(known, work.known_row)
            read = partial(
                gather, plan, hashes, self._fetcher, self._media, only=work.only, listen_again=again
            )
            if plan.remote:
                job = self._pool().submit(read)
                waiting.append((work, job))
            else:
                waiting.append((work, read()))
            if len(waiting) > 2 * FETCH_THREADS:
                yield _resolved(*waiting.popleft())
        while waiting:
            yield _resolved(*waiting.popleft())

    def _plan(self, work: Work) -> MediaPlan:
        plan = plan_media(
            work.product, work.row.inline_media, work.row.source.root, self._media, self._encodable
        )
        # A refresh reads media again; the links that were refused before have their rejects already.
        return MediaPlan(plan.refs, {}, ()) if work.keep_uris else plan

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(FETCH_THREADS, thread_name_prefix="mmpipe-fetch")
        return self._threads


def _resolved(work: Work, job: Future[Gathered] | Gathered) -> tuple[Work, Gathered]:
    return work, job.result() if isinstance(job, Future) else job


def _ready(work: Work, gathered: Gathered, known: KnownRows, *, text: bool) -> Ready:
    to_encode = ToEncode(inputs=gathered.inputs)
    kept = {modality: work.known_row for modality in gathered.kept if work.known_row is not None}
    if text:
        words = work.product.text_for_encoder()
        gathered.hashes["text"] = text_hash(words)
        old = known.hashes(work.known_row) if work.known_row is not None else {}
        if work.known_row is not None and old.get("text") == gathered.hashes["text"]:
            kept["text"] = work.known_row
        else:
            to_encode.inputs["text"] = [words]
    to_encode.copied = copied_vectors(kept, {m: known.vectors(m) for m in kept})
    if "video" in kept:
        to_encode.clip = known.clip(kept["video"])
    return Ready(work, gathered, to_encode)


def _is_unchanged(ready: Ready, uris: Sequence[str], known: KnownRows) -> bool:
    row = ready.work.known_row
    return (
        row is not None
        and not known.deleted(row)
        and known.hashes(row) == ready.gathered.hashes
        and known.media_uris(row) == list(uris)
        and known.transcript(row) == (ready.gathered.transcript, ready.gathered.transcript_by)
        and known.document(row) == ready.work.product.model_dump_json(exclude_defaults=True)
    )


def _pictures(ready: Ready) -> dict[str, int]:
    gathered, product = ready.gathered, ready.work.product
    inline = ready.work.row.inline_media.get("image_link")
    named = product.image_link or product.additional_image_link or inline
    return {"found": gathered.pictures_found, "missing": gathered.pictures_missing, "none": int(not named)}


def _content_changed(ready: Ready, known: KnownRows, result: ChunkResult) -> bool:
    row = ready.work.known_row
    if row is not None and known.hashes(row) != ready.gathered.hashes:
        return True
    _note_media(ready, result)
    return False


def _note_media(ready: Ready, result: ChunkResult) -> None:
    source, product_id = ready.work.row.source, ready.work.product.id
    result.media += [
        MediaRead(product_id, source, ref.field, ref.uri, etag) for ref, etag in ready.gathered.reads
    ]
    for error in ready.gathered.errors:
        result.rejects.append(reject_of_media(ready.work.row, error))
