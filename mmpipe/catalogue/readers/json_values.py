"""JSON in one piece: a list of objects, an object around a list, or objects over several lines."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, Final

from mmpipe.catalogue import nesting
from mmpipe.catalogue.columns import ALIASES, column_name
from mmpipe.catalogue.lines import utf8
from mmpipe.catalogue.rows import Record, bounded_raw
from mmpipe.errors import InvalidFeed, InvalidRow

# Keys under which APIs and pages put the list of products.
_WRAPPERS: Final = frozenset(
    ("products", "items", "data", "results", "entries", "@graph", "itemListElement", "resources")
)
_READ_CHARACTERS: Final = 256 * 1024
_LOOKED_AT: Final = 64 * 1024
_MAX_PAIRS: Final = 100
_SPACE: Final = " \t\r\n"
# A mistake so close to the end of what has been read may be a word that goes on.
_WORD: Final = 16
_DECODER: Final = json.JSONDecoder()


def is_wrapped(head: str) -> bool:
    """Whether a text that begins like this is an object around a list of products; a product that has such a
    list itself is none."""
    return _list_in(head, 0) is not None


def read_json(stream: io.BufferedReader, max_row_bytes: int) -> Iterator[Record]:
    """One record per element of the list, or per object where there is no list; memory holds one at a time.

    ``InvalidFeed`` where the text is no JSON from some place on (the elements before it have come by then),
    or where the end of an element is further away than ``max_row_bytes``.
    """
    text = _Text(io.TextIOWrapper(utf8(stream), encoding="utf-8", errors="surrogateescape"), max_row_bytes)
    row = 0
    # Several such texts may stand one behind the other: pages of an API, or one document a line.
    while character := text.next_character():
        if character == ",":
            text.skip(1)
            continue
        wrapped = character == "{" and text.enter_object()
        if not wrapped and character != "[":
            row += 1
            yield text.record(row)
            continue
        if not wrapped:
            text.skip(1)
        while (character := text.next_character()) != "]":
            if character == ",":
                text.skip(1)
                continue
            row += 1
            yield text.record(row)
        text.skip(1)
        if wrapped:
            text.leave_object(row)


def _list_in(text: str, start: int) -> int | None:
    """The place behind the bracket that opens the list of products, if ``start`` is that of an object around
    one; None for any other object."""
    place = _after_space(text, start)
    names = []
    try:
        for _ in range(_MAX_PAIRS):
            # At the object's brace, or at a comma.
            name, place = _DECODER.raw_decode(text, _after_space(text, place + 1))
            place = _after_space(text, place)
            if not isinstance(name, str) or text[place : place + 1] != ":":
                return None
            names.append(name)
            place = _after_space(text, place + 1)
            if name in _WRAPPERS and text[place : place + 1] == "[":
                inner = _after_space(text, place + 1)
                return (
                    place + 1
                    if text[inner : inner + 1] in "{[]" and not _is_product(text, start, names)
                    else None
                )
            _, place = _DECODER.raw_decode(text, place)
            place = _after_space(text, place)
            if text[place : place + 1] != ",":
                return None
    except (ValueError, RecursionError):
        pass
    return None


def _is_product(text: str, start: int, names: list[str]) -> bool:
    try:
        value, _ = _DECODER.raw_decode(text, start)
        names = list(value)
    except (ValueError, RecursionError):
        pass  # it does not end here, so that only its first names are known
    columns = [column_name(name) for name in names]
    return {"id", "title"} <= {ALIASES.get(column, column) for column in columns}


def _after_space(text: str, place: int) -> int:
    while text[place : place + 1] in _SPACE and place < len(text):
        place += 1
    return place


class _Text:
    """The text that is left, read as far as needed."""

    def __init__(self, stream: io.TextIOWrapper, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._buffer = ""
        self._place = 0
        self._ended = False
        self._decoder = _DECODER

    def enter_object(self) -> bool:
        """Go on to the first element of the list of products, if here is an object around one."""
        if len(self._buffer) - self._place < _LOOKED_AT:
            self._more()
        place = _list_in(self._buffer, self._place)
        if place is None:
            return False
        self._place = place
        return True

    def leave_object(self, before: int) -> None:
        """Go on behind the object whose list was read, past what else it holds."""
        while self.next_character() == ",":
            self.skip(1)
            self.next_character()
            self._value(before)
            if self.next_character() == ":":
                self.skip(1)
                self._leave_value(before)
        if self.next_character() == "}":
            self.skip(1)

    def _leave_value(self, before: int) -> None:
        if self.next_character() != "[":
            self._value(before)
            return
        self.skip(1)
        while (character := self.next_character()) != "]":
            if character == ",":
                self.skip(1)
            else:
                self._value(before)
        self.skip(1)

    def skip(self, characters: int) -> None:
        """Go on."""
        self._place += characters

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

    def record(self, row: int) -> Record:
        """The next value as the record of this number."""
        value, raw = self._value(row - 1)
        problem = self._problem(value, raw)
        if problem is not None:
            return Record(row, None, raw=bounded_raw(raw), problem=InvalidRow("row", problem))
        return Record(row, value, raw=bounded_raw(raw, value))

    def _problem(self, value: Any, raw: str) -> str | None:
        if not isinstance(value, dict):
            return "is no JSON object: write the fields of a product in braces"
        if len(raw) > self._limit:
            return f"is longer than {self._limit:,} bytes: link media instead of data: URIs"
        try:
            nesting.checked(value, raw)
            if not raw.isascii():
                raw.encode()
        except nesting.TooDeep:
            return "is nested too deep: write flat fields"
        except UnicodeEncodeError:
            return "is not UTF-8: save the feed as UTF-8"
        return None

    def _value(self, before: int) -> tuple[Any, str]:
        """The next value and its text; ``before`` counts those that came."""
        while True:
            left = len(self._buffer) - self._place
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._place)
            except RecursionError:
                raise InvalidFeed(
                    f"read as JSON, element {before + 1} is nested too deep: write flat fields"
                ) from None
            except json.JSONDecodeError as error:
                goes_on = error.msg.startswith("Unterminated") or error.pos > len(self._buffer) - _WORD
                if goes_on and left > self._limit:
                    raise InvalidFeed(
                        f"read as JSON, element {before + 1} is longer than {self._limit:,} characters:"
                        " link media instead of data: URIs"
                    ) from None
                if not goes_on or not self._more(left):
                    raise InvalidFeed(
                        f"read as JSON, it is broken after {before} elements ({error.msg}): write it anew,"
                        " or one object a line"
                    ) from None
            except ValueError:
                self._decoder = nesting.LENIENT
            else:
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
