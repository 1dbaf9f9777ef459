"""The model registry: profiles and recommenders that were trained elsewhere, kept beside the tables.

::

    <lake>/models/files/<sha256>            a file's bytes, under their own digest
    <lake>/models/<name>/<revision>.json    a record, written once: which files, and where they come from

A revision is the digest of the files' digests and of the profile that they load as, so the same content
registered twice is the same revision, and a record that names other files than it was written for is noticed.
Nothing is loaded that was not read back and compared with its SHA-256 first.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmpipe.encoders import registry
from mmpipe.encoders.published.descriptions import RECOGNIZERS
from mmpipe.errors import CommitConflict, InvalidRequest, ModelUnavailable, ObjectNotFound
from mmpipe.lake.model_files import (
    FILES_FOLDER,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_RECOMMENDER_BYTES,
    cache_folder,
    digest_of_files,
    faults,
    read_checked,
    revision_of,
    usable_files,
)
from mmpipe.lake.recommenders import Card, read_card
from mmpipe.objects import ObjectTooLarge, open_store, to_uri

if TYPE_CHECKING:
    from mmpipe.objects import ObjectStore
    from mmpipe.settings import ModelSettings, StorageSettings

log = logging.getLogger(__name__)

MODELS_FOLDER = "models"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_RECORD_BYTES = 1_000_000

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.(safetensors|json|tsv)$")]
ModelKind = Literal["starter", "recommender"]


class RegisteredModel(BaseModel):
    """One revision of one registered model: a profile's (``starter``), or a ``recommender``.

    ``files`` maps file names to SHA-256 digests and ``sizes`` to bytes. ``data_fingerprint`` says what it was
    trained on, ``parent`` what it was trained from, as ``name@fingerprint``. ``profile_fingerprint`` is that
    of the :class:`~mmpipe.encoders.base.Profile` it loads as, which tables carry; a recommender's is that of
    the table whose fused vectors it was given, as its ``card`` says too, which others do not have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    revision: str = Field(pattern=r"^[0-9a-f]{16}$")
    kind: ModelKind
    files: dict[FileName, Sha256] = Field(min_length=1, max_length=MAX_FILES)
    sizes: dict[FileName, Annotated[int, Field(ge=0, le=MAX_RECOMMENDER_BYTES)]]
    metrics: dict[str, float]
    data_fingerprint: str = Field(min_length=1, max_length=200)
    parent: str | None = Field(default=None, max_length=200)
    profile_fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    created_at: datetime
    card: Card | None = None

    @model_validator(mode="after")
    def _whole(self) -> RegisteredModel:
        if self.files.keys() != self.sizes.keys():
            raise ValueError("files and sizes must name the same files")
        if self.revision != revision_of(self.kind, self.files, self.profile_fingerprint):
            raise ValueError("the revision is not that of these files and this profile")
        if max(self.sizes.values()) > _max_bytes(self.kind):
            raise ValueError("a file is larger than its kind may have")
        if (self.kind == "recommender") != (self.card is not None):
            raise ValueError("recommenders have a card, and nothing else has one")
        if self.card is not None and self.card.profile != self.profile_fingerprint:
            raise ValueError("the card is of another profile")
        return self


