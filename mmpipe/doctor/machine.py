"""The machine: disks, shared memory, files that may be open, ports."""

from __future__ import annotations

import errno
import resource
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import urllib3

from mmpipe.doctor.finding import Finding
from mmpipe.objects import InvalidAddress, scheme_of, to_path, to_uri

if TYPE_CHECKING:
    from mmpipe.settings import Settings

# A full disk is broken; what a few hundred thousand products take of a lake and of its mirror is more.
_LEAST_BYTES: Final = 500_000_000
_ENOUGH_BYTES: Final = 5_000_000_000
_SHARED: Final = Path("/dev/shm")  # noqa: S108  where Ray keeps its objects, named to be looked at
_SHARED_BYTES: Final = 1_000_000_000
_LEAST_FILES: Final = 1_024
_ENOUGH_FILES: Final = 4_096


def disks(settings: Settings) -> Iterator[Finding]:
    """Folders that are written: whether they can be, and what is free there."""
    places = [
        ("mirror", settings.serve.mirror_dir, "MMPIPE_SERVE__MIRROR_DIR"),
        ("model cache", settings.models.cache_dir, "MMPIPE_MODELS__CACHE_DIR"),
        ("temporary folder", tempfile.gettempdir(), "TMPDIR"),
    ]
    try:
        uri = to_uri(settings.lake.uri)
    except InvalidAddress as error:
        yield Finding("lake", "broken", str(error), "set MMPIPE_LAKE__URI to a folder or s3://bucket/prefix")
    else:
        if scheme_of(uri) == "file":
            places.insert(0, ("lake", to_path(uri), "MMPIPE_LAKE__URI"))
    for about, folder, variable in places:
        if folder is not None:
            yield _disk(about, Path(folder), variable)


def shared_memory(_settings: Settings) -> Iterator[Finding]:
    """Where Ray's processes hand objects to one another."""
    if not _SHARED.is_dir():
        yield Finding("shared memory", "note", "there is no /dev/shm here; Ray uses files instead")
        return
    size, free = shutil.disk_usage(_SHARED).total, shutil.disk_usage(_SHARED).free
    if free < _SHARED_BYTES:
        yield Finding(
            "shared memory",
            "warning",
            f"{_size(free)} of {_size(size)} are free in /dev/shm: Ray will use slower files instead",
            "give the container more (docker run --shm-size=2g), or remove what is left there",
        )
    else:
        yield Finding("shared memory", "fine", f"{_size(free)} free")


def open_files(_settings: Settings) -> Iterator[Finding]:
    """How many files and connections a process may hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = float("inf") if soft == resource.RLIM_INFINITY else soft
    if limit >= _ENOUGH_FILES:
        yield Finding("open files", "fine", f"{limit:,.0f} a process")
        return
    most = "unlimited" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    yield Finding(
        "open files",
        "broken" if limit < _LEAST_FILES else "warning",
        f"{limit:,.0f} a process, which a busy service has connections and tables for",
        f"ulimit -n 65536 before it starts (this user's own bound: {most})",
    )


def ports(settings: Settings) -> Iterator[Finding]:
    """Whether what the service and Ray listen on is free."""
    serve = settings.serve
    jobs = urlsplit(settings.dispatch.jobs_url)
    yield _port("port of the service", serve.host, serve.port, "MMPIPE_SERVE__PORT", ours=True)
    if jobs.hostname in ("127.0.0.1", "localhost", "::1") and jobs.port:
        yield _port(
            "port of Ray's dashboard", jobs.hostname, jobs.port, "MMPIPE_DISPATCH__JOBS_URL", ours=False
        )


def _disk(about: str, folder: Path, variable: str) -> Finding:
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        return Finding(about, "broken", f"{there} is no folder", f"set {variable} to another")
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"mmpipe doctor")
            file.flush()
    except OSError as error:
        return Finding(
            about,
            "broken",
            f"{there} cannot be written: {error.strerror}",
            f"let this user write, or set {variable}",
        )
    free = shutil.disk_usage(there).free
    told = f"{_size(free)} free at {folder}"
    if free < _LEAST_BYTES:
        return Finding(about, "broken", told, f"make room, or set {variable} to another disk")
    if free < _ENOUGH_BYTES:
        return Finding(about, "warning", told, f"make room, or set {variable} to another disk")
    return Finding(about, "fine", told)


def _port(about: str, host: str, port: int, variable: str, *, ours: bool) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return Finding(
                    about,
                    "broken",
                    f"{host}:{port} cannot be listened on: {error.strerror}",
                    f"set {variable}",
                )
        else:
            return Finding(about, "fine", f"{host}:{port} is free")
    if ours and _answers(host, port):
        return Finding(about, "fine", f"a service of mmpipe answers at {host}:{port}")
    # Ray may run already, which is as good.
    return Finding(
        about,
        "warning",
        f"something listens on {host}:{port} already",
        f"end it, or set {variable} (what is there may be a stack of yours: mmpipe status)",
    )


def _answers(host: str, port: int) -> bool:
    try:
        answer = urllib3.request(
            "GET",
            f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz",
            timeout=3.0,
            retries=False,
            redirect=False,
        )
        return answer.status in (200, 503) and b'"status"' in answer.data
    except urllib3.exceptions.HTTPError:
        return False


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
