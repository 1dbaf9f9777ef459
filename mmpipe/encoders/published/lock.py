"""``models.lock``: which revision of each model is used, and the SHA-256 of each of its files.

Written by ``mmpipe models pull`` when files were first fetched and verified, read and checked on every
load. It is plain JSON: keep it in version control and every machine loads the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mmpipe.encoders.published.files import is_used, sha256_of
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import ModelSettings

LOCK_NAME = "models.lock"
FOLDER = "folder"
State = Literal["not pulled", "missing", "damaged", "ready"]


class LockedFile(BaseModel):
    """One file's size in bytes and SHA-256 in hex."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(ge=0)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class LockedModel(BaseModel):
    """One repository's pin.

    ``source`` says who vouched for the files when they were locked: a hub, by the digests it publishes of
    the commit ``revision``; or :data:`FOLDER` or a package with its version, files somebody brought, whose
    ``revision`` is ``folder-`` and the start of their own digest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|folder-[0-9a-f]{16})$")]
    source: str
    files: dict[str, LockedFile] = Field(min_length=1)

    @field_validator("files")
    @classmethod
    def _known_names(cls, files: dict[str, LockedFile]) -> dict[str, LockedFile]:
        strange = sorted(name for name in files if not is_used(name))
        if strange:
            raise ValueError(f"no file of a model: {', '.join(strange[:3])}")
        return files

    @property
    def digest(self) -> str:
        """The SHA-256 over all file digests: weights, tokenizer and preprocessing."""
        return digest_of(self.files)


class _Lock(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    models: dict[str, LockedModel] = Field(default_factory=dict)


def digest_of(files: Mapping[str, LockedFile]) -> str:
    """The SHA-256, in hex, of the canonical JSON of names and digests."""
    body = json.dumps({name: file.sha256 for name, file in files.items()}, sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()


def lock_path(settings: ModelSettings) -> Path:
    """Where the lock is: ``settings.lock``, or ``models.lock`` in the models folder."""
    return Path(settings.lock) if settings.lock else Path(settings.dir) / LOCK_NAME


def read_lock(settings: ModelSettings) -> dict[str, LockedModel]:
    """Every pinned model by repository; empty where there is no lock yet.

    Raises :class:`ModelUnavailable` for a lock that cannot be read: it is never passed over.
    """
    path = lock_path(settings)
    try:
        return _Lock.model_validate_json(path.read_bytes()).models
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ModelUnavailable(f"{path}: {where}: {fault['msg']}; restore it from version control") from error
    except OSError as error:
        raise ModelUnavailable(f"{path} cannot be read: {error.strerror}") from error


def write_lock(settings: ModelSettings, repo: str, model: LockedModel) -> None:
    """Pin one model; the others stay as they are. The file is replaced in one step."""
    models = {**read_lock(settings), repo: model}
    body = _Lock(models=dict(sorted(models.items()))).model_dump(mode="json")
    path = lock_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(body, indent=2, sort_keys=True) + "\n")
    Path(temporary).replace(path)


def folder_of(settings: ModelSettings, repo: str, revision: str) -> Path:
    """Where one revision's files are."""
    return Path(settings.dir) / repo / revision


def faults(folder: Path, model: LockedModel, *, contents: bool = True) -> list[str]:
    """What in ``folder`` is not as locked: missing, changed and added files; empty where all is well.

    ``contents=False`` compares names and sizes only. Added files count: transformers picks up some
    (adapters, tokenizers) by their name alone.
    """
    found = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if not p.is_dir()}
    wrong = [f"{name} is not part of the model" for name in found if name not in model.files]
    for name, locked in sorted(model.files.items()):
        path = found.get(name)
        if path is None:
            wrong.append(f"{name} is missing")
        elif not path.is_file() or path.stat().st_size != locked.size:
            wrong.append(f"{name} has another size")
        elif contents and sha256_of(path) != locked.sha256:
            wrong.append(f"{name} was changed")
    return wrong


def state_of(settings: ModelSettings, repo: str, model: LockedModel | None, *, contents: bool) -> State:
    """Where one model stands here. ``contents`` reads every file; otherwise sizes are compared."""
    if model is None:
        return "not pulled"
    folder = folder_of(settings, repo, model.revision)
    if not folder.is_dir():
        return "missing"
    return "damaged" if faults(folder, model, contents=contents) else "ready"


def verified_folder(settings: ModelSettings, profile: str, repo: str) -> tuple[Path, LockedModel]:
    """The folder of a pinned model, every file of it checked against the lock.

    Raises :class:`ModelUnavailable`, naming the command to run, for a model that was never pulled, whose
    files are not here, or whose files are not the locked ones.
    """
    model = read_lock(settings).get(repo)
    if model is None:
        raise ModelUnavailable(
            f"profile '{profile}' needs {repo}, which is not in {lock_path(settings)}:"
            f" run `mmpipe models pull {profile}` on a machine with a network"
        )
    folder = folder_of(settings, repo, model.revision)
    if not folder.is_dir():
        raise ModelUnavailable(
            f"profile '{profile}' needs {repo} at {model.revision}, which is not in {folder}:"
            f" run `mmpipe models pull {profile}`, or set MMPIPE_MODELS__DIR to the folder that holds it"
        )
    wrong = faults(folder, model)
    if wrong:
        raise ModelUnavailable(
            f"profile '{profile}' refused: in {folder} {'; '.join(wrong[:3])}, against {lock_path(settings)}."
            f" Run `mmpipe models pull {profile}` to fetch it again"
        )
    return folder, model
