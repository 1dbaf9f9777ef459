"""A log that holds no more than the newest of what was written to it."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import IO, Final

logger = logging.getLogger(__name__)

_PART_BYTES: Final = 65_536


class BoundedLog:
    """The file ``path``, of ``most_bytes`` at most: once it is full, the older half of it goes.

    The newer half is written beside it and takes its place in one step, so that whoever reads it, and whoever
    comes after a kill at any moment, finds the whole file or the half, never less. Of one process at a time;
    a longer file, from elsewhere, is made shorter by the next write.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most = most_bytes

    def write(self, data: bytes) -> None:
        """Append. Raises ``OSError``."""
        data = data[-(self._most // 2) :]
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_size + len(data) > self._most:
                self._halve()
        with self._path.open("ab") as file:
            file.write(data)

    def drain(self, source: IO[bytes]) -> None:
        """Append all that comes, until its end; what cannot be written, as on a full disk, is dropped, for
        whoever writes there must not be held up by its log."""
        descriptor, failed = source.fileno(), False
        with source:
            while data := os.read(descriptor, _PART_BYTES):
                try:
                    self.write(data)
                    failed = False
                except OSError as error:
                    if not failed:
                        logger.warning("a log cannot be written", extra={"reason": str(error)})
                    failed = True

    def _halve(self) -> None:
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - self._most // 2))
            kept = file.read()
        shorter = self._path.with_name(f"{self._path.name}.new")
        shorter.write_bytes(kept.partition(b"\n")[2] or kept)  # from the next whole line on
        os.replace(shorter, self._path)
