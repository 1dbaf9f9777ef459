"""The folder of a node where the packs of fragments and the copies of tables are, for all of its replicas.

A pack is built by one process while the others wait for it, mapped by all of them, and kept while one of them
uses it. A process that is killed leaves nothing that is in the others' way.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mmpipe.errors import StorageUnavailable
from mmpipe.lake.mirror import TABLES
from mmpipe.lake.seals import SEALS, Seals, digest_of, seal_of
from mmpipe.lake.shared_folder import KEEP_SECONDS, SharedFolder
from mmpipe.search.columns.pack import Pack, open_pack, write_pack

_PACKS = "packs"
Arrays = Mapping[str, NDArray[Any]]


class HeldPack:
    """A mapped pack whose file is kept for as long as this object lives. ``parts`` are its arrays
    ``<part>/<name>`` by part, then by name."""

    def __init__(self, pack: Pack, name: str, shared: SharedFolder) -> None:
        parts: dict[str, dict[str, NDArray[Any]]] = {}
        for key, array in pack.arrays.items():
            part, _, own = key.partition("/")
            parts.setdefault(part, {})[own] = array
        self.parts: Mapping[str, Arrays] = parts
        self.nbytes: int = pack.nbytes
        self.name = name
        weakref.finalize(self, shared.let_go, (name, seal_of(name))).atexit = False


class NodeFolder:
    """``folder`` (``serve.mirror_dir``), or without one this user's own below the temporary folder, the same
    for every process. ``shared`` is what a :class:`~mmpipe.lake.mirror.Mirror` takes. Safe to share
    between threads.

    Raises :class:`StorageUnavailable` where the folder cannot be used: also where the one below the temporary
    folder is a link or belongs to another user.
    """

    def __init__(self, folder: str | Path | None = None, *, keep_seconds: float = KEEP_SECONDS) -> None:
        root = Path(tempfile.gettempdir()) / f"mmpipe-{os.geteuid()}" if folder is None else Path(folder)
        self.shared = SharedFolder(root, trusted=folder is not None, keep_seconds=keep_seconds)
        (self.shared.path(_PACKS)).mkdir(mode=0o700, exist_ok=True)
        self._seals = Seals(self.shared.root)
        self._open: weakref.WeakSet[HeldPack] = weakref.WeakSet()

    def open(self, name: str) -> HeldPack | None:
        """A pack that was written under this name; None where there is none, or it is damaged."""
        file = _file(name)
        names = [file, seal_of(file)]
        self.shared.hold(names)
        try:
            if self._seals.whole(file):
                return self._held(file)
        except (OSError, ValueError):
            pass
        self.shared.let_go(names)
        return None

    def write(self, name: str, arrays: Arrays) -> HeldPack:
        """Write a pack, in place of one of that name, and map it. Raises :class:`StorageUnavailable`."""
        file = _file(name)
        names = [file, seal_of(file)]
        self.shared.hold(names)
        path = self.shared.path(file)
        try:
            write_pack(path, arrays)
            self._seals.put(file, digest_of(path))
            return self._held(file)
        except OSError as error:
            self.shared.let_go(names)
            raise StorageUnavailable(f"{path} cannot be written: {error.strerror or error}") from error

    def building(
        self, names: Iterable[str], waiting: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Be the only process of the node that builds these packs; look again whether they are there.
        ``waiting`` is called now and then while another one builds; what it raises ends the wait."""
        return self.shared.locked((_file(name) for name in names), waiting)

    def damaged(self) -> bool:
        """Whether a pack that is mapped here is gone, or not as it was written: what maps it is to be loaded
        again. Of what was neither touched nor replaced only the entry in its folder is read."""
        return not all(self._seals.whole(pack.name) for pack in list(self._open))

    def prune(self) -> None:
        """Remove packs and copies of tables that no living process uses."""
        self.shared.prune((_PACKS, TABLES, SEALS))

    def close(self) -> None:
        """Use nothing any more. What is mapped stays so while its arrays live; files stay for the next."""
        self.shared.close()

    def _held(self, file: str) -> HeldPack:
        held = HeldPack(open_pack(self.shared.path(file)), file, self.shared)
        self._open.add(held)
        return held


def _file(name: str) -> str:
    return f"{_PACKS}/{name}.pack"
