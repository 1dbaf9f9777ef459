"""gzip and zstd, opened transparently and never further than allowed."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from mmpipe.errors import FeedTooLarge, InvalidFeed

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SUFFIXES: Final = (".gz", ".gzip", ".zst", ".zstd")
_MAX_LAYERS: Final = 2
# What deflates better than this, beyond the first bytes, is no feed: real ones reach 20 to 50.
_MAX_RATIO: Final = 300
_RATIO_FREE_BYTES: Final = 64 * 1024 * 1024
_BUFFER_BYTES: Final = 256 * 1024


def plain_name(name: str) -> str:
    """The name without the endings of compression, in lower case."""
    name = name.lower()
    while name.endswith(_SUFFIXES):
        name = name[: name.rindex(".")]
    return name


def decompressed(
    stream: BinaryIO, max_bytes: int, watch: Callable[[], None] | None = None
) -> io.BufferedReader:
    """A buffered stream over the plain bytes, whatever the file is called.

    Reading raises ``InvalidFeed`` for a broken or truncated archive, once more than ``max_bytes`` have
    come out, and for a bomb (over 300 times its own size). At most two layers are opened.
    ``watch`` is called before each part of some 100 kB; what it raises ends the reading.
    """
    source = _Counted(stream)
    reader = _buffered(source)
    for _ in range(_MAX_LAYERS):
        head = reader.peek(4)[:4]
        if head.startswith(_GZIP):
            layer: Any = gzip.GzipFile(fileobj=reader)
        elif head == _ZSTD:
            layer = _zstd(reader)
        else:
            break
        reader = _buffered(_Guarded(layer))
    return _buffered(_Bounded(reader, source, max_bytes, watch))


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return io.BufferedReader(raw, _BUFFER_BYTES)


def _zstd(stream: BinaryIO) -> Any:
    # Arrow's reader, because it notices a missing end, and holds at most 128 MiB of window.
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")


class _Reader(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def take(self, size: int) -> bytes:
        """At most ``size`` bytes; none only at the end."""
        raise io.UnsupportedOperation


class _Counted(_Reader):
    """The file itself; it stays open when its readers go."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def take(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data


class _Guarded(_Reader):
    """One layer of compression, whose own errors become ``InvalidFeed``."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def take(self, size: int) -> bytes:
        try:
            return bytes(self._layer.read(size))
        except EOFError:
            raise InvalidFeed("the compressed file ends too early: upload it whole again") from None
        except (OSError, zlib.error, ValueError) as error:
            raise InvalidFeed(f"the compressed file is broken ({error}): compress it anew") from error


class _Bounded(_Reader):
    """What has come out, held against what went in and against the limit."""

    def __init__(
        self, stream: BinaryIO, source: _Counted, max_bytes: int, watch: Callable[[], None] | None
    ) -> None:
        self._watch = watch
        self._stream = stream
        self._source = source
        self._max_bytes = max_bytes
        self._count = 0

    def take(self, size: int) -> bytes:
        if self._watch is not None:
            self._watch()
        data = self._stream.read(size)
        self._count += len(data)
        if self._count > self._max_bytes:
            raise FeedTooLarge(
                f"the feed holds more than {self._max_bytes:,} bytes: split it into several files"
            )
        if self._count > _RATIO_FREE_BYTES and self._count > _MAX_RATIO * self._source.count:
            raise InvalidFeed(
                f"the compressed file grows more than {_MAX_RATIO} times: that is no product feed"
            )
        return data
