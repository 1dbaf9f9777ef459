"""Bounded lines of a text feed, whatever Unicode encoding it is in."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

_BUFFER_BYTES: Final = 256 * 1024
_READ_BYTES: Final = 64 * 1024


def utf8(stream: io.BufferedReader) -> io.BufferedReader:
    """The stream after its byte-order mark; UTF-16, which spreadsheets save, comes out as UTF-8."""
    head = stream.peek(4)[:4]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.BufferedReader(_Recoded(stream, "utf-16"), _BUFFER_BYTES)
    if head.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    return stream


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
