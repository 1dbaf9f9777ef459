"""A clock that does not jump, for what is judged by its age."""

from __future__ import annotations

import time

_STARTED = time.time() - time.monotonic()


def steady_time() -> float:
    """Unix seconds as this process's clock had them at its start, and as much as passed since: whoever sets
    the machine's clock makes nothing old or new."""
    return _STARTED + time.monotonic()
