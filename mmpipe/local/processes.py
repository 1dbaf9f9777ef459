"""Child processes that never outlive their parent, however it ends.

A child's stdin is a pipe that only the parent holds open: its end of file says that the parent is gone, also
where it was killed. A child and everything it starts carry a marker in their environment, by which whatever
is left can be found (Linux) and ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpipe.errors import NotReady
from mmpipe.local.bounded_log import BoundedLog
from mmpipe.serve.ray.leftovers import carrying, kill

logger = logging.getLogger(__name__)

MARKER = "MMPIPE_LOCAL_STACK_ID"
LOG_BYTES = 10_000_000
_TAIL_BYTES = 4_000
_DRAIN_SECONDS = 2.0


class Child:
    """``python -m <module>`` in a process group of its own, ready once it printed one line of JSON.

    What it and all that it starts write to stderr is appended to ``log`` by this process, which keeps no more
    than the newest ``most_bytes`` of it (:class:`~mmpipe.local.bounded_log.BoundedLog`).
    """

    def __init__(
        self,
        module: str,
        args: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        most_bytes: int = LOG_BYTES,
    ) -> None:
        self._module = module
        self._log = log
        self._process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-m", module, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,  # a Ctrl-C in the terminal is for the parent, which ends us in order
        )
        self._drain = threading.Thread(
            target=BoundedLog(log, most_bytes).drain,
            args=(self._process.stderr,),
            name=f"log-{self._process.pid}",
            daemon=True,
        )
        self._drain.start()
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """Its process id, which is also its group's."""
        return self._process.pid

    def running(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def wait_ready(self, seconds: float) -> dict[str, Any]:
        """What it said when it was ready. Raises :class:`NotReady` with the end of its log."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise NotReady(
                        f"{self._module} was not ready within {seconds:.0f} s; its log ends:\n{self.tail()}"
                    )
                part = os.read(self._process.stdout.fileno(), 65_536)
                if not part:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(_DRAIN_SECONDS)
                    raise NotReady(f"{self._module} ended before it was ready; its log ends:\n{self.tail()}")
                line += part
        self.ready = json.loads(line)
        return self.ready

    def tail(self) -> str:
        """The end of its log."""
        if not self.running():
            self._drain.join(_DRAIN_SECONDS)  # its last words are on their way
        data = self._log.read_bytes()[-_TAIL_BYTES:] if self._log.exists() else b""
        return data.decode(errors="replace").strip()

    def stop(self, seconds: float) -> None:
        """Ask it to end by closing its stdin; kill its group where it does not within ``seconds``."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            logger.warning("a process had to be killed", extra={"program": self._module, "pid": self.pid})
        # Its group may hold helpers that it left behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._drain.join(_DRAIN_SECONDS)


class Announcement:
    """In a child: its one line of JSON on stdout. Whatever else is printed from now on goes to stderr."""

    def __init__(self) -> None:
        self._fd = os.dup(1)
        os.dup2(2, 1)

    def ready(self, **facts: Any) -> None:
        """Say that this process is ready, and what the parent wants to know."""
        os.write(self._fd, json.dumps(facts).encode() + b"\n")
        os.close(self._fd)


def when_parent_ends(then: Callable[[], None]) -> None:
    """In a child: call ``then``, from a thread, once the parent closed our stdin or is gone."""

    def watch() -> None:
        # Unbuffered: a buffered read would take part in the interpreter's shutdown locks.
        while os.read(0, 4_096):
            pass
        then()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def marked(stack_id: str) -> list[int]:
    """Ids of the processes that carry the marker, this one excepted. Empty where there is no ``/proc``."""
    return carrying(MARKER, stack_id)


def sweep(stack_id: str) -> int:
    """Kill what carries the marker and wait until it is gone; returns how many processes that were."""
    victims = marked(stack_id)
    kill(victims)
    return len(victims)
