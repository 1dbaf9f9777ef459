"""A file on its way: read in pieces, so that its size is no matter, and from its start again where it has to
be sent again."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeAlias

from mmpipe.errors import InvalidRequest

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes that were handed over to be sent, and all bytes."""
_PIECE: Final = 256_000


class SentFile:
    """A file's path, or bytes, as the body of a request. Raises ``InvalidRequest`` for what is no file."""

    def __init__(self, file: str | os.PathLike[str] | bytes, progress: Progress | None = None) -> None:
        self._file = file if isinstance(file, bytes) else Path(file)
        self._progress = progress
        self.name = "" if isinstance(file, bytes) else Path(file).name
        try:
            self.size = len(file) if isinstance(file, bytes) else os.stat(file).st_size
        except (OSError, ValueError) as error:
            raise InvalidRequest("file", f"{str(file)[:200]!r} cannot be read: {error}") from None
        if not isinstance(file, bytes) and not Path(file).is_file():
            raise InvalidRequest("file", f"{str(file)[:200]!r} is no file")

    def pieces(self) -> Iterator[bytes]:
        """All of it, from the start."""
        sent = 0
        with self._opened() as opened:
            # What is appended meanwhile is another upload's.
            while piece := opened.read(min(_PIECE, self.size - sent)):
                yield piece
                sent += len(piece)
                self._tell(sent)

    async def pieces_later(self) -> AsyncIterator[bytes]:
        """The same, read beside the event loop."""
        sent = 0
        with self._opened() as opened:
            while piece := await asyncio.to_thread(opened.read, min(_PIECE, self.size - sent)):
                yield piece
                sent += len(piece)
                self._tell(sent)

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        file = self._file
        try:
            opened: IO[bytes] = io.BytesIO(file) if isinstance(file, bytes) else file.open("rb")
        except OSError as error:
            raise InvalidRequest("file", f"cannot be read: {error.strerror}") from None
        with opened:
            yield opened

    def _tell(self, sent: int) -> None:
        if self._progress is not None:
            self._progress(sent, self.size)
