"""A folder as an object store."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat as modes
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePath
from typing import BinaryIO

from mmpipe.errors import CommitConflict, ObjectNotFound, StorageUnavailable
from mmpipe.objects.address import InvalidAddress, check_key, to_path, to_uri
from mmpipe.objects.base import ObjectStat, ObjectTooLarge, ObjectWriter

_OWN_PREFIX = ".mmpipe-"
_LOCK_NAME = _OWN_PREFIX + "lock"


class FolderStore:
    """Files below ``root`` (or ``root`` itself, where it is a file), addressed as ``file:///…``.

    Nothing outside the root exists for this store: a key with ``..`` is refused (``InvalidAddress``), and a
    symbolic link that leads out of the root is ``ObjectNotFound``. A write goes to a temporary file, is
    synced, and takes its place by rename while a lock on the folder is held, so readers see the old or the
    new object whole and conditional writers of several processes exclude one another. There are no versions.
    """

    def __init__(self, root: str | PurePath = "/") -> None:
        self._root = to_path(to_uri(root)).rstrip("/") or "/"

    @cached_property
    def _real_root(self) -> str:
        return os.path.realpath(self._root)

    def __repr__(self) -> str:
        return f"FolderStore({self._root!r})"

    def stat(self, uri: str, *, version_id: str | None = None) -> ObjectStat:
        path = self._path(uri, version_id)
        try:
            found = os.stat(path)
        except OSError as error:
            raise _translated(error, uri) from error
        return _stat_of(uri, found)

    def read(self, uri: str, *, max_bytes: int, version_id: str | None = None) -> tuple[bytes, ObjectStat]:
        stream, found = self.open(uri, version_id=version_id)
        with stream:
            if found.size > max_bytes:
                raise ObjectTooLarge(uri, found.size, max_bytes)
            try:
                data = stream.read(max_bytes + 1)
            except OSError as error:
                raise _translated(error, uri) from error
        if len(data) > max_bytes:
            raise ObjectTooLarge(uri, len(data), max_bytes)
        return data, found

    def read_changed(self, uri: str, *, etag: str, max_bytes: int) -> tuple[bytes, ObjectStat] | None:
        if self.stat(uri).etag == etag:
            return None
        return self.read(uri, max_bytes=max_bytes)

    def open(self, uri: str, *, version_id: str | None = None) -> tuple[BinaryIO, ObjectStat]:
        path = self._path(uri, version_id)
        try:
            # Not blocking: a pipe planted in the folder must not hang the reader.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _translated(error, uri) from error
        try:
            found = _stat_of(uri, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb"), found

    def write(
        self, uri: str, data: bytes, *, if_match: str | None = None, if_none_match: bool = False
    ) -> ObjectStat:
        writer = self._writer(uri)
        try:
            writer.write(data)
            return writer.put(if_match, if_none_match)
        finally:
            writer.abort()

    def writer(self, uri: str) -> ObjectWriter:
        return self._writer(uri)

    def _writer(self, uri: str) -> _FileWriter:
        path = self._path(uri, None)
        if os.path.basename(path).startswith(_OWN_PREFIX):
            raise InvalidAddress(
                f"{uri}: names that start with {_OWN_PREFIX!r} are the store's: use another name"
            )
        return _FileWriter(uri, path)

    def list(self, prefix_uri: str, *, start_after: str | None = None) -> Iterator[ObjectStat]:
        prefix = to_path(prefix_uri)
        after = os.fsencode(to_path(start_after)) if start_after else b""
        base = prefix if prefix.endswith("/") else os.path.dirname(prefix)
        base = base.rstrip("/") or "/"
        if not _within(base, self._root):
            base = self._root
        if not _within(os.path.realpath(base), self._real_root):
            return
        if os.path.isfile(base):
            if base.startswith(prefix) and os.fsencode(base) > after:
                yield self.stat("file://" + base)
            return
        for path in self._walk(base, prefix, after):
            if os.fsencode(path) <= after:
                continue
            try:
                yield self.stat("file://" + path)
            except ObjectNotFound:
                continue  # deleted while listing, or a link that leads out

    def delete(self, uri: str) -> None:
        path = self._path(uri, None)
        try:
            with _locked(os.path.dirname(path)):
                os.unlink(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        except OSError as error:
            raise _translated(error, uri) from error

    def _path(self, uri: str, version_id: str | None) -> str:
        path = to_path(uri)
        check_key(path[1:])
        if version_id is not None:
            raise ObjectNotFound(f"{uri}: a folder keeps no versions, ask without a version id")
        # The root itself leads wherever it leads: a file's own store need not follow it to look.
        inside = path == self._root or (
            _within(path, self._root) and _within(os.path.realpath(path), self._real_root)
        )
        if not inside:
            raise ObjectNotFound(f"{uri} leads out of {self._root}, which is all this store may reach")
        return path

    def _walk(self, folder: str, prefix: str, after: bytes) -> Iterator[str]:
        try:
            with os.scandir(folder) as entries:
                found = [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.name.startswith(_OWN_PREFIX)
                ]
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _translated(error, "file://" + folder) from error
        # With its closing slash a folder sorts where its keys do, which makes the order that of whole keys.
        for name in sorted((n + "/" if is_dir else n for n, is_dir in found), key=os.fsencode):
            path = (folder if folder != "/" else "") + "/" + name
            if not (path.startswith(prefix) or prefix.startswith(path)):
                continue
            if name.endswith("/"):
                below = os.fsencode(path)
                # What is in a folder begins with its name, so one that comes before need not be looked at.
                if below > after or after.startswith(below):
                    yield from self._walk(path.rstrip("/"), prefix, after)
            else:
                yield path


class _FileWriter:
    """A temporary file beside the object, which takes its place at the end."""

    def __init__(self, uri: str, path: str) -> None:
        self._uri = uri
        self._path = path
        self._folder = os.path.dirname(path)
        self._temporary = os.path.join(self._folder, f"{_OWN_PREFIX}{os.getpid()}-{secrets.token_hex(6)}.tmp")
        with _writing(uri):
            os.makedirs(self._folder, exist_ok=True)
            self._file = open(self._temporary, "xb")  # noqa: SIM115  closed by put or abort

    def write(self, data: bytes) -> None:
        with _writing(self._uri):
            self._file.write(data)

    def close(self) -> ObjectStat:
        return self.put(None, if_none_match=False)

    def put(self, if_match: str | None, if_none_match: bool) -> ObjectStat:
        """As :meth:`FolderStore.write`."""
        with _writing(self._uri):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            with _locked(self._folder):
                before = _stat_or_none(self._path)
                _check_conditions(self._uri, before, if_match, if_none_match)
                # The clock of a file system ticks in milliseconds; the etag needs two writes to differ.
                now = time.time_ns() if before is None else max(time.time_ns(), before.st_mtime_ns + 1)
                os.utime(self._temporary, ns=(now, now))
                after = os.stat(self._temporary)
                os.replace(self._temporary, self._path)
            _sync_folder(self._folder)
        return _stat_of(self._uri, after)

    def abort(self) -> None:
        with suppress(OSError):
            self._file.close()  # what it holds back is not wanted
        with _writing(self._uri):
            if os.path.lexists(self._temporary):
                os.unlink(self._temporary)


@contextmanager
def _writing(uri: str) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidAddress(f"{uri} lies below a file that is there: use another name") from error
    except FileNotFoundError as error:
        # Not "nothing is stored there", as for a reader: there is no room to store it.
        raise StorageUnavailable(f"{uri} cannot be written: {error.strerror}") from error
    except OSError as error:
        raise _translated(error, uri) from error


def _within(path: str, root: str) -> bool:
    return root == "/" or path == root or path.startswith(root + "/")


def _stat_of(uri: str, found: os.stat_result) -> ObjectStat:
    if not modes.S_ISREG(found.st_mode):
        raise ObjectNotFound(f"{uri} is no file")
    return ObjectStat(
        uri=uri,
        size=found.st_size,
        etag=f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}",
        last_modified=datetime.fromtimestamp(found.st_mtime, UTC),
    )


def _stat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _check_conditions(
    uri: str, before: os.stat_result | None, if_match: str | None, if_none_match: bool
) -> None:
    if if_none_match and before is not None:
        raise CommitConflict(f"{uri} exists already")
    if if_match is not None and (before is None or _stat_of(uri, before).etag != if_match):
        raise CommitConflict(f"{uri} is no longer the version with etag {if_match}")


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    # flock, not a file made with O_EXCL: the kernel lets go of it when a holder dies.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(os.path.join(folder, _LOCK_NAME), flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translated(error: OSError, uri: str) -> Exception:
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return ObjectNotFound(f"nothing is stored at {uri}")
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EILSEQ):
        return InvalidAddress(f"{uri[:200]!r} is no name this file system can hold: {error.strerror}")
    return StorageUnavailable(f"{uri}: {error.strerror or error}")