class ModelRegistry:
    """The registered models of one lake. Safe to share between threads and processes.

    Every method may raise ``StorageUnavailable``.
    """

    def __init__(
        self,
        uri: str,
        storage: StorageSettings,
        models: ModelSettings,
        *,
        fingerprint_of: Callable[[str, Path], str] | None = None,
    ) -> None:
        self.uri = f"{to_uri(uri).rstrip('/')}/{MODELS_FOLDER}"
        self._store: ObjectStore = open_store(uri, storage)
        self._cache_dir = models.cache_dir
        self._fingerprint_of = fingerprint_of or _fingerprint_of

    def register(
        self,
        name: str,
        folder: Path,
        *,
        kind: ModelKind = "starter",
        metrics: Mapping[str, float],
        data_fingerprint: str,
        parent: str | None,
    ) -> RegisteredModel:
        """Copy the model in ``folder`` into the lake and write its record; the record as it is stored.

        The folder holds safetensors, json and tsv files alone, those of an exported starter; a recommender's
        its card too (:mod:`mmpipe.lake.recommenders`). The same files registered again change nothing and
        give the first record, but mend what was damaged in the lake since. Raises ``InvalidRequest`` for a
        name that is not allowed or taken by a profile of the installation or by a model of another kind, and
        for a folder with other files or too large ones; ``ModelUnavailable`` where the files of a profile do
        not load.
        """
        check_name(name)
        self._check_kind(name, kind)
        found = usable_files(folder, _max_bytes(kind))
        with tempfile.TemporaryDirectory(prefix="mmpipe-register-") as copied:
            # What is loaded, digested and uploaded is one and the same, whatever happens to the folder.
            home = Path(copied)
            for path in found:
                shutil.copyfile(path, home / path.name)
            data = {path.name: (home / path.name).read_bytes() for path in found}
            card = read_card(home) if kind == "recommender" else None
            fingerprint = self._fingerprint_of(name, home) if card is None else card.profile
        files = {each: hashlib.sha256(content).hexdigest() for each, content in data.items()}
        try:
            model = RegisteredModel(
                name=name,
                revision=revision_of(kind, files, fingerprint),
                kind=kind,
                files=files,
                sizes={each: len(content) for each, content in data.items()},
                metrics=dict(sorted(metrics.items())),
                data_fingerprint=data_fingerprint,
                parent=parent,
                profile_fingerprint=fingerprint,
                created_at=datetime.now(UTC),
                card=card,
            )
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            raise InvalidRequest(".".join(str(part) for part in fault["loc"]), fault["msg"]) from error
        for each, content in data.items():
            self._put_file(files[each], content)
        body = model.model_dump_json(indent=1).encode()
        try:
            # Last: from the moment there is a record, all of its files are there.
            self._store.write(self._record_uri(name, model.revision), body, if_none_match=True)
        except CommitConflict:
            return self._read(name, model.revision)
        return model

    def register_again(self, name: str, revision: str | None = None) -> RegisteredModel:
        """Register files of the lake as this release loads them: for a release that makes other vectors of
        them than the one that wrote their record. Where they load as they did, that record stays.

        Raises as :meth:`get`, :meth:`fetch` and :meth:`register` do.
        """
        model = self.get(name, revision)
        return self.register(
            name,
            self.fetch(model),
            kind=model.kind,
            metrics=model.metrics,
            data_fingerprint=model.data_fingerprint,
            parent=model.parent,
        )

    def get(self, name: str, revision: str | None = None) -> RegisteredModel:
        """One revision of a model, the newest unless it is named. Raises ``ModelUnavailable`` for a name or
        revision that was never registered, and for a record that was changed."""
        if not _NAME.fullmatch(name):
            raise ModelUnavailable(f"{name[:80]!r} cannot name a registered model: see mmpipe models list")
        held = self._revisions_of(name)
        if not held:
            known = sorted({each for each, _ in self._records()})
            holds = f"it holds {', '.join(known[:10])}" if known else "it holds none"
            raise ModelUnavailable(
                f"no model {name!r} is registered in {self.uri} ({holds}):"
                " register one with mmpipe train encoders"
            )
        if revision is None:
            return self.revisions(name)[0]
        if revision not in held:
            raise ModelUnavailable(
                f"model {name!r} has no revision {revision[:40]!r}; registered are {', '.join(held[:10])}"
            )
        return self._read(name, revision)

    def revisions(self, name: str) -> list[RegisteredModel]:
        """Every revision of one name, newest first; empty where there is none. Raises ``ModelUnavailable``
        for a record that cannot be used: which revision is the newest is not known then."""
        return _newest_first([self._read(name, revision) for revision in self._revisions_of(name)])

    def list(self) -> list[RegisteredModel]:
        """Every revision of every model, by name, newest first. Raises ``ModelUnavailable`` for a record that
        cannot be used."""
        found = [self._read(name, revision) for name, revision in self._records()]
        return sorted(_newest_first(found), key=lambda model: model.name)

    def recommenders(self, collection: str) -> Sequence[RegisteredModel]:
        """Every revision of the recommenders of one collection, newest first. Damaged records, which nobody
        can follow, are passed over with a warning: an erasure asks this and must not fail for them."""
        found = []
        for name, revision in self._records():
            try:
                model = self._read(name, revision)
            except ModelUnavailable as error:
                log.warning("passed over: %s", error)
                continue
            if model.card is not None and model.card.collection == collection:
                found.append(model)
        return _newest_first(found)

    def with_fingerprint(self, name: str, fingerprint: str) -> RegisteredModel | None:
        """The revision of a name that loads as exactly this profile; None where there is none.

        A damaged record of another revision does not stand in its way: a table goes on being searched. Raises
        ``ModelUnavailable`` where only a damaged one can be it.
        """
        damaged: ModelUnavailable | None = None
        found: list[RegisteredModel] = []
        for revision in self._revisions_of(name):
            try:
                found.append(self._read(name, revision))
            except ModelUnavailable as error:
                damaged = error
        for model in _newest_first(found):
            if model.profile_fingerprint == fingerprint:
                return model
        if damaged is not None:
            raise damaged
        return None

    def fetch(self, model: RegisteredModel) -> Path:
        """A local folder with the model's files, each of them read just now and compared with its SHA-256.

        It is kept by the model's digest: a second call copies nothing. Nobody may write to it. Raises
        ``ModelUnavailable`` for a file that is missing from the lake or not the registered one.
        """
        home = cache_folder(self._cache_dir)
        folder = home / f"{model.kind}-{digest_of_files(model.kind, model.files)}"
        if folder.is_dir() and not faults(folder, model.files):
            with suppress(OSError):  # a folder that nobody may write to is pruned by nobody either
                os.utime(folder)
            return folder
        # Beside its place, then renamed into it: another process sees all of the files or none.
        made = Path(tempfile.mkdtemp(prefix=".fetching-", dir=home))
        try:
            for each, digest in model.files.items():
                data = self._read_file(model, each, digest, model.sizes[each])
                (made / each).write_bytes(data)
            _move_into_place(made, folder, model.files)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        wrong = faults(folder, model.files)
        if wrong:
            raise ModelUnavailable(
                f"model {model.name!r}: its local copy is damaged ({wrong[0]}): remove {folder}"
            )
        return folder

    def verify(self, model: RegisteredModel) -> None:
        """Read every file of a model in the lake, whatever copies there are here. Raises ``ModelUnavailable``
        as :meth:`fetch` does."""
        for each, digest in model.files.items():
            self._read_file(model, each, digest, model.sizes[each])

    def remove(self, model: RegisteredModel) -> None:
        """Remove a recommender's record, then those of its files that no other record names; what is gone is
        no error. Copies on nodes stay until their folder is cleared.

        Raises ``InvalidRequest`` for a profile: a table that it encoded could not be searched any more.
        """
        if model.kind != "recommender":
            raise InvalidRequest(
                "model", f"{model.name} is a profile, whose tables need it: nothing removes it"
            )
        self._store.delete(self._record_uri(model.name, model.revision))
        needed: set[str] = set()
        for name, revision in self._records():
            needed.update(self._read(name, revision).files.values())
        for digest in set(model.files.values()) - needed:
            self._store.delete(self._file_uri(digest))

    def forget_copies(self, kind: ModelKind, *, unused_seconds: float) -> None:
        """Remove local copies of one kind that nobody fetched or touched for so long. Who has their files
        open keeps them."""
        home, now = cache_folder(self._cache_dir), time.time()
        for folder in home.glob(f"{kind}-*"):
            try:
                unused = now - folder.stat().st_mtime > unused_seconds
            except FileNotFoundError:
                continue  # somebody else removed it
            if unused:
                shutil.rmtree(folder, ignore_errors=True)

    def _check_kind(self, name: str, kind: ModelKind) -> None:
        for revision in self._revisions_of(name):
            try:
                held = self._read(name, revision).kind
            except ModelUnavailable:
                continue  # a damaged record stops nobody from registering another revision
            if held != kind:
                raise InvalidRequest("name", f"{name!r} names a {held}, no {kind}: choose another")
            return

    def _records(self) -> Iterator[tuple[str, str]]:
        """Name and revision of every record; none is read."""
        prefix = f"{self.uri}/"
        for stat in self._store.list(prefix):
            name, _, key = stat.uri.removeprefix(prefix).partition("/")
            if name != FILES_FOLDER and _NAME.fullmatch(name) and _is_record(key):
                yield name, key.removesuffix(".json")

    def _revisions_of(self, name: str) -> Sequence[str]:
        """The revisions that there are records of; none is read."""
        if not _NAME.fullmatch(name) or name == FILES_FOLDER:
            return []
        prefix = f"{self.uri}/{name}/"
        keys = [stat.uri.removeprefix(prefix) for stat in self._store.list(prefix)]
        return sorted(key.removesuffix(".json") for key in keys if _is_record(key))

    def _record_uri(self, name: str, revision: str) -> str:
        return f"{self.uri}/{name}/{revision}.json"

    def _file_uri(self, digest: str) -> str:
        return f"{self.uri}/{FILES_FOLDER}/{digest}"

    def _put_file(self, digest: str, data: bytes) -> None:
        uri = self._file_uri(digest)
        try:
            self._store.write(uri, data, if_none_match=True)
        except CommitConflict:
            try:
                stored, _ = self._store.read(uri, max_bytes=len(data))
            except (ObjectTooLarge, ObjectNotFound):
                stored = b""
            if hashlib.sha256(stored).hexdigest() != digest:
                self._store.write(uri, data)

    def _read(self, name: str, revision: str) -> RegisteredModel:
        uri = self._record_uri(name, revision)
        try:
            data, _ = self._store.read(uri, max_bytes=_RECORD_BYTES)
            model = RegisteredModel.model_validate_json(data)
        except ObjectNotFound as error:
            raise ModelUnavailable(f"the record {uri} is gone: register the model again") from error
        except (ValidationError, ObjectTooLarge) as error:
            reason = (
                error.errors(include_url=False, include_input=False)[0]["msg"]
                if isinstance(error, ValidationError)
                else str(error)
            )
            raise ModelUnavailable(
                f"{uri} is no record of a model ({reason}): it was changed or damaged;"
                " remove it, and register the model again from its folder"
            ) from error
        if (model.name, model.revision) != (name, revision):
            raise ModelUnavailable(
                f"{uri} is the record of {model.name} {model.revision}: it was moved; remove it"
            )
        return model

    def _read_file(self, model: RegisteredModel, name: str, digest: str, size: int) -> bytes:
        uri = self._file_uri(digest)
        try:
            return read_checked(self._store, uri, digest, size)
        except ModelUnavailable as error:
            mend = (
                "Train it again (mmpipe train recommender)"
                if model.kind == "recommender"
                else "Register the model again from the folder it was trained into, which mends the file"
                f" (mmpipe models register {model.name} FOLDER)"
            )
            raise ModelUnavailable(
                f"model {model.name!r} {model.revision}: {name} {error}; it is refused. {mend}, or restore"
                f" {uri}"
            ) from error


