from __future__ import annotations

import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from mmpipe.errors import InvalidRequest
from mmpipe.local.state import (
    FILE_NAME,
    StackLock,
    StackState,
    clear_state,
    is_running,
    read_state,
    write_state,
)
from mmpipe.settings import Settings


def state(stack_id: str = "a") -> StackState:
    return StackState(
        stack_id=stack_id,
        pid=1,
        url="http://127.0.0.1:1",
        jobs_url="http://127.0.0.1:2",
        s3_url="http://127.0.0.1:3",
        uploads_bucket="mmpipe-uploads",
        queue_url="http://127.0.0.1:3/1/q",
        dead_letters_url="http://127.0.0.1:3/1/d",
        lake_uri="s3://mmpipe-lake/lake",
        profile="fake",
        token=SecretStr("t0ken"),
        ray_token=SecretStr("r0ken"),
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def test_the_state_is_its_owners_alone_and_complete(tmp_path: Path) -> None:
    path = write_state(tmp_path, state())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_state(tmp_path) == state()
    assert list(tmp_path.iterdir()) == [path]
    assert "t0ken" not in repr(state())


def test_another_process_reaches_the_stack_with_it() -> None:
    settings = state().apply(Settings())
    assert settings.storage.endpoint_url == "http://127.0.0.1:3"
    assert settings.lake.uri == "s3://mmpipe-lake/lake"
    assert settings.indexing.profile == "fake"
    assert settings.dispatch.token.get_secret_value() == "t0ken"


def test_a_cleared_state_is_gone(tmp_path: Path) -> None:
    write_state(tmp_path, state("b"))
    clear_state(tmp_path)
    clear_state(tmp_path)
    assert read_state(tmp_path) is None


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{}")
    with pytest.raises(InvalidRequest, match="remove it"):
        read_state(tmp_path)


def test_one_stack_per_folder(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    lock = StackLock(tmp_path)
    assert lock.acquire() == {}
    assert is_running(tmp_path)
    with pytest.raises(InvalidRequest, match="already running"):
        StackLock(tmp_path).acquire()
    lock.note({"stack_id": "x"})
    lock.release()
    assert not is_running(tmp_path)
    assert StackLock(tmp_path).acquire() == {}  # released in order: nothing to clean up


def test_a_killed_stack_leaves_its_notes(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys; from mmpipe.local.state import StackLock;"
        " lock = StackLock(pathlib.Path(sys.argv[1])); lock.acquire(); lock.note({'stack_id': 'x'});"
        " os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    lock = StackLock(tmp_path)
    assert lock.acquire() == {"stack_id": "x"}
    lock.release()
