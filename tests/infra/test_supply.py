"""What is deployed is what the lock files know, byte for byte; what is known of it, and its list."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.infra.terraform import INFRA, ROOT

LOCKS = {ROOT / "requirements.lock": ("lake", "ml", "serve", "cli", "train", "speech"),
         INFRA / "lambda_search" / "requirements.lock": ("lake", "ml")}  # fmt: skip
# Of other platforms than the developers', and what packages need that is there in any case.
NOT_PINNED = re.compile(r"nvidia-.*|cuda-.*|triton|setuptools")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;! ]", name.strip(), maxsplit=1)[0]).lower()


def pins(file: Path) -> dict[str, str]:
    lines = [line.rstrip(" \\") for line in file.read_text("utf-8").splitlines()]
    return {normal(line): line.partition("==")[2] for line in lines if "==" in line and line[:1] != "#"}


def module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tried_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_a_lock_holds_the_tested_versions_with_digests_and_no_address(lock: Path) -> None:
    locked, tested = pins(lock), pins(ROOT / "constraints.txt")
    differing = {name: (version, tested.get(name)) for name, version in locked.items()
                 if tested.get(name) != version and not NOT_PINNED.fullmatch(name)}  # fmt: skip
    assert differing == {}, "make lock"
    text = lock.read_text("utf-8")
    for entry in re.split(r"\n(?=[a-z0-9])", text.partition("\n\n")[2] or text):
        assert "==" not in entry or "--hash=sha256:" in entry, entry
    assert not re.search(r"://|--index|--find-links|-e ", text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_a_lock_holds_all_that_the_project_asks_for(lock: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = set(map(normal, project["dependencies"]))
    for extra in LOCKS[lock]:
        wanted |= set(map(normal, project["optional-dependencies"][extra]))
    more = lock.with_name("requirements.in")
    if more.exists():
        wanted |= {normal(line) for line in more.read_text("utf-8").splitlines() if line[:1] not in ("", "#")}
    assert wanted - pins(lock).keys() == set(), "make lock"


class Pip:
    """In the place of pip: it downloads one wheel of these bytes."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data = name, data

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        Path(command[command.index("--dest") + 1], self.name).write_bytes(self.data)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(INFRA / "lambda"))
    return module(INFRA / "lambda" / "build.py")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("idna-{}-py3-none-any.whl", "its bytes differ"),
        ("idna-0.1-py3-none-any.whl", "is not in requirements.lock"),
        ("stranger-1.0-py3-none-any.whl", "is not in requirements.lock"),
    ],
)
def test_a_zip_takes_no_file_that_the_lock_does_not_know(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, fault: str
) -> None:
    name = name.format(pins(ROOT / "requirements.lock")["idna"])
    monkeypatch.setattr(build.subprocess, "run", Pip(name, b"other bytes"))
    with pytest.raises(build.BuildError, match=fault):
        build._download(["idna"], "manylinux2014_x86_64", tmp_path)


@pytest.fixture
def audit() -> Any:
    return module(INFRA / "supply" / "audit.py")


def stand_in(folder: Path, body: str) -> str:
    """A command in the place of pip-audit."""
    file = folder / "pip-audit"
    file.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    file.chmod(0o755)
    return str(file)


FOUND = {
    "dependencies": [
        {"name": "fine", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]},
        {"name": "strange", "skip_reason": "not found"},
    ]
}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            f"print({json.dumps(json.dumps(FOUND))})",
            "audit: 2 of 3 packages were looked up, 1 have known vuln",
        ),
        ("sys.exit('no network')", "WARNING: nothing was looked up: no network"),
        ("time.sleep(60)", "WARNING: nothing was looked up: it was not done within 1 s"),
    ],
)
def test_the_audit_warns_and_fails_only_where_it_is_asked_to(
    audit: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, said: str
) -> None:
    command = ["--pip-audit", stand_in(tmp_path, body), "--seconds", "1" if "sleep" in body else "60"]
    assert audit.main(command) == 0
    told = capsys.readouterr().out
    assert said in told
    if "PYSEC" in body:
        assert "WARNING: bad 2: PYSEC-1 (mended in 2.1)" in told
        assert "WARNING: not looked up: strange" in told
    assert audit.main([*command, "--strict"]) == 1


def test_an_audit_that_knew_nothing_does_not_call_anything_safe(audit: Any) -> None:
    nothing = {"dependencies": [{"name": "a", "skip_reason": "x"}, {"name": "b", "skip_reason": "x"}]}
    lines, clean = audit.summary(nothing)
    assert lines[-1] == "audit: 0 of 2 packages were looked up, this says nothing about them"
    assert not clean
    assert audit.summary({"dependencies": [{"name": "a", "version": "1", "vulns": []}]})[1]


def test_an_audit_without_its_tool_says_so(audit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--pip-audit", "/nowhere/pip-audit"]) == 0
    assert "it cannot be started" in capsys.readouterr().out


@pytest.mark.timeout(300)
def test_the_wheel_comes_with_a_list_of_what_is_installed_beside_it(tmp_path: Path) -> None:
    if not (ROOT / ".venv-supply" / ".tools").exists():
        pytest.skip("make setup-supply")
    done = subprocess.run(
        ["make", "wheel", f"DIST={tmp_path}"], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    found = json.loads(wheel.with_suffix(".cdx.json").read_text("utf-8"))
    assert (found["bomFormat"], found["metadata"]["component"]["name"]) == ("CycloneDX", "mmpipe")
    listed = {normal(each["name"]): each for each in found["components"]}
    locked = pins(ROOT / "requirements.lock")
    assert {name: each["version"] for name, each in listed.items()} == locked
    for each in listed.values():
        assert any(reference.get("hashes") for reference in each["externalReferences"]), each["name"]
