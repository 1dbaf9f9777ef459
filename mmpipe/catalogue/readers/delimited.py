"""CSV and TSV, also with line breaks inside quotes, with quotes that never close, and with lines before the
header."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from mmpipe.catalogue.lines import bounded_lines, utf8
from mmpipe.catalogue.roles import may_repeat
from mmpipe.catalogue.rows import Record, bounded_raw
from mmpipe.errors import InvalidFeed, InvalidRow

DELIMITERS: Final = (",", "\t", ";", "|")
_MAX_COLUMNS: Final = 2_000
_MIN_LOOKAHEAD: Final = 512
# What a line costs besides its characters, so that thousands of short ones are not looked at once each.
_LINE_COST: Final = 64
_SPARE_PER_READ: Final = 4
# Lines in which a header is looked for; titles, dates and comments stand before it.
_HEADER_LINES: Final = 30
# What bytes that are no UTF-8 become while a file is read.
_UNDECODED: Final = re.compile("[\udc80-\udcff]")


class _Cells(NamedTuple):
    """One record of the file: its cells, or the reason why it has none."""

    cells: list[str] | None
    text: str
    problem: InvalidRow | None = None


class Delimited:
    """A file of lines with columns. ``names`` are those of its header, ``skipped`` the lines before it."""

    def __init__(self, stream: io.BufferedReader, max_row_bytes: int, knows: Callable[[str], bool]) -> None:
        """Read up to the header: the first of the first lines in which ``knows`` at least two names of
        columns, else the first line that is neither empty nor a comment (``#``). A line ``sep=;`` names the
        delimiter; without one it is whichever splits the header into the most names that are known.
        ``InvalidFeed`` where there is no usable header.
        """
        self._records = _Records(utf8(stream), max_row_bytes)
        self.names, self.skipped = self._records.header(knows)

    @property
    def first_line(self) -> str:
        """The first line of the file that holds anything."""
        return self.skipped[0] if self.skipped else "\t".join(self.names)

    def __iter__(self) -> Iterator[Record]:
        """Every line that holds anything, by the header's names. Columns of one name give one list, or the
        first of them that holds anything where there can only be one.

        A quote that opens and does not close costs its own line only, not the lines after it.
        """
        names = [name.strip() for name in self.names]
        repeated = len(set(filter(None, names))) < len([name for name in names if name])
        several = {name for name in set(names) if repeated and may_repeat(name)}
        row = 0
        for record in self._records:
            if record.cells is None:
                row += 1
                yield Record(row, None, raw=bounded_raw(record.text), problem=record.problem)
            elif any(cell.strip() for cell in record.cells):
                row += 1
                if repeated:
                    yield Record(row, _gathered(names, record.cells, several), problem=record.problem)
                    continue
                values = {
                    name: cell for name, cell in zip(names, record.cells, strict=False) if name and cell
                }
                yield Record(row, values, problem=record.problem)


def _gathered(names: list[str], cells: list[str], several: set[str]) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=False):
        if not name or not cell:
            continue
        taken = values.get(name)
        if taken is None:
            values[name] = cell
        elif name not in several:
            continue
        elif isinstance(taken, list):
            taken.append(cell)
        else:
            values[name] = [taken, cell]
    return values


class _Records:
    def __init__(self, stream: io.BufferedReader, max_row_bytes: int) -> None:
        self._lines = bounded_lines(stream, max_row_bytes)
        self._waiting: deque[tuple[str, bool]] = deque()
        self._max_row_bytes = max_row_bytes
        self._delimiter = ","
        self._columns = _MAX_COLUMNS
        # Characters that may yet be read in vain, looking for a quote's end: without a bound a file full of
        # quotes that never close would be read once per line.
        self._spare = max_row_bytes
        # The limit is the process's, and 128 KiB by default; a data: URI needs more. It is only ever raised.
        csv.field_size_limit(max(csv.field_size_limit(), max_row_bytes))

    def header(self, knows: Callable[[str], bool]) -> tuple[list[str], list[str]]:
        """The header's cells, and the lines before it; the next record is the first of data."""
        lines = list(islice(iter(self._line, None), _HEADER_LINES))
        mark, start = _separator(lines)
        # A line that is marked as a comment is the header only where no other line is.
        order = sorted(range(start, len(lines)), key=lambda n: lines[n][0].lstrip("\ufeff ").startswith("#"))
        place = next((n for n in order if _is_header(lines[n][0], mark, knows)), None)
        if place is None:
            empty = (n for n in range(start, len(lines)) if lines[n][0].strip(" \t\r\n\ufeff"))
            place = next((n for n in empty if not lines[n][0].lstrip().startswith("#")), None)
        if place is None:
            raise InvalidFeed(
                "read as CSV, it holds no header: write one such as id,title and one product a line"
            )
        self._delimiter = mark or _best_delimiter(lines[place][0], knows)
        self._waiting.extendleft(reversed(lines[place:]))
        record = self._record()
        if record is None or record.cells is None or not lines[place][1]:
            raise InvalidFeed(
                "read as CSV, its first line is no header: name the columns there, as in id,title"
            )
        if len(record.cells) > _MAX_COLUMNS:
            raise InvalidFeed(
                f"read as CSV, it has over {_MAX_COLUMNS:,} columns: is it really a product feed?"
            )
        self._columns = len(record.cells)
        # A template may mark its header as a comment.
        cells = [record.cells[0].lstrip("# "), *record.cells[1:]] if record.cells else record.cells
        return cells, [text.strip() for text, _ in lines[:place] if text.strip()]

    def __iter__(self) -> Iterator[_Cells]:
        while (record := self._record()) is not None:
            yield record

    def _line(self) -> tuple[str, bool] | None:
        if self._waiting:
            return self._waiting.popleft()
        line = next(self._lines, None)
        return None if line is None else (line[0].decode("utf-8", "surrogateescape"), line[1])

    def _record(self) -> _Cells | None:
        first = self._line()
        if first is None:
            return None
        text, whole = first
        self._spare += _SPARE_PER_READ * len(text)
        if not whole:
            problem = f"is longer than {self._max_row_bytes:,} bytes: link media instead of data: URIs"
            return _Cells(None, text, InvalidRow("row", problem))
        if text.count('"') % 2 == 0:
            return self._parsed(text)
        return self._joined(text)

    def _joined(self, first: str) -> _Cells:
        """A record over several lines, if it closes and fits the header; else its first line alone is
        broken."""
        if not ends_inside_quotes(first, self._delimiter, False):
            return self._parsed(first)
        following: list[tuple[str, bool]] = []
        size, inside = len(first), True
        lookahead = max(_MIN_LOOKAHEAD, min(self._max_row_bytes, self._spare))
        while inside and size <= lookahead and (line := self._line()) is not None:
            following.append(line)
            size += len(line[0]) + _LINE_COST
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
        return _Cells(None, first, problem)

    def _parsed(self, text: str) -> _Cells:
        cells = _cells(text, self._delimiter)
        if cells is not None and '="' in text:
            cells = [_plain(cell) for cell in cells]
        if cells is None:
            return _Cells(
                None, text, InvalidRow("row", "cannot be split into columns: quote texts with commas")
            )
        if len(cells) > self._columns and any(cell.strip() for cell in cells[self._columns :]):
            reason = (
                f"has {len(cells)} columns, the header {self._columns}: quote texts that hold the delimiter"
            )
            return _Cells(None if "\n" in text.rstrip() else cells, text, InvalidRow("row", reason))
        if not text.isascii() and _UNDECODED.search(text) is not None:
            readable = [cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for cell in cells]
            return _Cells(readable, text, InvalidRow("row", "is not UTF-8: save the feed as UTF-8"))
        return _Cells(cells, text)


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
    text = text.rstrip("\r\n")
    if delimiter == "\t" and '"' in text:
        try:
            return next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            # Quotes around parts of a cell, as Google's text files have them, are no quotes around the cell.
            return [_cell(cell) for cell in text.split("\t")]
    if f'{delimiter} "' in text:
        try:
            # Blanks before a quote, as people write them: id, "Cup, big".
            return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True), [])
        except csv.Error:
            pass
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return None


