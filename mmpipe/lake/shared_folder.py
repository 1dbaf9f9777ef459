"""Files on local disk that the processes of one node share: made once, kept while one of them uses them.

Who makes files does so behind a lock, so that whoever else needs them waits and then finds them. Each process
says what it uses in a lease, a file that it holds locked for as long as it lives: the kernel lets go of that
lock when the process ends, however it ends. So nothing that a killed process leaves is in anybody's way, and
:meth:`SharedFolder.prune` can tell what nobody uses any more.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mmpipe.errors import StorageUnavailable

# What nobody uses is kept this long: who has just made it, or is about to use it, has not said so yet.
KEEP_SECONDS = 60.0
# Half-written files begin with this. Those that a killed process left go after so long without a write.
TEMPORARY = ".part-"
_ABANDONED_SECONDS = 3_600.0
_LEASES, _LOCKS, _ALL_LEASES = "leases", "locks", ".lock"
_FIRST_WAIT, _LONGEST_WAIT = 0.005, 0.1


class SharedFolder:
    """One process's hold on the folder ``root``. Files are named by their path below it, ``a/b/c``. Safe to
    share between threads.

    ``root`` is made for this user alone where it is not there. Raises :class:`StorageUnavailable` where that
    fails, and, unless it is ``trusted``, where it is a symbolic link or belongs to somebody else, who could
    change what is read from it.
    """

    def __init__(
        self, root: str | Path, *, trusted: bool = False, keep_seconds: float = KEEP_SECONDS
    ) -> None:
        self.root = Path(root)
        self._keep_seconds = keep_seconds
        _make(self.root, trusted)
        self._guard = threading.Lock()
        self._held: Counter[str] = Counter()
        # Let go of, but not written down yet: who lets go may be the garbage collector, in any thread.
        self._dropped: deque[str] = deque()
        with self._leases(fcntl.LOCK_SH):
            self._lease_path, self._lease = _new_lease(self.root / _LEASES)

    def path(self, name: str) -> Path:
        """Where the file of that name is, or would be."""
        return self.root / name

    def hold(self, names: Iterable[str]) -> None:
        """Keep these files, whether they are there already or not, until each was let go as often. Look
        whether a file is there only after this."""
        wanted = list(names)
        with self._guard:
            new = [name for name in dict.fromkeys(wanted) if not self._held[name]]
            self._held.update(wanted)
            if new:
                with self._leases(fcntl.LOCK_SH):
                    os.lseek(self._lease, 0, os.SEEK_END)
                    _write(self._lease, new)

    def let_go(self, names: Iterable[str]) -> None:
        """Do not keep these files any longer. Takes effect with the next :meth:`prune` of this process; takes
        no lock, so that finalizers may call it."""
        self._dropped.extend(names)

    @contextmanager
    def locked(self, names: Iterable[str], waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Exclude whoever locks one of these names, in this process or another. ``waiting`` is called now and
        then while somebody else has one; what it raises ends the wait."""
        with ExitStack() as stack:
            # In one order, or two that need the same two could wait for each other for ever.
            for name in sorted(set(names)):
                stack.enter_context(self._locked(name, waiting))
            yield

    def prune(self, folders: Iterable[str]) -> None:
        """Remove the files in and below these folders that no living process holds and that are old enough,
        and the leases and locks of the dead."""
        with self._guard, self._leases(fcntl.LOCK_EX):
            self._write_lease()
            held = self._read_leases()
            for folder in folders:
                for path in _files(self.root / folder):
                    limit = _ABANDONED_SECONDS if path.name.startswith(".") else self._keep_seconds
                    if path.relative_to(self.root).as_posix() not in held and _age(path) >= limit:
                        path.unlink(missing_ok=True)
            for path in _files(self.root / _LOCKS):
                if _age(path) >= self._keep_seconds:
                    _remove_unlocked(path)

    def close(self) -> None:
        """Hold nothing any more; the files stay for who comes next."""
        with self._guard:
            if self._lease >= 0:
                self._lease_path.unlink(missing_ok=True)
                os.close(self._lease)
                self._lease = -1
            self._held.clear()

    @contextmanager
    def _locked(self, name: str, waiting: Callable[[], None] | None) -> Iterator[None]:
        path = self.root / _LOCKS / name.replace("/", "+")
        wait = _FIRST_WAIT
        while (descriptor := _try_lock(path)) is None:
            if waiting is not None:
                waiting()
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        try:
            os.utime(descriptor)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _leases(self, how: int) -> Iterator[None]:
        # Shared to write one's own lease, exclusive to read all of them: no lease is read half-written.
        descriptor = os.open(self.root / _LEASES / _ALL_LEASES, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def _write_lease(self) -> None:
        while self._dropped:
            name = self._dropped.popleft()
            if self._held[name] <= 1:
                del self._held[name]
            else:
                self._held[name] -= 1
        if self._lease >= 0:
            os.ftruncate(self._lease, 0)
            os.lseek(self._lease, 0, os.SEEK_SET)
            _write(self._lease, self._held)

    def _read_leases(self) -> set[str]:
        held: set[str] = set(self._held)
        for path in _files(self.root / _LEASES):
            if path.name == _ALL_LEASES or path == self._lease_path or _remove_unlocked(path):
                continue
            with suppress(FileNotFoundError):
                held.update(path.read_text().splitlines())
        return held


def _make(root: Path, trusted: bool) -> None:
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            root.mkdir(mode=0o700)
        found = root.stat() if trusted else root.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise StorageUnavailable(f"{root} is a link or a file, not a folder: remove it or name another")
        if found.st_uid != os.geteuid() and not trusted:
            raise StorageUnavailable(f"{root} belongs to user {found.st_uid}, not to {os.geteuid()}")
        for name in (_LEASES, _LOCKS):
            (root / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(f"{root} cannot be used: {error.strerror or error}") from error


def _new_lease(folder: Path) -> tuple[Path, int]:
    path = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return path, descriptor


def _try_lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Somebody may have removed the file between the two calls: then the lock excludes nobody.
        if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _remove_unlocked(path: Path) -> bool:
    """Remove a file that nobody holds locked; whether nobody did."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _files(folder: Path) -> list[Path]:
    return [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]


def _age(path: Path) -> float:
    """Seconds since the last write; none where it is gone already, by a rename."""
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return -1.0


def _write(descriptor: int, names: Iterable[str]) -> None:
    data = "".join(f"{name}\n" for name in names).encode()
    while data:
        data = data[os.write(descriptor, data) :]
