"""A feed file, whatever its format, to rows."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final

from mmpipe.catalogue.build import build_row
from mmpipe.catalogue.columns import column_name
from mmpipe.catalogue.compression import decompressed
from mmpipe.catalogue.formats.base import Container, Reading, Sample
from mmpipe.catalogue.formats.google import GoogleNames
from mmpipe.catalogue.formats.registry import format_of, knows_column
from mmpipe.catalogue.formats.templates import refuse_first_line
from mmpipe.catalogue.lines import utf16_of
from mmpipe.catalogue.readers.delimited import Delimited, has_columns
from mmpipe.catalogue.readers.json_values import is_wrapped, read_json
from mmpipe.catalogue.readers.jsonl import parse_object, read_jsonl
from mmpipe.catalogue.readers.merchant_xml import read_merchant_xml
from mmpipe.catalogue.readers.parquet import read_parquet
from mmpipe.catalogue.report import Findings
from mmpipe.catalogue.roles import Roles
from mmpipe.catalogue.rows import FeedRow, Record
from mmpipe.errors import InvalidFeed, InvalidRow
from mmpipe.settings import FeedSettings

if TYPE_CHECKING:
    from mmpipe.schemas.feed import FeedReport

_PARQUET: Final = b"PAR1"
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_OBJECT_LINE: Final = re.compile(r"^[ \t]*\{", re.MULTILINE)
_HEAD_BYTES: Final = 64 * 1024
_FIRST_RECORDS: Final = 100
_PRODUCT_FILE: Final = re.compile(r"^(?:.*/)?(?P<folder>[^/]*)/(?P<stem>[^/]+)\.json$")


class FeedRows(Iterator[FeedRow]):
    """The rows of one feed, and what was found in it: ``report`` is whole after the last row."""

    def __init__(self, rows: Iterator[FeedRow], findings: Findings) -> None:
        self._rows = rows
        self._findings = findings

    def __next__(self) -> FeedRow:
        row = next(self._rows)
        self._findings.count(row)
        return row

    @property
    def report(self) -> FeedReport:
        """What was found so far."""
        return self._findings.report()


def read_feed(
    stream: BinaryIO,
    name: str,
    settings: FeedSettings,
    *,
    collection: str | None = None,
    watch: Callable[[], None] | None = None,
) -> FeedRows:
    """The rows of a feed, in memory that does not grow with it; every record of the file yields at least one,
    good or rejected, but those that only add pictures or languages to another.

    The format follows from the content; gzip, zstd and UTF-16 are opened whatever the name, which counts
    only for JSON lines whose first one is none.
    ``collection`` chooses the columns that are public besides the known ones (``settings.public_columns``).
    ``InvalidFeed``, naming what was found and the remedy, is raised by the call itself or by a later row,
    after the rows before it: a file cut off half-way gives its first half and then the error. The caller
    keeps the stream open until the last row. ``watch`` is called as the file's bytes are read, whether
    they make rows or not; what it raises ends the reading.
    """
    container, names, records = _opened(stream, name, settings, watch)
    first: Record | None = None
    if names is None:
        # The first that can be read tells the format; what stands before it is kept.
        before: list[Record] = []
        for record in records:
            before.append(record)
            if record.values is not None:
                first = record
                break
            if len(before) >= _FIRST_RECORDS:
                break
        records = chain(before, records)
        names = list(first.values) if first is not None and first.values is not None else []
    values = None if first is None or container in ("xml", "csv") else first.values
    empty = first is None and not names
    format_ = GoogleNames() if empty else format_of(Sample.of(container, names, values))
    public = _public_columns(settings, collection)
    findings = Findings(format_, container, public)
    # A format names its own columns; the others' are told by their roles.
    roles = Roles(findings if isinstance(format_, GoogleNames) else None, public)
    for column in names if isinstance(format_, GoogleNames) and container in ("csv", "parquet") else ():
        roles.of(column)
    rows = format_.read(_counted(records, findings), Reading(settings, findings))
    return FeedRows(_built(rows, settings.default_currency, roles), findings)


def read_product(
    data: bytes, name: str, settings: FeedSettings | None = None, *, collection: str | None = None
) -> FeedRow:
    """One product as a JSON object: ``products/<id>.json``, or the ``raw`` of a rejected row.

    In a ``products/`` folder the file name is the id: it may be left out inside, and must not differ
    (removing the file removes that product). Never raises for what ``data`` holds.
    """
    settings = settings or FeedSettings()
    source = parse_object(data.removeprefix(_UTF8_BOM).strip(), 1)
    found = _PRODUCT_FILE.match("/" + name.removeprefix("/"))
    if source.values is not None and found is not None and found["folder"] in ("products", ""):
        values = dict(source.values)
        given = values.setdefault("id", found["stem"])
        problem = None
        if isinstance(given, str | int) and str(given).strip() != found["stem"]:
            problem = InvalidRow(
                "id", f"is not {found['stem']!r}, as the file is called: name the file after the id"
            )
        source = source._replace(values=values, problem=problem)
    public = _public_columns(settings, collection)
    return build_row(source, settings.default_currency, Roles(public=public))


def _public_columns(settings: FeedSettings, collection: str | None) -> frozenset[str]:
    return frozenset(
        column_name(column)
        for key in ("*", collection)
        for column in settings.public_columns.get(key or "", ())
    )


def _counted(records: Iterator[Record], findings: Findings) -> Iterator[Record]:
    for record in records:
        findings.record()
        yield record


def _built(records: Iterator[Record], default_currency: str, roles: Roles) -> Iterator[FeedRow]:
    for record in records:
        yield build_row(record, default_currency, roles)


def _opened(
    stream: BinaryIO, name: str, settings: FeedSettings, watch: Callable[[], None] | None
) -> tuple[Container, list[str] | None, Iterator[Record]]:
    """The container, the names of its columns where it tells them before its records, and these."""
    if _is_plain_parquet(stream):
        return "parquet", None, read_parquet(stream, settings.max_row_bytes, settings.max_bytes)
    plain = decompressed(stream, settings.max_bytes, watch)
    head = plain.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    limit = settings.max_row_bytes
    if not head:
        raise InvalidFeed("the file is empty: upload one with products in it")
    if head.startswith(_PARQUET):
        return "parquet", None, read_parquet(plain, limit, settings.max_bytes)
    encoding = utf16_of(head)
    if encoding is None and b"\x00" in head:
        raise InvalidFeed(
            "by its first bytes its format is not known: upload CSV, TSV, JSON, JSON Lines, XML or Parquet"
        )
    text = head.decode(encoding or "utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return "xml", None, read_merchant_xml(plain, limit)
    if text.startswith("[") or (text.startswith("{") and (is_wrapped(text) or _in_pieces(text))):
        return "json", None, read_json(plain, limit)
    if text.startswith("{") or (_OBJECT_LINE.search(text) and ("jsonl" in name or "ndjson" in name)):
        return "jsonl", None, read_jsonl(plain, limit)
    table = Delimited(plain, limit, knows_column)
    refuse_first_line(table.first_line)
    if len(table.names) < 2 and not has_columns(text.split("\n", 1)[0]):
        raise InvalidFeed(
            "by its first bytes its format is not known: upload CSV, TSV, JSON, JSON Lines,"
            f" XML or Parquet; its first line is {table.first_line[:60]!r}"
        )
    return "csv", table.names, iter(table)


def _in_pieces(text: str) -> bool:
    """Whether an object is written over several lines."""
    first, separator, rest = text.partition("\n")
    first = first.strip()
    if not separator or not first.endswith((",", "{", "[", ":")):
        return False
    # Objects one a line of which the first is broken are no pieces.
    return not rest.lstrip().startswith("{") or first.endswith(("},", "[", ":"))


def _is_plain_parquet(stream: BinaryIO) -> bool:
    """A file with random access is read in place; anything else is spooled by the reader."""
    if not (isinstance(stream, io.BytesIO) or (isinstance(stream, io.BufferedReader) and stream.seekable())):
        return False
    start = stream.tell()
    head = stream.read(4)
    stream.seek(start)
    return start == 0 and head == _PARQUET
