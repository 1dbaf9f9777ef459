"""A copy of one table version on local disk, so that a query makes no object-store request.

Lance files never change once written, so following a table means fetching the few files that a new
version adds: its manifest, new data and deletion files, new index files. Data files that hold nothing but
``UNREAD_COLUMNS`` stay where they are: Lance opens a file when a column of it is read, and no reader of a
copy reads these.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import lance

from mmpipe.errors import NotFound, NotReady, ObjectNotFound, StorageUnavailable
from mmpipe.lake.columns import ColumnFiles
from mmpipe.lake.schema import UNREAD_COLUMNS
from mmpipe.lake.storage import lance_errors
from mmpipe.objects import open_store, scheme_of, to_path, to_uri

if TYPE_CHECKING:
    from mmpipe.settings import StorageSettings

_MAX_SLOTS = 64
_COPY_BYTES = 1 << 20
_TEMPORARY = ".part-"
_MANIFEST_TOP = (1 << 64) - 1  # Lance names manifests by what is left of this, so that the newest sorts first


class Mirror:
    """Follows one table. Each process that mirrors below ``folder`` takes a slot of its own in it, and
    finds there what an earlier process left. Safe to share between threads; one :meth:`sync` runs at a time.
    """

    def __init__(
        self, table_uri: str, folder: str | Path, storage: StorageSettings, *, threads: int = 8
    ) -> None:
        self._uri = to_uri(table_uri).rstrip("/")
        self._folder = Path(folder)
        self._storage = storage
        self._threads = threads
        self._lock = threading.Lock()
        self._slot: Path | None = None
        self._lock_descriptor: int | None = None
        self._current: tuple[int, frozenset[str]] | None = None

    def sync(self, version: int) -> Path:
        """Bring ``version`` to local disk, all but what no reader asks for (``UNREAD_COLUMNS``), and return
        the folder: open it with ``lance.dataset(path, version=version)``.

        The version synced before stays readable; files that neither uses are removed. A table in a folder
        is not copied, its own path is returned. Raises ``NotFound`` when the version was cleaned up,
        ``StorageUnavailable``.
        """
        if scheme_of(self._uri) == "file":
            return Path(to_path(self._uri))
        with self._lock:
            root = self._root()
            if self._current is not None and self._current[0] == version:
                return root
            try:
                files = self._fetch(root, version)
            except ObjectNotFound as error:
                raise NotFound(
                    f"version {version} of {self._uri} was cleaned up: ask again which one is live"
                ) from error
            former = frozenset() if self._current is None else self._current[1]
            _prune(root, files | former)
            self._current = (version, files)
            return root

    def close(self) -> None:
        """Give the slot back; the files stay for the next process."""
        with self._lock:
            if self._lock_descriptor is not None:
                os.close(self._lock_descriptor)
                self._lock_descriptor = None
            self._slot = self._current = None

    def _root(self) -> Path:
        if self._slot is None:
            digest = hashlib.sha256(f"{self._storage.endpoint_url}|{self._uri}".encode()).hexdigest()[:12]
            name = self._uri.rsplit("/", 1)[-1].removesuffix(".lance")
            for number in range(_MAX_SLOTS):
                slot = self._folder / f"{name}-{digest}" / f"slot-{number}"
                slot.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(slot / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    # The kernel lets go of it when this process ends, however it ends.
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                    continue
                self._slot, self._lock_descriptor = slot, descriptor
                break
            else:
                raise NotReady(
                    f"all {_MAX_SLOTS} mirror slots below {self._folder} are taken: use more folders"
                )
        return self._slot / "table.lance"

    def _fetch(self, root: Path, version: int) -> frozenset[str]:
        manifest = f"_versions/{_MANIFEST_TOP - version:020d}.manifest"
        self._fetch_files(root, [manifest])
        with lance_errors(f"reading the mirror of {self._uri}"):
            dataset = lance.dataset(str(root), version=version)
            files = {manifest}
            columns = ColumnFiles(dataset)
            for fragment in dataset.get_fragments():
                held = columns.by_file(fragment)
                files.update(f"data/{path}" for path, names in held.items() if names - UNREAD_COLUMNS)
                deletions = fragment.deletion_file()
                if deletions is not None:
                    files.add(deletions)
            indexes = {str(s.uuid) for index in dataset.describe_indices() for s in index.segments}
        self._fetch_files(root, files)
        self._fetch_indexes(root, indexes)
        return frozenset(files | {f"_indices/{uuid}" for uuid in indexes})

    def _fetch_files(self, root: Path, files: Iterable[str]) -> None:
        missing = [name for name in files if not (root / name).exists()]
        self._in_parallel([(f"{self._uri}/{name}", root / name) for name in missing])

    def _fetch_indexes(self, root: Path, indexes: Iterable[str]) -> None:
        store = open_store(self._uri, self._storage)
        jobs: list[tuple[str, Path]] = []
        folders: list[tuple[Path, Path]] = []
        for uuid in indexes:
            final = root / "_indices" / uuid
            if final.exists():
                continue
            partial = root / "_indices" / f"{_TEMPORARY}{secrets.token_hex(8)}"
            prefix = f"{self._uri}/_indices/{uuid}/"
            partial.mkdir(parents=True)
            jobs += [(found.uri, partial / found.uri[len(prefix) :]) for found in store.list(prefix)]
            folders.append((partial, final))
        self._in_parallel(jobs)
        for partial, final in folders:  # an index is there whole or not at all
            partial.rename(final)

    def _in_parallel(self, jobs: list[tuple[str, Path]]) -> None:
        if len(jobs) <= 1:
            for uri, path in jobs:
                self._download(uri, path)
            return
        with ThreadPoolExecutor(min(self._threads, len(jobs)), thread_name_prefix="mmpipe-mirror") as pool:
            for job in [pool.submit(self._download, uri, path) for uri, path in jobs]:
                job.result()

    def _download(self, uri: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
        stream, found = open_store(self._uri, self._storage).open(uri)
        try:
            with stream, open(partial, "xb") as file:
                shutil.copyfileobj(stream, file, _COPY_BYTES)
            size = partial.stat().st_size
            if size != found.size:
                raise StorageUnavailable(f"{uri}: {size:,} of {found.size:,} bytes arrived")
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)


def _prune(root: Path, keep: frozenset[str]) -> None:
    for kind in ("_versions", "data", "_deletions", "_indices"):
        folder = root / kind
        if not folder.is_dir():
            continue
        for entry in folder.iterdir():
            if f"{kind}/{entry.name}" in keep:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
