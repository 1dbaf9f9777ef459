"""``terraform fmt``, ``validate`` and ``test`` (with a mocked provider) for every module and environment.

``terraform test`` loads and validates the module before it runs anything, so modules are not validated a
second time. Two folders are worked on at once; a test waits for its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.infra import terraform
from tests.infra.terraform import Completed, Workspace
from tests.infra.test_modules import ENVIRONMENTS, MODULES

_LIMIT_SECONDS = 240

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    terraform.require()
    return tmp_path_factory.mktemp("static")


@pytest.fixture(scope="module")
def results(copy: Path) -> Iterator[dict[str, Future[Completed]]]:
    """Folder → its result, under way."""
    Workspace.of(copy, "")  # copied once, before the threads start
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        futures = {f"envs/{name}": pool.submit(_validate, copy, f"envs/{name}") for name in ENVIRONMENTS}
        futures |= {f"modules/{name}": pool.submit(_test, copy, f"modules/{name}") for name in MODULES}
        yield futures
        pool.shutdown(cancel_futures=True)


def _validate(copy: Path, folder: str) -> Completed:
    workspace = Workspace.of(copy, folder)
    workspace.init(timeout=_LIMIT_SECONDS)
    return workspace.run("validate", "-no-color", timeout=_LIMIT_SECONDS, check=False)


def _test(copy: Path, folder: str) -> Completed:
    workspace = Workspace.of(copy, folder)
    workspace.init(timeout=_LIMIT_SECONDS)
    return workspace.run("test", "-no-color", timeout=_LIMIT_SECONDS, check=False)


def test_formatting(copy: Path) -> None:
    done = Workspace.of(copy, "").run("fmt", "-check", "-recursive", "-diff", "-no-color", check=False)
    assert done.code == 0, done.output


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_environment_is_valid(name: str, results: dict[str, Future[Completed]]) -> None:
    done = results[f"envs/{name}"].result()
    assert done.code == 0, done.output


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str, results: dict[str, Future[Completed]]) -> None:
    done = results[f"modules/{name}"].result()
    assert done.code == 0, done.output
    assert "0 passed" not in done.output, "the module's tests ran nothing"
