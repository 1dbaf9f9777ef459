"""A copy of a table's versions on local disk, so that a query makes no object-store request.

Lance files never change once written, so following a table means fetching the few files that a new version
adds: its manifest, new data and deletion files. Data files that hold nothing but ``UNREAD_COLUMNS`` stay
where they are: Lance opens a file when a column of it is read, and no reader of a copy reads these. Nor are
the table's indexes copied: search builds its own.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import lance

from mmpipe.errors import NotFound, ObjectNotFound, StorageUnavailable
from mmpipe.lake.columns import ColumnFiles
from mmpipe.lake.schema import UNREAD_COLUMNS
from mmpipe.lake.seals import SEALS, Seals, new_digest, seal_of
from mmpipe.lake.shared_folder import TEMPORARY, SharedFolder
from mmpipe.lake.storage import lance_errors
from mmpipe.objects import open_store, scheme_of, to_path, to_uri

if TYPE_CHECKING:
    from mmpipe.settings import StorageSettings

# Where the copies are in a shared folder.
TABLES = "tables"
# Given the physical rows of a version's fragments by their number, says which of them are wanted.
Fragments = Callable[[Mapping[int, int]], Callable[[int], bool]]
_COPY_BYTES = 1 << 20
_log = logging.getLogger(__name__)
_VERSIONS = "_versions"
_MANIFEST_TOP = (1 << 64) - 1  # Lance names manifests by what is left of this, so that the newest sorts first


class Mirror:
    """Follows one table, in one copy for all processes that share ``folder``. Safe to share between threads;
    one :meth:`sync` of a table runs at a time, in whatever process: the next finds what it fetched.

    Given a path, the mirror shares the folder there by itself. What no mirror uses any more is removed by
    :meth:`SharedFolder.prune <mmpipe.lake.shared_folder.SharedFolder.prune>` of :data:`TABLES` and
    :data:`~mmpipe.lake.seals.SEALS`. A file that is not as it was fetched is fetched anew before it is used.
    """

    def __init__(
        self,
        table_uri: str,
        folder: SharedFolder | str | Path,
        storage: StorageSettings,
        *,
        threads: int = 8,
    ) -> None:
        self._uri = to_uri(table_uri).rstrip("/")
        self._folder = folder
        self._storage = storage
        self._threads = threads
        self._lock = threading.Lock()
        self._shared: SharedFolder | None = folder if isinstance(folder, SharedFolder) else None
        self._seals: Seals | None = None
        self._current: tuple[int, frozenset[str]] | None = None
        self._former: frozenset[str] = frozenset()
        # Manifests on disk that may be of a table before this one.
        self._doubted: set[str] = set()

    def sync(
        self,
        version: int,
        progress: Callable[[], None] | None = None,
        fragments: Fragments | None = None,
    ) -> Path:
        """Bring ``version`` to local disk, all but what no reader asks for (``UNREAD_COLUMNS``, indexes), and
        return the folder: open it with ``lance.dataset(path, version=version)``.

        The version synced before stays readable; files that neither uses are let go. A table in a folder is
        not copied, its own path is returned. ``progress`` is called as bytes arrive, and now and then while
        another process fetches; what it raises ends the fetch. Of fragments that ``fragments`` does not want
        no file is fetched: the dataset opens, but no row of theirs may be read. It is not asked about a
        version that is synced already. Manifests that are there at the first call are fetched anew: those of
        their numbers may have been of a table that was removed. Raises ``NotFound`` when the version was
        cleaned up, ``StorageUnavailable``.
        """
        if scheme_of(self._uri) == "file":
            return Path(to_path(self._uri))
        with self._lock:
            if self._shared is None:
                self._shared = SharedFolder(Path(str(self._folder)), trusted=True)
            if self._seals is None:
                self._seals = Seals(self._shared.root)
            shared, name = self._shared, self._name()
            root = shared.path(name)
            if self._current is not None and self._current[0] == version:
                return root
            held: set[str] = set()
            try:
                with shared.locked([name], progress):
                    files = self._fetch(shared, name, version, held, progress, fragments)
            except ObjectNotFound as error:
                shared.let_go(held)
                raise NotFound(
                    f"version {version} of {self._uri} was cleaned up: ask again which one is live"
                ) from error
            except BaseException:
                shared.let_go(held)
                raise
            shared.let_go(self._former)
            self._former = frozenset() if self._current is None else self._current[1]
            self._current = (version, files)
            self._seals.forget_others(self._former | files)
            return root

    def damaged(self) -> bool:
        """Whether a file of the version synced last is gone, or not as it was fetched. If so the next
        :meth:`sync` fetches what is damaged; what was opened over it should be opened again."""
        with self._lock:
            if self._current is None or self._seals is None:
                return False
            seals, names = self._seals, self._current[1]
            bad = [name for name in names if not _sealed(seals, name)]
            if bad:
                _log.warning("files of %s are damaged on local disk: %s", self._uri, ", ".join(bad[:3]))
                self._former |= names
                self._current = None
            return bool(bad)

    def begin_anew(self) -> None:
        """The table was removed and made anew: the next :meth:`sync` is as the first."""
        with self._lock:
            if self._current is not None:
                self._former |= self._current[1]
                self._current = None

    def close(self) -> None:
        """Use none of the files any more; they stay for the next process."""
        with self._lock:
            if self._shared is not None:
                self._shared.let_go(self._former | (self._current[1] if self._current else frozenset()))
                if self._shared is not self._folder:
                    self._shared.close()
                    self._shared = None
            self._current, self._former = None, frozenset()

    def _name(self) -> str:
        digest = hashlib.sha256(f"{self._storage.endpoint_url}|{self._uri}".encode()).hexdigest()[:12]
        return f"{TABLES}/{self._uri.rsplit('/', 1)[-1].removesuffix('.lance')}-{digest}"

    def _fetch(
        self,
        shared: SharedFolder,
        name: str,
        version: int,
        held: set[str],
        progress: Callable[[], None] | None,
        wanted: Fragments | None,
    ) -> frozenset[str]:
        def bring(files: set[str], *, anew: bool = False) -> None:
            named = {f"{name}/{file}" for file in files}
            names = (named | {seal_of(each) for each in named}) - held
            held.update(names)  # first: what is held and still there is not pruned any more
            shared.hold(names)
            self._fetch_files(root, name, files, progress, anew=anew)

        root = shared.path(name)
        if self._current is None:
            self._doubted = {f"{_VERSIONS}/{path.name}" for path in (root / _VERSIONS).glob("*.manifest")}
        manifest = f"{_VERSIONS}/{_MANIFEST_TOP - version:020d}.manifest"
        bring({manifest}, anew=manifest in self._doubted)
        self._doubted.discard(manifest)
        with lance_errors(f"reading the mirror of {self._uri}"):
            dataset = lance.dataset(str(root), version=version)
            files: set[str] = set()
            columns = ColumnFiles(dataset)
            fragments = dataset.get_fragments()
            if wanted is not None:
                chosen = wanted({each.fragment_id: each.physical_rows for each in fragments})
                fragments = [each for each in fragments if chosen(each.fragment_id)]
            for fragment in fragments:
                by_file = columns.by_file(fragment)
                files.update(f"data/{path}" for path, names in by_file.items() if names - UNREAD_COLUMNS)
                deletions = fragment.deletion_file()
                if deletions is not None:
                    files.add(deletions)
        bring(files)
        return frozenset(held)

    def _fetch_files(
        self,
        root: Path,
        table: str,
        files: Iterable[str],
        progress: Callable[[], None] | None,
        *,
        anew: bool,
    ) -> None:
        assert self._seals is not None
        jobs = []
        for file in files:
            path, name = root / file, f"{table}/{file}"
            if path.exists() and not anew:
                if self._seals.whole(name):
                    continue
                _log.warning("%s is not as it was fetched; it is fetched anew", path)
                path.unlink(missing_ok=True)
            jobs.append((f"{self._uri}/{file}", path, name))
            if progress is not None:
                progress()
        if len(jobs) <= 1:
            for uri, path, name in jobs:
                self._download(uri, path, name, progress)
            return
        with ThreadPoolExecutor(min(self._threads, len(jobs)), thread_name_prefix="mmpipe-mirror") as pool:
            started = [pool.submit(self._download, *job, progress) for job in jobs]
            try:
                for job in started:
                    job.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _download(self, uri: str, path: Path, name: str, progress: Callable[[], None] | None) -> None:
        assert self._seals is not None
        partial = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
        digest, size = new_digest(), 0
        stream, found = open_store(self._uri, self._storage).open(uri)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with stream, open(partial, "xb") as file:
                while data := stream.read(_COPY_BYTES):
                    digest.update(data)
                    size += file.write(data)
                    if progress is not None:
                        progress()
            if size != found.size:
                raise StorageUnavailable(f"{uri}: {size:,} of {found.size:,} bytes arrived")
            partial.rename(path)
            self._seals.put(name, digest.hexdigest())
        except OSError as error:
            raise StorageUnavailable(f"{path} cannot be written: {error.strerror or error}") from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def _sealed(seals: Seals, name: str) -> bool:
    return name.startswith(f"{SEALS}/") or seals.whole(name)
