"""JSON in one piece: a list of objects, an object around a list, or objects over several lines."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from mmpipe.catalogue.lines import utf8
from mmpipe.catalogue.rows import Record, bounded_raw
from mmpipe.errors import InvalidFeed, InvalidRow

# Keys under which APIs and pages put the list of products.
_WRAPPERS: Final = (
    "products",
    "items",
    "data",
    "results",
    "entries",
    "@graph",
    "itemListElement",
    "resources",
)
_READ_CHARACTERS: Final = 256 * 1024
_LOOKED_AT: Final = 64 * 1024
_SPACE: Final = " \t\r\n"
_WRAPPER: Final = re.compile(
    r"\s*\{(?:\s*\"[^\"\\]{0,100}\"\s*:\s*(?:\"(?:[^\"\\]|\\.){0,2000}\"|[\d.eE+-]{1,40}|true|false|null)\s*,){0,50}?"
    r"\s*\"(" + "|".join(map(re.escape, _WRAPPERS)) + r")\"\s*:\s*\["
)


def is_wrapped(head: str) -> bool:
    """Whether a text that begins like this is an object around a list of products."""
    return _WRAPPER.match(head) is not None


def read_json(stream: io.BufferedReader, max_row_bytes: int) -> Iterator[Record]:
    """One record per element of the list, or per object where there is no list; memory holds one at a time.

    ``InvalidFeed`` where the text is no JSON from some place on (the elements before it have come by then),
    or where one element is longer than ``max_row_bytes``.
    """
    text = _Text(io.TextIOWrapper(utf8(stream), encoding="utf-8", errors="strict"), max_row_bytes)
    try:
        row = 0
        # Several such texts may stand one behind the other: pages of an API, or one document a line.
        while text.next_character():
            wrapper = _WRAPPER.match(text.ahead())
            if wrapper is None and not text.next_is("["):
                row += 1
                yield _record(row, *text.value(row - 1))
                continue
            text.skip(1 if wrapper is None else wrapper.end())
            while text.next_character() != "]":
                if text.next_is(","):
                    text.skip(1)
                    text.next_character()
                row += 1
                yield _record(row, *text.value(row - 1))
            text.skip(1)
            if wrapper is not None:
                text.leave_object(row)
    except UnicodeDecodeError:
        raise InvalidFeed("read as JSON, it is not UTF-8: save the feed as UTF-8") from None


def _record(row: int, value: Any, raw: str) -> Record:
    if isinstance(value, dict):
        return Record(row, value, raw=bounded_raw(raw, value))
    problem = InvalidRow("row", "is no JSON object: write the fields of a product in braces")
    return Record(row, None, raw=bounded_raw(raw), problem=problem)


class _Text:
    """The text that is left, read as far as needed."""

    def __init__(self, stream: io.TextIOWrapper, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._buffer = ""
        self._place = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def ahead(self) -> str:
        """What lies ahead, as far as it has been read."""
        if len(self._buffer) - self._place < _LOOKED_AT:
            self._more()
        return self._buffer[self._place :]

    def leave_object(self, before: int) -> None:
        """Go on behind the object whose list was read, past what else it holds."""
        while self.next_is(","):
            self.skip(1)
            self.next_character()
            self.value(before)
            if self.next_is(":"):
                self.skip(1)
                self.next_character()
                self.value(before)
        if self.next_is("}"):
            self.skip(1)

    def skip(self, characters: int) -> None:
        """Go on."""
        self._place += characters

    def next_is(self, character: str) -> bool:
        """Whether this is the next character that is no space; goes on to it."""
        return self.next_character() == character

    def next_character(self) -> str:
        """The next character that is no space, which is gone on to; empty at the end."""
        while True:
            while self._place < len(self._buffer):
                character = self._buffer[self._place]
                if character not in _SPACE:
                    return character
                self._place += 1
            if not self._more():
                return ""

    def value(self, before: int) -> tuple[Any, str]:
        """The next value and its text; ``before`` counts those that came."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._place)
            except RecursionError:
                raise InvalidFeed(
                    f"read as JSON, element {before + 1} is nested too deep: write flat fields"
                ) from None
            except ValueError as error:
                if len(self._buffer) - self._place > self._limit:
                    raise InvalidFeed(
                        f"read as JSON, element {before + 1} is longer than {self._limit:,} characters:"
                        " link media instead of data: URIs"
                    ) from None
                if not self._more(len(self._buffer) - self._place):
                    raise InvalidFeed(
                        f"read as JSON, it is broken after {before} elements ({error!s:.80}): write it anew,"
                        " or one object a line"
                    ) from None
                continue
            raw = self._buffer[self._place : end]
            self._place = end
            return value, raw

    def _more(self, least: int = 0) -> bool:
        """Read on, at least as much as there is, so that a long element is not parsed again and again."""
        if self._ended:
            return False
        chunk = self._stream.read(max(_READ_CHARACTERS, least))
        self._ended = not chunk
        self._buffer = self._buffer[self._place :] + chunk
        self._place = 0
        return bool(chunk)
