"""Child process: a local Ray with its Jobs API, and the query service on it.

``ray start`` rather than ``ray.init``: only there can the dashboard agent's port, which the Jobs API needs,
be any free one, so that several stacks fit on a machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from mmpipe.local.processes import Announcement, when_parent_ends
from mmpipe.settings import load_settings
from mmpipe.telemetry import configure_logging

_OBJECT_STORE_BYTES = 512 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 15.0


def main() -> None:
    """``python -m mmpipe.local.ray_host <folder> <GCS port> <dashboard port>``, with ``MMPIPE_*`` set."""
    announcement = Announcement()
    configure_logging("WARNING")
    folder, gcs_port, dashboard_port = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    ended = threading.Event()
    started = threading.Event()

    def parent_ended() -> None:
        ended.set()
        if not started.is_set():
            # Nothing serves yet, and the start may be in a call that cannot be interrupted. Ray dies with us.
            os._exit(1)

    when_parent_ends(parent_ended)
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    settings = load_settings()
    from mmpipe.serve.ray.run import application

    with _ray(folder, gcs_port, dashboard_port), application(settings) as url:
        started.set()
        announcement.ready(url=url, jobs_url=f"http://127.0.0.1:{dashboard_port}")
        ended.wait()


@contextlib.contextmanager
def _ray(folder: Path, gcs_port: int, dashboard_port: int) -> Iterator[None]:
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        # One more than there are: replicas hold fractions that the batch lane should not wait for.
        f"--num-cpus={(os.cpu_count() or 1) + 1}",
        f"--object-store-memory={_OBJECT_STORE_BYTES}",
        "--node-ip-address=127.0.0.1",
        f"--port={gcs_port}",
        "--include-dashboard=true",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard_port}",
        "--dashboard-agent-listen-port=0",
        f"--temp-dir={folder / 'ray'}",
    ]
    process = subprocess.Popen(  # noqa: S603 - our own arguments
        command, stdin=subprocess.DEVNULL, stdout=2, preexec_fn=_die_with_parent
    )
    try:
        import ray

        ray.init(address=f"127.0.0.1:{gcs_port}", log_to_driver=False, logging_level="WARNING")
        try:
            yield
        finally:
            ray.shutdown()
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    # Linux: should this process be killed outright, Ray gets its SIGTERM and ends its own processes.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
