"""Parquet, in small batches; columns of bytes are media."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.rows import INCOMPLETE_KEY, Record
from mmpipe.errors import FeedTooLarge, InvalidFeed, InvalidRow

# Fields that may hold a medium itself, as ``bytes`` or as the ``{bytes, path}`` that Hugging Face writes.
MEDIA_COLUMNS: Final = {
    "image": "image_link",
    "image_link": "image_link",
    "audio": "audio_link",
    "audio_link": "audio_link",
    "video": "video_link",
    "video_link": "video_link",
}
_BATCH_ROWS: Final = 128
# A batch that holds more is turned into Python's objects row by row.
_BATCH_BYTES: Final = 16 << 20
_SHORT_BYTES: Final = 1 << 10
_COPY_BYTES: Final = 1 << 20
_SPOOL_BYTES: Final = 16 << 20
_METADATA_BYTES: Final = 64 << 20


def read_parquet(stream: BinaryIO, max_row_bytes: int, max_bytes: int) -> Iterator[Record]:
    """Rows of a Parquet file; a stream without random access is spooled to a temporary file first.

    ``InvalidFeed`` where the footer or a page cannot be read; the rows before that page have come by then.
    """
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        yield from _rows(_seekable(stream, spool, max_bytes), max_row_bytes, max_bytes)


def _seekable(stream: BinaryIO, spool: Any, max_bytes: int) -> Any:
    if _has_random_access(stream):
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if size > max_bytes:
            raise FeedTooLarge(f"the feed holds more than {max_bytes:,} bytes: split it into several files")
        return stream
    while chunk := stream.read(_COPY_BYTES):
        spool.write(chunk)
    spool.seek(0)
    return spool


def _has_random_access(stream: BinaryIO) -> bool:
    return isinstance(stream, io.BytesIO) or (isinstance(stream, io.BufferedReader) and stream.seekable())


def _rows(file: Any, max_row_bytes: int, max_bytes: int) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row, held = 0, 0
    try:
        parquet = pq.ParquetFile(
            file,
            buffer_size=1 << 20,
            pre_buffer=False,
            thrift_string_size_limit=_METADATA_BYTES,
            thrift_container_size_limit=1_000_000,
        )
        names = parquet.schema_arrow.names
        if len(set(names)) < len(names):
            raise InvalidFeed("read as Parquet, two of its columns have one name: rename one")
        media = {name: field for name in names if (field := MEDIA_COLUMNS.get(column_name(name)))}
        for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            size = _bytes_of(batch)
            held += size
            if held > max_bytes:
                raise FeedTooLarge(
                    f"the feed holds more than {max_bytes:,} bytes: split it into several files"
                )
            parts = [batch] if size <= _BATCH_BYTES else [batch.slice(n, 1) for n in range(batch.num_rows)]
            for part in parts:
                if size > _BATCH_BYTES and (size_of_row := _bytes_of(part)) > max_row_bytes:
                    row += 1
                    yield _too_long(row, part, size_of_row, max_row_bytes)
                    continue
                columns = [
                    _values_of(column, name in media)
                    for name, column in zip(names, part.columns, strict=True)
                ]
                for cells in zip(*columns, strict=True):
                    row += 1
                    yield _row(row, dict(zip(names, cells, strict=True)), media, max_row_bytes)
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise InvalidFeed(
            f"read as Parquet, it is broken after row {row} ({reason}): write it anew"
        ) from error


def _bytes_of(batch: Any) -> int:
    """How much the values hold, each counted where it stands, also where the file keeps it once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
            size += pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
        else:
            size += column.nbytes
    return size


def _too_long(row: int, part: Any, size: int, max_row_bytes: int) -> Record:
    """A row of too many bytes, with those of its values that are short."""
    short = part.select(
        [name for name in part.schema.names if _bytes_of(part.select([name])) <= _SHORT_BYTES]
    )
    problem = InvalidRow("row", f"holds {size:,} bytes, {max_row_bytes:,} are allowed: link media instead")
    values = {
        **short.to_pylist()[0],
        INCOMPLETE_KEY: f"the row holds {size:,} bytes: long ones are not kept here",
    }
    return Record(row, values, problem=problem)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return any(
        is_kind(kind)
        for is_kind in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    )


def _values_of(column: Any, is_media: bool) -> list[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if not is_media and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        try:
            column = column.cast(pa.string())  # older writers do not say that their texts are texts
        except pa.ArrowInvalid:
            return list(column.to_pylist())
    if _is_text(kind):
        # Through numpy's objects, several times faster than scalar by scalar.
        return list(column.to_numpy(zero_copy_only=False))
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        if not pa.types.is_timestamp(kind):
            raise
        return list(column.cast(pa.string()).to_pylist())  # a year that Python's calendar does not have


def _row(row: int, values: dict[str, Any], media: Mapping[str, str], max_row_bytes: int) -> Record:
    inline: dict[str, bytes] = {}
    for name, field in media.items():
        value = values[name]
        if isinstance(value, Mapping) and "bytes" in value:
            # A path beside bytes is where the bytes came from, on somebody else's disk.
            value = value["bytes"] if value["bytes"] is not None else value.get("path")
            values[name] = value
        if isinstance(value, bytes):
            del values[name]
            if value:
                inline.setdefault(field, value)
    problem = None
    size = sum(len(data) for data in inline.values())
    if size > max_row_bytes:
        inline = {}
        problem = InvalidRow(
            "row", f"holds {size:,} bytes of media, {max_row_bytes:,} are allowed: link them instead"
        )
    return Record(row, values, inline_media=inline, problem=problem)
