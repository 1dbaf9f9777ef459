"""The encoders' part: vectors of what is new, and products as changes of the table."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from mmpipe.indexing.pipeline.encode import encode
from mmpipe.indexing.pipeline.ready import Ready
from mmpipe.indexing.pipeline.result import ChunkResult, MediaRead, Write, reject_of_media, reject_of_row
from mmpipe.lake.changes import seen_table
from mmpipe.lake.schema import build_edits, build_table

if TYPE_CHECKING:
    from mmpipe.encoders.base import EncoderInput, Vectors
    from mmpipe.encoders.registry import LoadedEncoders
    from mmpipe.settings import Settings


class Encoding:
    """Encodes what :class:`~mmpipe.indexing.pipeline.preparation.Preparation` made ready. Safe to share
    between threads, which encode in turn."""

    def __init__(self, settings: Settings, loaded: LoadedEncoders) -> None:
        self.loaded = loaded
        self._searches_text = "text" in settings.indexing.modalities and "text" in loaded.encoders
        self._encoding = threading.Lock()

    def images(self, pictures: Sequence[EncoderInput]) -> Vectors:
        """The vectors of decoded pictures by themselves, float32 ``(len(pictures), dim)``."""
        with self._encoding:
            return self.loaded.encoders["image"].embed_documents(pictures)

    def finish(self, batch: Sequence[Ready], result: ChunkResult) -> None:
        """Encode, fuse and add one batch to the result."""
        whole = [ready for ready in batch if ready.kind == "row"]
        if whole:
            self._encode(whole, result)
        edits = [ready for ready in batch if ready.kind == "edit"]
        if edits:
            rows = build_edits([ready.row for ready in edits])
            result.changes.edits.append(self._searchable(rows))
        seen = [ready for ready in batch if ready.kind == "seen"]
        if seen:
            result.changes.seen.append(seen_table([ready.seen() for ready in seen]))
        for ready in batch:
            _note_media(ready, result)
            if ready.kind in ("edit", "seen"):
                _note_write(ready, result)

    def _encode(self, batch: Sequence[Ready], result: ChunkResult) -> None:
        with self._encoding:  # tokenizers are for one thread at a time, and two would not be quicker
            encoded = encode([ready.gathered for ready in batch], self.loaded)
        good = []
        for place, (ready, counter) in enumerate(zip(batch, encoded.counts, strict=True)):
            result.of_run(ready.row.run_id).encoded.update(counter)
            fault = encoded.faults.get(place)
            if fault is None:
                good.append(place)
                _note_write(ready, result)
                continue
            result.of_run(ready.row.run_id).rejected += 1
            result.rejects.append(reject_of_row(ready.work.row, fault))
        rows = build_table(
            [ready.row for ready in batch], encoded.columns, self.loaded.profile.dim, encoded.clips
        )
        if len(good) < len(batch):
            rows = rows.take(pa.array(good, pa.int64()))
        if rows.num_rows:
            result.changes.rows.append(self._searchable(rows))

    def _searchable(self, rows: pa.Table) -> pa.Table:
        if self._searches_text:
            return rows
        position = rows.schema.get_field_index("search_text")
        return rows.set_column(position, rows.schema.field(position), pa.array([""] * rows.num_rows))


def _note_write(ready: Ready, result: ChunkResult) -> None:
    row = ready.row
    counts = result.of_run(row.run_id)
    if ready.work.only is None:
        counts.pictures.update(_pictures(ready))
    if ready.kind == "seen":
        counts.unchanged += 1
        # Its media have just been read, so what was wrong with them before is told again or mended.
        result.writes.append(Write(row.product.id, row.source_order, row.run_id, "unchanged"))
    else:
        counts.indexed += 1
        result.writes.append(Write(row.product.id, row.source_order, row.run_id, "indexed"))


def _pictures(ready: Ready) -> dict[str, int]:
    gathered, product = ready.gathered, ready.work.product
    inline = ready.work.row.inline_media.get("image_link")
    named = product.image_link or product.additional_image_link or inline
    return {"found": gathered.pictures_found, "missing": gathered.pictures_missing, "none": int(not named)}


def _note_media(ready: Ready, result: ChunkResult) -> None:
    source, product_id = ready.work.row.source, ready.work.product.id
    result.media += [
        MediaRead(product_id, source, ref.field, ref.uri, etag) for ref, etag in ready.gathered.reads
    ]
    for error in ready.gathered.errors:
        result.rejects.append(reject_of_media(ready.work.row, error))
