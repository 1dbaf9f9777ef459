"""Whether Ray starts here and runs something; takes ten seconds and more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mmpipe.doctor.finding import Finding

if TYPE_CHECKING:
    from mmpipe.settings import Settings

_SECONDS: Final = 120
# In a process of its own: Ray leaves threads and files behind, and may hang.
_SCRIPT: Final = """
import logging, ray
ray.init(num_cpus=1, object_store_memory=80_000_000, include_dashboard=False, log_to_driver=False,
         logging_level=logging.ERROR, _node_ip_address="127.0.0.1")
assert ray.get(ray.remote(lambda: 42).remote(), timeout=60) == 42
print(ray.__version__)
ray.shutdown()
"""


def ray_starts(_settings: Settings) -> Iterator[Finding]:
    """Starts one node, runs one task, ends it."""
    code, out, err = _run([sys.executable, "-c", _SCRIPT], _SECONDS)
    remedy = "look into /tmp/ray/session_latest/logs; pip install 'mmpipe[serve]' brings it along"
    if code == 0:
        yield Finding("Ray", "fine", f"{out.strip()} starts and runs a task")
    elif code is None:
        yield Finding(
            "Ray", "broken", f"it did not start within {_SECONDS} s", f"end what is busy, or {remedy}"
        )
    else:
        lines = err.strip().splitlines() or ["no word why"]
        yield Finding("Ray", "broken", lines[-1][:300], remedy)


def _run(command: list[str], seconds: float) -> tuple[int | None, str, str]:
    """How it ended and what it said; None where it had to be ended, with all that it started."""
    with subprocess.Popen(  # noqa: S603  this Python, and a script of ours
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        try:
            out, err = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            return None, "", ""
        return running.returncode, out, err
