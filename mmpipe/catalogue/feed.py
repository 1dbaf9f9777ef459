"""A feed file, whatever its format, to rows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

from mmpipe.catalogue.build import build_row
from mmpipe.catalogue.compression import decompressed, plain_name
from mmpipe.catalogue.readers.delimited import header_cells, read_delimited
from mmpipe.catalogue.readers.jsonl import parse_object, read_jsonl
from mmpipe.catalogue.readers.merchant_xml import read_merchant_xml
from mmpipe.catalogue.readers.parquet import read_parquet
from mmpipe.catalogue.rows import FeedRow, SourceRow
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.settings import FeedSettings

Format = Literal["jsonl", "csv", "tsv", "xml", "parquet"]

_ENDINGS: Final[dict[str, Format]] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".xml": "xml", ".rss": "xml", ".atom": "xml", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
_PARQUET: Final = b"PAR1"
_BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_PRODUCT_FILE: Final = re.compile(r"^(?:.*/)?(?P<folder>[^/]*)/(?P<stem>[^/]+)\.json$")


def read_feed(stream: BinaryIO, name: str, settings: FeedSettings) -> Iterator[FeedRow]:
    """The rows of a feed, in constant memory; every row of the file yields exactly one, good or rejected.

    The format follows from the ending of ``name`` (a key or file name), and where that says nothing, or
    contradicts the first bytes, from those; gzip and zstd are opened whatever the name. ``InvalidFeed``,
    naming the format and the remedy, is raised by the call itself or by a later row, after the rows before
    it: a file cut off half-way gives its first half and then the error. The caller keeps the stream open
    until the last row.
    """
    plain = decompressed(stream, settings.max_bytes) if not _is_plain_parquet(stream) else None
    if plain is None:
        rows: Iterator[SourceRow] = read_parquet(stream, settings.max_row_bytes, settings.max_bytes)
    else:
        rows = _reader(plain, name, settings)
    return _built(rows, settings.default_currency)


def read_product(data: bytes, name: str, settings: FeedSettings | None = None) -> FeedRow:
    """One product as a JSON object: ``products/<id>.json``, or the ``raw`` of a rejected row.

    In a ``products/`` folder the file name is the id: it may be left out inside, and must not differ
    (removing the file removes that product). Never raises for what ``data`` holds.
    """
    source = parse_object(data.removeprefix(_BOMS[0]).strip(), 1)
    found = _PRODUCT_FILE.match("/" + name.removeprefix("/"))
    if source.values is not None and found is not None and found["folder"] in ("products", ""):
        values = dict(source.values)
        given = values.setdefault("id", found["stem"])
        if isinstance(given, str | int) and str(given).strip() != found["stem"]:
            problem = InvalidRow(
                "id", f"is not {found['stem']!r}, as the file is called: name the file after the id"
            )
            source = SourceRow(1, values, raw=source.raw, problem=problem)
        else:
            source = SourceRow(1, values, raw=source.raw)
    return build_row(source, (settings or FeedSettings()).default_currency)


def _built(rows: Iterator[SourceRow], default_currency: str) -> Iterator[FeedRow]:
    for row in rows:
        yield build_row(row, default_currency)


def _is_plain_parquet(stream: BinaryIO) -> bool:
    """A file with random access is read in place; anything else is spooled by the reader."""
    if not (isinstance(stream, io.BytesIO) or (isinstance(stream, io.BufferedReader) and stream.seekable())):
        return False
    start = stream.tell()
    head = stream.read(4)
    stream.seek(start)
    return start == 0 and head == _PARQUET


def _reader(stream: io.BufferedReader, name: str, settings: FeedSettings) -> Iterator[SourceRow]:
    head = stream.peek(4096)[:4096]
    if not head:
        raise InvalidFeed("the file is empty: upload one with products in it")
    ending = plain_name(name)
    ending = ending[ending.rfind(".") :] if "." in ending else ""
    by_name = _ENDINGS.get(ending)
    found = by_name if by_name is not None and _plausible(by_name, head) else _by_content(head)
    limit = settings.max_row_bytes
    if found == "parquet":
        return read_parquet(stream, limit, settings.max_bytes)
    if found == "xml":
        return read_merchant_xml(stream, limit)
    if found == "jsonl":
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            raise InvalidFeed(
                "read as JSON, it is one list: write one object a line, without brackets and commas"
            )
        return read_jsonl(stream, limit)
    if found is not None:
        return read_delimited(stream, limit, "\t" if found == "tsv" else None)
    tried = f"read as {by_name}" if by_name else "by its ending and its first bytes"
    raise InvalidFeed(f"{tried}, its format is not known: upload JSONL, CSV, TSV, Parquet or Merchant XML")


def _plausible(format_: Format, head: bytes) -> bool:
    start = _start(head)
    if format_ == "parquet":
        return head.startswith(_PARQUET)
    if head.startswith(_PARQUET) or _is_binary(head):
        return False
    if format_ == "xml":
        return start.startswith("<")
    return not start.startswith("<") and not (format_ in ("csv", "tsv") and start.startswith(("{", "[{")))


def _by_content(head: bytes) -> Format | None:
    if head.startswith(_PARQUET):
        return "parquet"
    start = _start(head)
    if start.startswith("<"):
        return "xml"
    if start.startswith(("{", "[")):
        return "jsonl"
    if _is_binary(head):
        return None
    line = start.splitlines()[0] if start.strip() else ""
    return "csv" if len(header_cells(line)) > 1 else None


def _start(head: bytes) -> str:
    encoding = "utf-16" if head.startswith(_BOMS[1:]) else "utf-8-sig"
    return head.decode(encoding, "replace").lstrip()


def _is_binary(head: bytes) -> bool:
    return b"\x00" in head and not head.startswith(_BOMS[1:])
