"""Whether files on a local disk are still what was written: a disk may lose or change bytes, and whoever has
an account may too.

A seal is the digest of a file's content, kept beside the files of a shared folder under :data:`SEALS`. A file
without one, as an interrupted write leaves it, is not whole.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from mmpipe.lake.shared_folder import TEMPORARY

SEALS: Final = "seals"
_BYTES: Final = 1 << 20
Signature = tuple[int, int, int]


def seal_of(name: str) -> str:
    """The name of a file's seal in the same shared folder."""
    return f"{SEALS}/{name}"


def digest_of(path: Path) -> str:
    """Raises :class:`OSError`."""
    found = new_digest()
    with open(path, "rb") as file:
        while data := file.read(_BYTES):
            found.update(data)
    return found.hexdigest()


def new_digest() -> hashlib.blake2b:
    """To be fed with a file's content; its ``hexdigest`` is what :meth:`Seals.put` takes."""
    return hashlib.blake2b(digest_size=16)


class Seals:
    """The seals below ``root``, and which files this process found whole. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._whole: dict[str, Signature] = {}

    def put(self, name: str, digest: str) -> None:
        """Seal a file that was just written. Raises :class:`OSError`."""
        path = self._root / seal_of(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            partial.write_text(digest)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        with suppress(OSError):
            self._whole[name] = _signature(self._root / name)

    def whole(self, name: str) -> bool:
        """Whether the file is there as it was sealed. It is read once, and again where its size, its inode or
        the time of its last write have changed."""
        path = self._root / name
        try:
            signature = _signature(path)
            if self._whole.get(name) == signature:
                return True
            if (self._root / seal_of(name)).read_text() == digest_of(path):
                self._whole[name] = signature
                return True
        except OSError:
            pass
        self._whole.pop(name, None)
        return False

    def forget_others(self, names: Iterable[str]) -> None:
        """Remember nothing but these files."""
        kept = set(names)
        for name in [name for name in list(self._whole) if name not in kept]:
            self._whole.pop(name, None)


def _signature(path: Path) -> Signature:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ino
