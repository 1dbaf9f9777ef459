"""CSV and TSV, also with line breaks inside quotes, and with quotes that never close."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mmpipe.catalogue.lines import bounded_lines, utf8
from mmpipe.catalogue.readers.shopify import is_shopify, read_shopify
from mmpipe.catalogue.rows import SourceRow, bounded_raw
from mmpipe.errors import InvalidFeed, InvalidRow

DELIMITERS: Final = (",", "\t", ";", "|")
_MAX_COLUMNS: Final = 2_000
_MIN_LOOKAHEAD: Final = 512
_SPARE_PER_READ: Final = 4


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the file: its cells, or the reason why it has none."""

    cells: list[str] | None
    text: str
    problem: InvalidRow | None = None


def read_delimited(
    stream: io.BufferedReader, max_row_bytes: int, delimiter: str | None
) -> Iterator[SourceRow]:
    """Rows by the header's names. ``delimiter`` None means: whichever splits the header best.

    A quote that opens and does not close costs its own line only, not the lines after it. ``InvalidFeed``
    where there is no usable header.
    """
    records = _Records(utf8(stream), max_row_bytes, delimiter)
    header = records.header()
    if is_shopify(header):
        yield from read_shopify(header, records)
        return
    names = [name.strip() for name in header]
    row = 0
    for record in records:
        if record.cells is None:
            row += 1
            yield SourceRow(row, None, raw=bounded_raw(record.text), problem=record.problem)
        elif any(cell.strip() for cell in record.cells):
            row += 1
            values = {name: cell for name, cell in zip(names, record.cells, strict=False) if name and cell}
            yield SourceRow(row, values, problem=record.problem)


class _Records:
    def __init__(self, stream: io.BufferedReader, max_row_bytes: int, delimiter: str | None) -> None:
        self._lines = bounded_lines(stream, max_row_bytes)
        self._waiting: deque[tuple[str, bool]] = deque()
        self._max_row_bytes = max_row_bytes
        self._delimiter = delimiter or ","
        self._guess = delimiter is None
        self._columns = _MAX_COLUMNS
        # Characters that may yet be read in vain, looking for a quote's end: without a bound a file full of
        # quotes that never close would be read once per line.
        self._spare = max_row_bytes
        # The limit is the process's, and 128 KiB by default; a data: URI needs more. It is only ever raised.
        csv.field_size_limit(max(csv.field_size_limit(), max_row_bytes))

    def header(self) -> list[str]:
        for text, whole in iter(self._line, None):
            if not text.strip():
                continue
            if self._guess:
                self._delimiter = max(DELIMITERS, key=lambda mark: len(_cells(text, mark) or ()))
            self._waiting.appendleft((text, whole))
            record = self._record()
            if record is None or record.cells is None or not whole:
                raise InvalidFeed(
                    "read as CSV, its first line is no header: name the columns there, as in id,title"
                )
            cells = record.cells
            if len(cells) > _MAX_COLUMNS:
                raise InvalidFeed(
                    f"read as CSV, it has over {_MAX_COLUMNS:,} columns: is it really a product feed?"
                )
            self._columns = len(cells)
            return cells
        raise InvalidFeed(
            "read as CSV, it holds no line: write a header such as id,title and one product a line"
        )

    def __iter__(self) -> Iterator[Record]:
        while (record := self._record()) is not None:
            yield record

    def _line(self) -> tuple[str, bool] | None:
        if self._waiting:
            return self._waiting.popleft()
        line = next(self._lines, None)
        return None if line is None else (line[0].decode("utf-8", "surrogateescape"), line[1])

    def _record(self) -> Record | None:
        first = self._line()
        if first is None:
            return None
        text, whole = first
        self._spare += _SPARE_PER_READ * len(text)
        if not whole:
            problem = f"is longer than {self._max_row_bytes:,} bytes: link media instead of data: URIs"
            return Record(None, text, InvalidRow("row", problem))
        if text.count('"') % 2 == 0:
            return self._parsed(text)
        return self._joined(text)

    def _joined(self, first: str) -> Record:
        """A record over several lines, if it closes and fits the header; else its first line alone is
        broken."""
        if not ends_inside_quotes(first, self._delimiter, False):
            return self._parsed(first)
        following: list[tuple[str, bool]] = []
        size, inside = len(first), True
        lookahead = max(_MIN_LOOKAHEAD, min(self._max_row_bytes, self._spare))
        while inside and size <= lookahead and (line := self._line()) is not None:
            following.append(line)
            size += len(line[0])
            if not line[1]:
                break
            inside = ends_inside_quotes(line[0], self._delimiter, True)
        if not inside:
            record = self._parsed(first + "".join(text for text, _ in following))
            if record.problem is None:
                return record
        self._waiting.extendleft(reversed(following))
        self._spare = max(0, self._spare - size)
        problem = InvalidRow("row", 'opens a quote and does not close it: write a quote inside a text as ""')
        return Record(None, first, problem)

    def _parsed(self, text: str) -> Record:
        cells = _cells(text, self._delimiter)
        if cells is None:
            return Record(
                None, text, InvalidRow("row", "cannot be split into columns: quote texts with commas")
            )
        if len(cells) > self._columns and any(cell.strip() for cell in cells[self._columns :]):
            reason = (
                f"has {len(cells)} columns, the header {self._columns}: quote texts that hold the delimiter"
            )
            return Record(None if "\n" in text.rstrip() else cells, text, InvalidRow("row", reason))
        if not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text):
            readable = [cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for cell in cells]
            return Record(readable, text, InvalidRow("row", "is not UTF-8: save the feed as UTF-8"))
        return Record(cells, text)


def ends_inside_quotes(text: str, delimiter: str, inside: bool) -> bool:
    """Whether a quoted cell is still open at the end of ``text``; ``inside``: it was at the start.

    Only a quote at the start of a cell opens one: ``5" pipe`` is an ordinary text.
    """
    position, length, at_start = 0, len(text), not inside
    while position < length:
        if inside:
            quote = text.find('"', position)
            if quote < 0:
                return True
            if text[quote + 1 : quote + 2] == '"':
                position = quote + 2
                continue
            inside, at_start, position = False, False, quote + 1
        elif at_start and text[position] == '"':
            inside, position = True, position + 1
        else:
            end = text.find(delimiter, position)
            if end < 0:
                return False
            at_start, position = True, end + 1
    return inside


def _cells(text: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return None


def header_cells(line: str) -> Sequence[str]:
    """The cells of a first line under the delimiter that splits it best."""
    return max((_cells(line, mark) or [] for mark in DELIMITERS), key=len)
