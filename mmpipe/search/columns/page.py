"""What a result page shows of a product and does not change while the product does not, ready as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmpipe.search.columns.layout import Layout

Arrays = Mapping[str, NDArray[Any]]
# From so many rows on, passes over whole columns cost less than a loop over rows.
_FEW = 64
_CONTROL = r"[\x00-\x1f]"
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"')


def build_page(columns: Mapping[str, pa.Array]) -> dict[str, NDArray[Any]]:
    """Per row the members of a JSON object, without its braces, as UTF-8: every column by its name, a string
    or null. ``json_start`` int64 ``(n + 1,)``, ``json_bytes`` uint8."""
    rows = len(next(iter(columns.values())))
    if rows < _FEW:
        texts = [column.to_pylist() for column in columns.values()]
        made = [
            json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False, separators=(",", ":"))
            for values in zip(*texts, strict=True)
        ]
        joined = pa.array([text[1:-1] for text in made], pa.large_string())
    else:
        members = [_members(name, column) for name, column in columns.items()]
        joined = pc.binary_join_element_wise(*members, pa.scalar(",", pa.large_string()))
    start = np.frombuffer(joined.buffers()[1], np.int64, rows + 1, joined.offset * 8)
    data = joined.buffers()[2]
    used = np.frombuffer(data, np.uint8)[start[0] : start[-1]] if data is not None else np.zeros(0, np.uint8)
    return {"json_start": start - start[0], "json_bytes": used}


def _members(name: str, column: pa.Array) -> pa.Array:
    text = column.cast(pa.large_string())
    escaped = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    controls = pc.fill_null(pc.match_substring_regex(text, _CONTROL), False)
    if pc.any(controls).as_py():
        rare = [json.dumps(value, ensure_ascii=False)[1:-1] for value in text.filter(controls).to_pylist()]
        escaped = pc.replace_with_mask(escaped, controls, pa.array(rare, pa.large_string()))
    label = json.dumps(name)
    quote = pa.scalar('"', pa.large_string())
    quoted = pc.binary_join_element_wise(
        pa.scalar(f'{label}:"', pa.large_string()), escaped, quote, pa.scalar("", pa.large_string())
    )
    return pc.fill_null(quoted, f"{label}:null")


class PageColumn:
    """The static part of hits, by row."""

    def __init__(self, parts: Sequence[Arrays], layout: Layout) -> None:
        self._layout = layout
        self._parts = parts

    def members(self, rows: NDArray[np.int32]) -> list[bytes]:
        """Per row the members of its JSON object, without braces."""
        found = []
        for fragment, offset in zip(*(each.tolist() for each in self._layout.locate(rows)), strict=True):
            start, data = self._parts[fragment]["json_start"], self._parts[fragment]["json_bytes"]
            found.append(data[start[offset] : start[offset + 1]].tobytes())
        return found

    def member(self, rows: NDArray[np.int32], name: str) -> list[bytes]:
        """One member's value per row, as JSON."""
        # In a string a quote is escaped, so that no value has this in it.
        label = b'"%b":' % name.encode()
        found = []
        for members in self.members(rows):
            value = _VALUE.match(members, members.index(label) + len(label))
            found.append(b"null" if value is None else value[0])
        return found

    def static(self, row: int) -> dict[str, str | None]:
        """What is shown of a row, by name."""
        values: dict[str, str | None] = json.loads(b"{%b}" % self.members(np.array([row], np.int32))[0])
        return values