def _plain(cell: str) -> str:
    """Without the formula by which exports keep spreadsheets from taking a text for a number: ``="007"``."""
    return cell[2:-1].replace('""', '"') if cell[:2] == '="' and len(cell) > 3 and cell[-1] == '"' else cell


def _cell(raw: str) -> str:
    inner = raw[1:-1]
    quoted = len(raw) > 1 and raw[0] == raw[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else raw


def _best_delimiter(line: str, knows: Callable[[str], bool]) -> str:
    """The one that gives the most names that are known, and of these the most cells: the hint in a name, as
    ``Categories (x,y,z...)``, may hold more of another."""
    split = {mark: _cells(line, mark) or [] for mark in DELIMITERS}
    return max(DELIMITERS, key=lambda mark: (_known(split[mark], knows), len(split[mark])))


def _known(cells: list[str], knows: Callable[[str], bool]) -> int:
    if len(cells) < 2 or len(cells) > _MAX_COLUMNS:
        return 0
    # A comment may be the header itself, with a mark before its first name.
    names = [cells[0].lstrip("# "), *cells[1:]]
    return sum(1 for name in names if name.strip() and len(name) < 200 and knows(name))


def _separator(lines: list[tuple[str, bool]]) -> tuple[str | None, int]:
    """What a line ``sep=;`` says, as spreadsheets write it, and where the lines after it start."""
    for number, (text, _) in enumerate(lines):
        line = text.strip("\ufeff \r\n").strip('"')
        if line[:4].lower() == "sep=" and len(line) <= len("sep=\\t"):
            mark = "\t" if line[4:] in ("", "\\t", "\t") else line[4:5]
            return mark, number + 1
        if line.strip():
            break
    return None, 0


def _is_header(line: str, delimiter: str | None, knows: Callable[[str], bool]) -> bool:
    return _known(_cells(line, delimiter or _best_delimiter(line, knows)) or [], knows) >= 2


def has_columns(line: str) -> bool:
    """Whether some delimiter splits this line into several cells."""
    return any(len(_cells(line, mark) or ()) > 1 for mark in DELIMITERS)