def check_name(name: str) -> None:
    """Whether a model may be registered under ``name``. Raises ``InvalidRequest`` saying what to change."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            "name", f"{name[:80]!r}: use at most 40 lower-case letters, digits and '-', no '-' first"
        )
    if name == FILES_FOLDER or name in RECOGNIZERS or registry.is_known(name):
        raise InvalidRequest("name", f"{name!r} is taken by mmpipe itself: choose another, such as my-{name}")


def _fingerprint_of(name: str, folder: Path) -> str:
    return registry.load_folder(name, folder).profile.fingerprint


def _max_bytes(kind: ModelKind) -> int:
    return MAX_RECOMMENDER_BYTES if kind == "recommender" else MAX_FILE_BYTES


def _is_record(key: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{16}\.json", key) is not None


def _newest_first(models: list[RegisteredModel]) -> list[RegisteredModel]:
    return sorted(models, key=lambda model: (model.created_at, model.revision), reverse=True)


def _move_into_place(made: Path, folder: Path, files: Mapping[str, str]) -> None:
    if folder.is_dir():
        if not faults(folder, files):
            return  # another fetch was first, and its copy may be in use
        # A damaged copy steps aside; whoever has its files open keeps them.
        aside = made.with_name(f"{made.name}-old")
        with suppress(FileNotFoundError):  # another fetch found it damaged too, and was first
            folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
