from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mmpipe.errors import NotReady
from mmpipe.local.processes import MARKER, Child, marked, sweep

linux = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="finding processes by marker needs /proc"
)

GOOD = """
import subprocess, sys, threading
from mmpipe.local.processes import Announcement, when_parent_ends
announcement = Announcement()
print("chatter must not reach the parent")
ended = threading.Event()
when_parent_ends(ended.set)
program = "import time; print(flush=True); time.sleep(600)"
helper = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
helper.stdout.readline()
announcement.ready(helper=helper.pid)
ended.wait(60)
"""


def child(tmp_path: Path, source: str, marker: str = "none") -> Child:
    (tmp_path / "program.py").write_text(source)
    environment = {**os.environ, MARKER: marker, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}"}
    return Child("program", [], environment, tmp_path / "log")


@linux
def test_a_child_ends_with_its_stdin_and_the_sweep_finds_what_it_leaves(tmp_path: Path) -> None:
    marker = secrets.token_hex(8)
    started = child(tmp_path, GOOD, marker)
    helper = started.wait_ready(60)["helper"]
    assert set(marked(marker)) == {started.pid, helper}
    started.stop(20)
    assert not started.running()
    assert marked(marker) == [helper]
    assert sweep(marker) == 1
    assert marked(marker) == []
    assert "chatter" in started.tail()


def test_a_child_that_fails_shows_its_log(tmp_path: Path) -> None:
    failing = child(tmp_path, "raise SystemExit('no such model')")
    with pytest.raises(NotReady, match="no such model"):
        failing.wait_ready(60)
    failing.stop(5)


def test_a_child_that_hangs_is_given_up_and_killed(tmp_path: Path) -> None:
    hanging = child(tmp_path, "import time; time.sleep(600)")
    with pytest.raises(NotReady, match="not ready within"):
        hanging.wait_ready(0.1)
    hanging.stop(0.1)
    assert not hanging.running()


@linux
def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    marker = secrets.token_hex(8)
    parent = f"""
import os, pathlib
from mmpipe.local.processes import Child, MARKER
environment = dict(os.environ, **{{MARKER: {marker!r}}})
started = Child("mmpipe.local.cloud_server", [], environment, pathlib.Path({str(tmp_path / "log")!r}))
started.wait_ready(60)
print(started.pid, flush=True)
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=False)
    try:
        descriptor = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return  # gone already
    with os.fdopen(descriptor) as process:
        assert select.select([process], [], [], 60)[0], "the child outlived its parent"
