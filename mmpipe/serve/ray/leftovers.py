"""What a process that was killed has left on this machine: its children, found by their environment, and its
temporary folder, told by a lock that the kernel lets go of with its holder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LOCK_NAME = "owner.lock"
_SWEEPS = 5


@contextmanager
def owned_folder(prefix: str, within: str | None) -> Iterator[Path]:
    """A temporary folder below ``within`` that goes with the ``with``, or else with the next
    :func:`collect` of ``prefix``. ``TMPDIR`` of the processes that work in it has to name it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        with open(folder / LOCK_NAME, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def collect(prefix: str, within: str | None) -> int:
    """End the processes of folders whose owner is gone, and remove the folders; how many these were."""
    count = 0
    for folder in Path(within or tempfile.gettempdir()).glob(f"{prefix}*"):
        if _abandoned(folder):
            # Again, for one may have started another meanwhile.
            for _ in range(_SWEEPS):
                kill(victims := carrying("TMPDIR", str(folder)))
                if not victims:
                    break
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count


def carrying(variable: str, value: str) -> list[int]:
    """Ids of the processes with this variable in their environment, this one excepted. Empty where there is
    no ``/proc``."""
    wanted = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        pid = int(entry.parent.name)
        if pid == os.getpid():
            continue
        # A process may end while we look, or belong to somebody else.
        with contextlib.suppress(OSError):
            if wanted in entry.read_bytes().split(b"\0"):
                found.append(pid)
    return found


def kill(victims: Sequence[int], seconds: float = 5.0) -> None:
    """Kill processes and wait until they are gone."""
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while _alive(victims) and time.monotonic() < deadline:
        time.sleep(0.02)  # not our children, so there is nothing to wait on


def _abandoned(folder: Path) -> bool:
    """Whether it is a folder of ours whose owner does not hold its lock. Others' and links are not."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return False
        with open(folder / LOCK_NAME) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or no such file: made a moment ago, or by somebody else
        return False
    return True


def _alive(pids: Sequence[int]) -> bool:
    for pid in pids:
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything; the state follows it. Z: dead, not yet reaped.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                return True
    return False
