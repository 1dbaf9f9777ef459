"""Where replicas log to."""

from __future__ import annotations

import sys

from mmpipe.telemetry import configure_logging


def log_as_replica() -> None:
    """In a Serve replica: warnings and errors of ``mmpipe.*`` as JSON lines on stderr, which Ray keeps in
    ``worker-*.err``. Elsewhere nothing changes: there the process's own entry point has decided.

    A replica's entry point is Ray's, so each deployment calls this first.
    """
    serve = sys.modules.get("ray.serve")
    if serve is None:
        return
    from ray.serve.exceptions import RayServeException

    try:
        serve.get_replica_context()
    except RayServeException:
        return
    configure_logging("WARNING")
