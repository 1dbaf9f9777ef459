"""JSON Lines: one object a line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from mmpipe.catalogue import nesting
from mmpipe.catalogue.lines import bounded_lines, utf8
from mmpipe.catalogue.rows import Record, bounded_raw
from mmpipe.errors import InvalidRow


def read_jsonl(stream: io.BufferedReader, max_row_bytes: int) -> Iterator[Record]:
    """Blank lines are no rows."""
    row = 0
    for line, whole in bounded_lines(utf8(stream), max_row_bytes):
        text = line.strip()
        if not text:
            continue
        row += 1
        if whole:
            yield parse_object(text, row)
        else:
            problem = InvalidRow(
                "row", f"is longer than {max_row_bytes:,} bytes: link media instead of data: URIs"
            )
            yield Record(row, None, raw=_raw(text), problem=problem)


def parse_object(data: bytes, row: int) -> Record:
    """One JSON object, or the reason why it is none."""
    try:
        text = data.decode()
        values = nesting.loads(text)
    except UnicodeDecodeError:
        problem = InvalidRow("row", "is not UTF-8: save the feed as UTF-8")
        return Record(row, None, raw=_raw(data), problem=problem)
    except nesting.TooDeep:
        problem = InvalidRow("row", "is nested too deep: write flat fields")
        return Record(row, None, raw=_raw(data), problem=problem)
    except ValueError as error:
        where = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        problem = InvalidRow("row", f"is no JSON{where}: write one whole object on one line")
        return Record(row, None, raw=_raw(data), problem=problem)
    if not isinstance(values, dict):
        problem = InvalidRow("row", "is no JSON object: write fields in braces, one product a line")
        return Record(row, None, raw=_raw(data), problem=problem)
    return Record(row, values, raw=bounded_raw(text, values))


def _raw(data: bytes) -> str:
    return bounded_raw(data.decode("utf-8", "replace"))
