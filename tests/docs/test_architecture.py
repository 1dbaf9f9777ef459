"""docs/architecture.md names what is there: files, tests, words of its diagrams; and contract 8 holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest

from tests.docs.doc_commands import ROOT, faults, read

PAGE = read("docs/architecture.md").text
DECISIONS = sorted(f"docs/decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md"))
DIAGRAMS = re.findall(r"^```mermaid\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# A semicolon ends a statement of Mermaid's.
_MESSAGE = re.compile(r"(\w+)-{1,2}>>(\w+): [^\s;][^;]*")
_NOTE = re.compile(r"Note over (\w+)(?:,(\w+))?: [^\s;][^;]*")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"a connection while {module} was imported")

module = ""
sys.addaudithook(refuse)
import handlers, mmpipe
for package in (handlers, mmpipe):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            module = found.name
            importlib.import_module(module)
"""


def section(heading: str) -> str:
    return read("docs/architecture.md", heading).text


@pytest.mark.parametrize("name", ["docs/architecture.md", "README.md", *DECISIONS])
def test_what_the_page_names_is_there(name: str) -> None:
    assert faults(read(name), on_infrastructure=False) == []


def test_it_is_read_in_ten_minutes() -> None:
    assert len(PAGE.splitlines()) <= 250


def test_every_file_of_indexing_is_on_the_map_once() -> None:
    listed: list[str] = []
    folder = ""
    for line in section("Map of mmpipe/indexing").splitlines():
        if found := re.match(r"(\w+/) {2,}\S", line):
            folder = found[1]
        elif found := re.match(r"( *)(\w+\.py) {2,}\S", line):
            listed.append((folder if found[1] else "") + found[2])
    room = ROOT / "mmpipe" / "indexing"
    there = [path.relative_to(room).as_posix() for path in room.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(listed) == sorted(there)


def test_the_order_of_imports_is_the_one_that_is_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    (told,) = re.findall(r"^`cli` → .*?$\n^.*?$", section("Rooms"), re.MULTILINE)
    assert told.replace("`", "").replace("\n", " ").split(" → ") == layers


def test_every_contract_is_shown_by_a_test() -> None:
    rows = [line.split(" | ") for line in section("Contracts").splitlines() if re.match(r"\| \d", line)]
    assert [int(row[0].strip("| ")) for row in rows] == list(range(1, 13))
    for row in rows:
        shown = _TEST.findall(row[3])
        assert shown, row[1]
        for file, name in shown:
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), name
        missing = [place for place in re.findall(r"`([a-z_.A-Z]+)`", row[2]) if not _is_there(place)]
        assert missing == []


def _is_there(place: str) -> bool:
    parts = [part for part in place.split(".") if not part[:1].isupper()]
    for root in ("mmpipe", "mmpipe/indexing"):
        path = ROOT.joinpath(root, *parts)
        if parts and (path.is_dir() or path.with_suffix(".py").is_file()):
            return True
    return not parts or place == "pyproject.toml"


@pytest.mark.parametrize("diagram", DIAGRAMS)
def test_a_diagrams_lines_are_of_its_own_participants(diagram: str) -> None:
    lines = [line.strip() for line in diagram.splitlines()]
    assert lines[0] == "sequenceDiagram"
    actors = {line.split()[1] for line in lines if line.startswith("participant ")}
    unknown = []
    for line in lines[1:]:
        if line.startswith(("participant ", "loop ")) or line == "end":
            continue
        found = _MESSAGE.fullmatch(line) or _NOTE.fullmatch(line)
        if found is None or not {name for name in found.groups() if name} <= actors:
            unknown.append(line)
    assert unknown == []


def test_there_is_a_diagram_for_each_way() -> None:
    assert len(DIAGRAMS) == 4


def test_importing_reads_no_setting_and_opens_no_connection() -> None:
    # Whatever reads the settings fails at this one.
    environment = os.environ | {"MMPIPE_LAKE__MAX_UNINDEXED_ROWS": "many"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
