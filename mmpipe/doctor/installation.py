"""Python, the packages that were asked for, and what was compiled of ours."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmpipe.doctor.finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from mmpipe.settings import Settings

_NEEDED: Final = ("lake", "ml", "serve")
"""Extras without which nothing is indexed or served."""
_KERNELS: Final = ("mmpipe.search.kernels", "mmpipe.recommend.behaviour.kernels", "mmpipe.recommend.kernels")
_SLOW_SECONDS: Final = 10.0
_NAMED: Final = 6


def python(_settings: Settings) -> Iterator[Finding]:
    """Its version."""
    found = ".".join(map(str, sys.version_info[:3]))
    wanted = str(metadata.metadata("mmpipe")["Requires-Python"] or "")
    if _holds(found, wanted):
        yield Finding("python", "fine", f"{found} at {sys.executable}")
    else:
        yield Finding(
            "python", "broken", f"{found}, where {wanted} is needed", "install mmpipe with a newer Python"
        )


def packages(_settings: Settings) -> Iterator[Finding]:
    """What mmpipe and its extras ask for, against what is there."""
    by_extra = _requirements()
    wrong: list[str] = []
    for extra, requirements in by_extra.items():
        missing = [each.name for each in requirements if _installed(each.name) is None]
        wrong += [told for each in requirements if (told := _misfit(each))]
        name = f"packages of mmpipe[{extra}]" if extra else "packages"
        if not missing:
            yield Finding(name, "fine", f"{len(requirements)} there")
        elif not extra or extra in _NEEDED:
            yield Finding(name, "broken", f"missing: {_some(missing)}", _pip(extra))
        else:
            yield Finding(
                name, "note", f"not installed: {_some(missing)}", f"where it is wanted, {_pip(extra)}"
            )
    if wrong:
        yield Finding("versions", "broken", _some(sorted(set(wrong))), _pip("all"))
    yield from _pins(Path(__file__).parents[2] / "constraints.txt")


def kernels(_settings: Settings) -> Iterator[Finding]:
    """What is compiled at the first import, and kept beside the code."""
    begun = time.monotonic()
    try:
        folders = [_imported(name) for name in _KERNELS]
    except ImportError as error:
        yield Finding("kernels", "broken", f"they do not load: {error}", _pip("lake"))
        return
    seconds = time.monotonic() - begun
    unkept = [str(folder) for folder in folders if not any((folder / "__pycache__").glob("*.nbi"))]
    if unkept:
        yield Finding(
            "kernels",
            "warning",
            f"compiled in {seconds:.0f} s, and not kept: every process will compile them again",
            f"make {' and '.join(unkept)} writable, or set NUMBA_CACHE_DIR to a folder that is; look again",
        )
    else:
        told = "compiled now" if seconds > _SLOW_SECONDS else "compiled before"
        yield Finding("kernels", "fine", f"{told}, loaded in {seconds:.1f} s")


def _imported(name: str) -> Path:
    package = importlib.import_module(name)
    importlib.import_module("mmpipe.search.kernels.every").compile_all(package)
    return Path(next(iter(package.__path__)))


def _requirements() -> dict[str, list[Requirement]]:
    """What is asked for by extra, ``""`` without one; extras of extras are followed by their own names."""
    from packaging.requirements import Requirement

    found: dict[str, list[Requirement]] = {"": []}
    for extra in metadata.metadata("mmpipe").get_all("Provides-Extra") or ():
        if extra not in ("all", "dev"):
            found[extra] = []
    for line in metadata.requires("mmpipe") or ():
        each = Requirement(line)
        if each.marker is None:
            found[""].append(each)
            continue
        for extra, held in found.items():
            if extra and each.name != "mmpipe" and each.marker.evaluate({"extra": extra}):
                held.append(each)
    return found


def _misfit(requirement: Requirement) -> str | None:
    version = _installed(requirement.name)
    if version is None or requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} is {version}, {requirement.specifier} is needed"


def _pins(file: Path) -> Iterator[Finding]:
    """Of a checkout: the versions that everything was tested with."""
    from packaging.utils import canonicalize_name

    if not file.is_file():
        return
    others: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        name, sign, pin = line.partition("==")
        version = _installed(canonicalize_name(name.strip())) if sign else None
        # A build of a version (2.13.0+cpu) is that version.
        if version is not None and version.partition("+")[0] != pin.split(";")[0].strip():
            others.append(f"{name.strip()} is {version}, not {pin.strip()}")
    if others:
        yield Finding(
            "pins", "warning", _some(others), f"pip install --constraint {file.name} --editable '.[all]'"
        )
    else:
        yield Finding("pins", "fine", f"as in {file.name}")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _holds(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version)


def _pip(extra: str) -> str:
    return f"pip install 'mmpipe[{extra}]'" if extra else "pip install mmpipe"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
