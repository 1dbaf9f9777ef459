"""The container images: what they start from, what they take in, and who they run as."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from tests.infra.terraform import INFRA, ROOT

DOCKERFILES = [INFRA / "image" / "Dockerfile", INFRA / "lambda_search" / "Dockerfile"]


def instructions(file: Path) -> list[tuple[str, str]]:
    """Instruction and arguments, continuation lines joined, comments dropped."""
    text = "\n".join(
        line for line in file.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")
    )
    joined = re.sub(r"\\\n", " ", text)
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_bases_are_pinned_and_nobody_is_root(file: Path) -> None:
    found = instructions(file)
    for base in [arguments.split()[0] for name, arguments in found if name == "FROM"]:
        _, _, tag = base.rpartition("/")[2].partition(":")
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9-]+)?", tag), base
    users = [arguments for name, arguments in found if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_what_is_copied_exists_and_is_let_in(file: Path) -> None:
    let_in = [
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"
    ]
    sources = [
        source
        for name, arguments in instructions(file)
        if name == "COPY" and "--from=" not in arguments
        for source in [word for word in arguments.split() if not word.startswith("--")][:-1]
    ]
    assert sources
    for source in sources:
        assert any(fnmatch.fnmatch(source, pattern) for pattern in let_in), f"{source} is kept out"
        built = source.startswith(("dist/", "models/"))
        assert built or (ROOT / source).exists(), source


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_versions_are_the_tested_ones(file: Path) -> None:
    runs = [
        arguments for name, arguments in instructions(file) if name == "RUN" and "pip install" in arguments
    ]
    (run,) = runs
    locked, own = re.findall(r"pip install ([^&]+)", run)
    assert {"--require-hashes", "--only-binary", "/opt/mmpipe/requirements.lock"} <= set(locked.split())
    assert {"--no-deps", "--no-index", "/tmp/wheel/*.whl"} <= set(own.split())
    assert "pip check" in run
    (source,) = [a.split()[0] for n, a in instructions(file) if n == "COPY" and "requirements.lock" in a]
    assert (ROOT / source).read_text("utf-8").count("--hash=sha256:") > 100


def test_settings_of_the_images_exist() -> None:
    from mmpipe.settings import Settings, describe

    known = {name for name, _, _ in describe(Settings)}
    for file in DOCKERFILES:
        named = set(re.findall(r"\b(MMPIPE_[A-Z_]+)=", file.read_text("utf-8")))
        assert named <= known, f"{file}: {named - known}"


def test_the_functions_module_and_path_exist() -> None:
    from importlib.util import find_spec

    (command,) = [a for name, a in instructions(INFRA / "lambda_search" / "Dockerfile") if name == "CMD"]
    assert find_spec(re.findall(r'"-m", "([a-z_.]+)"', command)[0]) is not None
    api = (ROOT / "mmpipe" / "serve" / "http" / "api.py").read_text("utf-8")
    assert '"/healthz"' in api
