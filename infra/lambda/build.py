"""Build the handlers' zips, one per Lambda architecture: ``python infra/lambda/build.py``.

A zip holds ``handlers/``, the modules of ``mmpipe`` that the handlers import (found by following the
imports, not by a list), and the third-party packages these import, as wheels for the function's platform in
the versions of ``constraints.txt``, whose bytes are those that ``requirements.lock`` knows. The same input
gives the same bytes (where zlib is the same): entries are sorted, carry one date and one mode, and nothing
compiled by Python is among them.

botocore comes along although Lambda has one, so that a function runs what was tested; of its service
descriptions (most of its size) only those are kept for which the code makes a client.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from import_graph import ImportGraph, collect

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "build" / "lambda"
PYTHON = "3.11"  # of the function's runtime
PLATFORMS = {"arm64": "manylinux2014_aarch64", "x86_64": "manylinux2014_x86_64"}
MAX_BYTES = 15_000_000
PACKAGES = ("mmpipe", "handlers")

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name
_MODE = 0o100644
_DATA = "botocore/data/"
_PIP_SECONDS = 300


class BuildError(Exception):
    """The zip cannot be built, or is not what it has to be."""


@dataclass(frozen=True, slots=True)
class Built:
    """One zip; what ``main`` prints about it."""

    architecture: str
    path: str
    bytes: int
    unpacked_bytes: int
    files: int
    sha256: str


def handler_imports() -> ImportGraph:
    """What all modules of ``handlers/`` need."""
    modules = sorted(file.stem for file in (ROOT / "handlers").glob("[!_]*.py"))
    return collect(ROOT, PACKAGES, [f"handlers.{module}" for module in modules])


def build(architecture: str, folder: Path = OUTPUT) -> Built:
    """Write ``<folder>/mmpipe-handlers-<architecture>.zip``. Raises :class:`BuildError`."""
    graph = handler_imports()
    contents = {str(file.relative_to(ROOT)): file.read_bytes() for file in graph.files}
    with tempfile.TemporaryDirectory(prefix="mmpipe-wheels-") as wheels:
        _download(distributions(graph.third_party), PLATFORMS[architecture], Path(wheels))
        for wheel in sorted(Path(wheels).iterdir()):
            for name, data in _unpacked(wheel):
                if contents.setdefault(name, data) != data:
                    raise BuildError(f"{wheel.name}: {name} is in another package too, with other content")
    contents = {name: data for name, data in contents.items() if _kept(name, graph.aws_services)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mmpipe-handlers-{architecture}.zip"
    _write_zip(path, contents)
    size = path.stat().st_size
    if size > MAX_BYTES:
        path.unlink()
        raise BuildError(f"{path.name}: {size} bytes, and more than {MAX_BYTES} are not meant to be there")
    return Built(
        architecture=architecture,
        path=str(path),
        bytes=size,
        unpacked_bytes=sum(map(len, contents.values())),
        files=len(contents),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def distributions(imports: Iterable[str]) -> list[str]:
    """The installed distributions that provide these modules. Raises :class:`BuildError`."""
    providers = importlib.metadata.packages_distributions()
    found: set[str] = set()
    for name in imports:
        names = set(providers.get(name.partition(".")[0], ()))
        if len(names) > 1:  # of a namespace, each distribution has a part
            names = {distribution for distribution in names if _has_module(distribution, name)}
        if len(names) != 1:
            raise BuildError(f"{name} is imported, and provided by {sorted(names) or 'nothing installed'}")
        found |= names
    return sorted(found)


def _has_module(distribution: str, module: str) -> bool:
    path = module.replace(".", "/")
    files = importlib.metadata.files(distribution) or ()
    return any(str(file) in (f"{path}.py", f"{path}/__init__.py") for file in files)


def _download(requirements: Sequence[str], platform: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    command += ["--dest", str(folder), "--constraint", str(ROOT / "constraints.txt")]
    command += ["--only-binary=:all:", "--platform", platform, "--python-version", PYTHON]
    command += ["--implementation", "cp", *requirements]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"pip did not end within {_PIP_SECONDS} s; is its index reachable?") from error
    if run.returncode:
        raise BuildError(f"pip found no wheels for {platform}:\n{run.stderr.strip()}")
    locked = _locked()
    for wheel in sorted(folder.iterdir()):
        distribution, version = wheel.name.split("-")[:2]
        hashes = locked.get((_normal(distribution), version))
        if hashes is None:
            raise BuildError(f"{wheel.name} is not in requirements.lock: make lock")
        if hashlib.sha256(wheel.read_bytes()).hexdigest() not in hashes:
            raise BuildError(f"{wheel.name} is not the file that requirements.lock knows: its bytes differ")


def _locked() -> dict[tuple[str, str], set[str]]:
    """Name and version of each package of the lock file, with the digests of its files."""
    found: dict[tuple[str, str], set[str]] = {}
    hashes: set[str] = set()
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        name, pinned, version = line.rstrip(" \\").partition("==")
        if pinned:
            hashes = found.setdefault((_normal(name), version), set())
        elif "--hash=sha256:" in line:
            hashes.add(line.rstrip(" \\").rpartition(":")[2])
    return found


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def _unpacked(wheel: Path) -> Iterable[tuple[str, bytes]]:
    """Files of a wheel by where they belong; scripts, headers and the install record are not needed."""
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            name = info.filename
            if info.is_dir() or name.endswith(".dist-info/RECORD"):
                continue
            if ".data/" in name.partition("/")[0] + "/":
                kind, _, name = name.partition("/")[2].partition("/")
                if kind not in ("purelib", "platlib"):
                    continue
            yield name, archive.read(info)


def _kept(name: str, services: set[str]) -> bool:
    if name.endswith(".pyc") or "__pycache__" in name:
        return False
    if not name.startswith(_DATA):
        return True
    service, _, file = name.removeprefix(_DATA).partition("/")
    return not file or (service in services and "examples" not in file)


def _write_zip(path: Path, contents: Mapping[str, bytes]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".building-")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name in sorted(contents):
                info = zipfile.ZipInfo(name, _EPOCH)
                info.create_system = 3  # Unix, on every system
                info.external_attr = _MODE << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, contents[name], compresslevel=9)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, and print one line of JSON per zip."""
    parser = argparse.ArgumentParser(prog="build.py", description="Build the Lambda handlers' zips.")
    parser.add_argument("--architecture", action="append", choices=sorted(PLATFORMS), help="default: both")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="default: build/lambda")
    options = parser.parse_args(arguments)
    for architecture in options.architecture or sorted(PLATFORMS):
        try:
            built = build(architecture, options.output)
        except BuildError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
        sys.stdout.write(json.dumps(asdict(built)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
