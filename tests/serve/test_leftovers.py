"""What a killed service leaves is ended and removed by the next; what lives is left alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmpipe.errors import NotReady
from mmpipe.serve.ray import run
from mmpipe.serve.ray.leftovers import LOCK_NAME, carrying, collect, owned_folder
from mmpipe.settings import ServeSettings, Settings

# A service that starts a proxy of its own, says where both are, and waits to be killed.
_SERVICE = """
import os, subprocess, sys, time
from mmpipe.serve.ray.leftovers import owned_folder
with owned_folder("mmpipe-test-", sys.argv[1]) as folder:
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env={**os.environ, "TMPDIR": str(folder)}, start_new_session=True, stdout=subprocess.DEVNULL,
    )
    print(folder, child.pid, flush=True)
    time.sleep(600)
"""


def _service(within: Path) -> tuple[subprocess.Popen[str], Path, int]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVICE, str(within)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder, child = process.stdout.readline().split()
    return process, Path(folder), int(child)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found by /proc")
def test_what_a_killed_service_leaves_is_gone_and_a_living_one_stays(tmp_path: Path) -> None:
    killed, folder, proxy = _service(tmp_path)
    living, other, its_proxy = _service(tmp_path)
    try:
        assert collect("mmpipe-test-", str(tmp_path)) == 0, "both live"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        deadline = time.monotonic() + 60
        while carrying("TMPDIR", str(folder)) != [proxy] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert collect("mmpipe-test-", str(tmp_path)) == 1
        assert not folder.exists()
        assert carrying("TMPDIR", str(folder)) == []
        assert other.is_dir()
        assert carrying("TMPDIR", str(other)) == [its_proxy]
    finally:
        living.kill()
        living.wait()
        os.kill(its_proxy, signal.SIGKILL)


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mmpipe-test-just-made").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "owner.lock").touch()
    (tmp_path / "mmpipe-test-link").symlink_to(tmp_path / "real")
    assert collect("mmpipe-test-", str(tmp_path)) == 0
    assert (tmp_path / "mmpipe-test-just-made").is_dir()
    assert (tmp_path / "real" / "owner.lock").exists()


def test_an_owned_folder_goes_with_its_owner(tmp_path: Path) -> None:
    with owned_folder("mmpipe-test-", str(tmp_path)) as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_a_start_collects_what_is_left_and_says_at_once_that_its_port_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_SHORT_TMP", str(tmp_path))
    left = tmp_path / f"{run._FOLDERS}left"
    left.mkdir()
    (left / LOCK_NAME).touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(serve=ServeSettings(port=taken.getsockname()[1]))
        with pytest.raises(NotReady, match="cannot be listened on"), run.ray_cluster(settings):
            pass
    assert list(tmp_path.iterdir()) == []
