"""``terraform fmt``, ``validate`` and ``test`` (with a mocked provider) for every module and environment.

``terraform test`` loads and validates the module before it runs anything, so modules are not validated a
second time. Two folders are worked on at once; a test waits for its own, and only selected ones are begun.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.infra import terraform
from tests.infra.terraform import Completed, Workspace
from tests.infra.test_modules import ENVIRONMENTS, MODULES

_LIMIT_SECONDS = 480

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    terraform.require()
    return tmp_path_factory.mktemp("static")


@pytest.fixture(scope="module")
def results(copy: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[list[Completed]]]]:
    """Folder → the results of its commands, under way. Only of folders whose test was selected."""
    selected = {item.name for item in request.session.items if item.path == request.path}
    # In the order of the tests, so that each waits for little more than its own.
    commands = {
        f"envs/{name}": [_VALIDATE, _TEST] for name in ENVIRONMENTS if f"test_environment[{name}]" in selected
    }
    commands |= {f"modules/{name}": [_TEST] for name in MODULES if f"test_module[{name}]" in selected}
    Workspace.of(copy, "")  # copied once, before the threads start
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        yield {folder: pool.submit(_run, copy, folder, work) for folder, work in commands.items()}
        pool.shutdown(cancel_futures=True)


_VALIDATE = ("validate", "-no-color")
_TEST = ("test", "-no-color")


def _run(copy: Path, folder: str, commands: Sequence[tuple[str, ...]]) -> list[Completed]:
    workspace = Workspace.of(copy, folder)
    workspace.init(timeout=_LIMIT_SECONDS)
    return [workspace.run(*command, timeout=_LIMIT_SECONDS, check=False) for command in commands]


def _passed(done: Completed) -> int:
    """How many runs a ``terraform test`` passed; fails where one did not."""
    assert done.code == 0, done.output
    found = re.search(r"^Success! (\d+) passed, 0 failed\.$", done.output, re.MULTILINE)
    assert found, done.output
    return int(found[1])


def test_formatting(copy: Path) -> None:
    done = Workspace.of(copy, "").run("fmt", "-check", "-recursive", "-diff", "-no-color", check=False)
    assert done.code == 0, done.output


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment(name: str, results: dict[str, Future[list[Completed]]]) -> None:
    validated, tested = results[f"envs/{name}"].result()
    assert validated.code == 0, validated.output
    assert "configuration is valid" in validated.output
    assert _passed(tested) >= 2


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str, results: dict[str, Future[list[Completed]]]) -> None:
    [tested] = results[f"modules/{name}"].result()
    assert _passed(tested) >= 2, "what is made, and what is refused"
