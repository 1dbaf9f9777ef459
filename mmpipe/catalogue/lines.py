"""Bounded lines of a text feed, whatever Unicode encoding it is in."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

_BUFFER_BYTES: Final = 256 * 1024
_READ_BYTES: Final = 64 * 1024
_MIN_PAIRS: Final = 4
_ZERO_SHARE: Final = 0.2
_OTHER_SHARE: Final = 0.4
_HEAD_BYTES: Final = 4096


def utf8(stream: io.BufferedReader) -> io.BufferedReader:
    """The stream after its byte-order mark, as UTF-8 whose lines end in a line feed.

    UTF-16, which spreadsheets save, comes out as UTF-8, also where its mark is missing; carriage returns
    alone, as old programs end lines, become line feeds.
    """
    encoding = utf16_of(stream.peek(_HEAD_BYTES))
    if encoding is not None:
        stream = io.BufferedReader(_Recoded(stream, encoding), _BUFFER_BYTES)
    elif stream.peek(4)[:4].startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    if _ends_in_returns(stream.peek(_BUFFER_BYTES)):
        return io.BufferedReader(_LineFeeds(stream), _BUFFER_BYTES)
    return stream


def utf16_of(head: bytes) -> str | None:
    """The codec of a file that begins like this in UTF-16, with or without a byte-order mark; else None."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Feeds begin with names of columns, which are ASCII nearly always: every second byte is zero then. A few
    # other characters, as U+4E00, have a zero in the other place.
    head = head[:_HEAD_BYTES]
    pairs = len(head) // 2
    if pairs < _MIN_PAIRS or b"\x00" not in head:
        return None
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > _ZERO_SHARE * pairs and even < _OTHER_SHARE * odd:
        return "utf-16-le"
    return "utf-16-be" if even > _ZERO_SHARE * pairs and odd < _OTHER_SHARE * even else None


def _ends_in_returns(head: bytes) -> bool:
    first = head.find(b"\r")
    if first < 0 or first + 1 >= len(head):
        return first >= 0 and b"\n" not in head
    feed = head.find(b"\n")
    return head[first + 1 : first + 2] != b"\n" and (feed < 0 or first < feed)


class _LineFeeds(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)


class _Recoded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._ready:
            chunk = self._stream.read(_READ_BYTES)
            text = self._decoder.decode(chunk, final=not chunk)
            self._ready = text.encode("utf-8", "replace")
            if not chunk:
                break
        taken, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def bounded_lines(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """Each line with its ending, and whether it is whole. Of a line over ``max_bytes`` only the start
    comes."""
    while line := stream.readline(max_bytes + 1):
        whole = len(line) <= max_bytes or line.endswith(b"\n")
        if not whole:
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(_READ_BYTES)
        yield line, whole
