"""A model's files: which are accepted, how they are checked, and where local copies are kept."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mmpipe.errors import InvalidRequest, ModelUnavailable, ObjectNotFound
from mmpipe.objects import ObjectTooLarge

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore

FILES_FOLDER = "files"
SUFFIXES = (".safetensors", ".json", ".tsv")
MAX_FILE_BYTES = 64_000_000
# A recommender has a row an item: half a million items of 128 dimensions and their neighbours.
MAX_RECOMMENDER_BYTES = 512_000_000
MAX_FILES = 16
_REVISION_DIGITS = 16


def digest_of_files(kind: str, files: Mapping[str, str]) -> str:
    """The SHA-256 over kind, names and digests, 64 hex digits."""
    body = json.dumps({"kind": kind, "files": dict(files)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def revision_of(kind: str, files: Mapping[str, str], profile_fingerprint: str) -> str:
    """A model's revision, 16 hex digits: of its files and of the profile they load as. A release that makes
    other vectors of the same files makes another revision of them."""
    body = f"{digest_of_files(kind, files)} {profile_fingerprint}"
    return hashlib.sha256(body.encode()).hexdigest()[:_REVISION_DIGITS]


def usable_files(folder: Path, max_bytes: int = MAX_FILE_BYTES) -> list[Path]:
    """The files of a model's folder, by name. Raises ``InvalidRequest`` for anything else in it, and for a
    file over ``max_bytes``."""
    if not folder.is_dir():
        raise InvalidRequest("folder", f"there is no folder {folder}: name the one the model was exported to")
    found = sorted(folder.iterdir())
    for path in found:
        if path.is_symlink() or not path.is_file() or path.suffix not in SUFFIXES:
            raise InvalidRequest(
                "folder",
                f"{path.name} is no {', '.join(SUFFIXES)} file: a model's folder holds those alone",
            )
        size = path.stat().st_size
        if size > max_bytes:
            raise InvalidRequest(
                "folder",
                f"{path.name} holds {size:,} bytes, {max_bytes:,} are allowed: export it smaller",
            )
        if path.suffix == ".safetensors":
            _check_safetensors(path)
    if not any(path.suffix == ".safetensors" for path in found):
        raise InvalidRequest("folder", f"{folder} holds no .safetensors file: export the model into it first")
    if len(found) > MAX_FILES:
        raise InvalidRequest("folder", f"{folder} holds {len(found)} files, {MAX_FILES} are allowed")
    return found


def read_checked(store: ObjectStore, uri: str, digest: str, size: int) -> bytes:
    """An object's bytes, if they are those of ``digest``. Raises ``ModelUnavailable``, to be read
    after the file's name."""
    try:
        data, _ = store.read(uri, max_bytes=max(size, 1))
    except ObjectNotFound as error:
        raise ModelUnavailable("is missing from the lake") from error
    except ObjectTooLarge as error:
        raise ModelUnavailable(f"holds {error.size:,} bytes, registered were {size:,}") from error
    if len(data) != size:
        raise ModelUnavailable(f"holds {len(data):,} bytes, registered were {size:,}")
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelUnavailable("does not match its SHA-256: it was changed or damaged")
    return data


def faults(folder: Path, files: Mapping[str, str]) -> list[str]:
    """What in a local copy is not as registered: missing, changed and added files; empty if all is well."""
    found = {path.name: path for path in folder.iterdir()}
    wrong = [f"{name} is not part of the model" for name in sorted(found.keys() - files.keys())]
    for name, digest in files.items():
        path = found.get(name)
        if path is None:
            wrong.append(f"{name} is missing")
        elif path.is_symlink() or not path.is_file():
            wrong.append(f"{name} is no file")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            wrong.append(f"{name} was changed")
    return wrong


def cache_folder(configured: str | None) -> Path:
    """Where local copies are kept. Raises ``ModelUnavailable`` where others could write to it: what was
    checked could be exchanged before it is loaded."""
    if configured is not None:
        folder = Path(configured)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    folder = Path(tempfile.gettempdir()) / f"mmpipe-models-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
    if not private:
        raise ModelUnavailable(
            f"{folder} is not this user's alone: set MMPIPE_MODELS__CACHE_DIR to a private folder"
        )
    return folder


def _check_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (OSError, SafetensorError) as error:
        raise InvalidRequest("folder", f"{path.name} is no safetensors file: {error}") from error
