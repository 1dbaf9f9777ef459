"""What only the cluster knows, told to CloudWatch every minute: ``python -m mmpipe.serve.ray.cloudwatch``.

Runs on the head. Namespace ``mmpipe``, dimension ``Cluster``, for environments of one account share the
namespace; infra/modules/observability watches them:

* ``Heartbeat`` (Count): 1 where the query service and Ray's dashboard answer, else 0. No data: no head.
* ``JobFailures`` (Count): Ray jobs that ended as FAILED since the last time; 0 is told too.
* ``AnswerAge`` (Seconds): since what the oldest of the collections is answered from was last seen to be
  live, where that is over a minute, else 0; of a replica that is ready.
* ``GpuUtilisation`` (Percent): the mean over the GPUs there are. No GPU, no data.

A minute that cannot be measured or told is logged and passed over.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmpipe.dispatch.http import HttpClient
from mmpipe.dispatch.tokens import FixedToken, TokenSource
from mmpipe.errors import DispatchUnavailable
from mmpipe.telemetry import configure_logging

NAMESPACE = "mmpipe"
DIMENSION = "Cluster"
PERIOD_SECONDS = 60.0
_TIMEOUT_SECONDS = 10.0
_log = logging.getLogger("mmpipe.serve")


class NodeToken:
    """The token that this node's Ray uses: ``RAY_AUTH_TOKEN``, else the file of ``RAY_AUTH_TOKEN_PATH``, else
    none.

    A :class:`~mmpipe.dispatch.tokens.TokenSource` that reads it each time: Ray may be started again with
    another one while this process goes on.
    """

    def value(self) -> str:
        """See :class:`~mmpipe.dispatch.tokens.TokenSource`."""
        given, path = os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH")
        if given or not path:
            return given or ""
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise DispatchUnavailable(
                f"RAY_AUTH_TOKEN_PATH: {error}; mmpipe.serve.ray.node_secrets writes it"
            ) from error

    def renewed(self, refused: str) -> bool:
        """See :class:`~mmpipe.dispatch.tokens.TokenSource`."""
        return self.value() != refused


class Probe:
    """Reads the query service and Ray's dashboard; ``token`` is the cluster's."""

    def __init__(self, service_url: str, dashboard_url: str, token: TokenSource) -> None:
        self._service = HttpClient(service_url, FixedToken(""), _TIMEOUT_SECONDS)
        self._dashboard = HttpClient(dashboard_url, token, _TIMEOUT_SECONDS)
        self._failed: set[str] | None = None

    def measure(self) -> list[tuple[str, float, str]]:
        """Name, value and unit of each metric that can be told now. What does not answer is no heartbeat."""
        measured: list[tuple[str, float, str]] = []
        alive = True
        try:
            alive = self._service.request("GET", "/healthz").ok
            ready = self._service.request("GET", "/readyz")
            if ready.ok:
                measured.append(("AnswerAge", float(ready.json().get("stale_seconds", 0)), "Seconds"))
            measured.append(("JobFailures", float(self._new_failures()), "Count"))
            gpus = self._gpus()
            if gpus:
                measured.append(("GpuUtilisation", sum(gpus) / len(gpus), "Percent"))
        except DispatchUnavailable as error:
            _log.warning("the cluster cannot be measured", extra={"reason": str(error)})
            alive = False
        return [("Heartbeat", float(alive), "Count"), *measured]

    def _new_failures(self) -> int:
        jobs = self._get("/api/jobs/")
        failed = {str(job.get("submission_id")) for job in jobs if job.get("status") == "FAILED"}
        # Those that failed before this process came were told by its predecessor, or are history.
        new = set() if self._failed is None else failed - self._failed
        self._failed = failed
        return len(new)

    def _gpus(self) -> list[float]:
        nodes = self._get("/nodes?view=summary").get("data", {}).get("summary", [])
        used = [gpu.get("utilizationGpu") for node in nodes for gpu in node.get("gpus") or []]
        return [float(percent) for percent in used if percent is not None]

    def _get(self, path: str) -> Any:
        answer = self._dashboard.request("GET", path)
        if not answer.ok:
            raise DispatchUnavailable(f"Ray's dashboard: {answer.summary()}")
        return answer.json()


def publish(client: Any, cluster: str, measured: list[tuple[str, float, str]]) -> None:
    """Send the metrics of this cluster. Raises botocore's errors."""
    dimensions = [{"Name": DIMENSION, "Value": cluster}]
    data = [
        {"MetricName": name, "Value": value, "Unit": unit, "Dimensions": dimensions}
        for name, value, unit in measured
    ]
    client.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def run(client: Any, cluster: str, probe: Probe, stop: threading.Event) -> None:
    """Measure and publish every minute until ``stop`` is set."""
    from botocore.exceptions import BotoCoreError, ClientError

    while True:
        try:
            publish(client, cluster, probe.measure())
        except (BotoCoreError, ClientError) as error:
            _log.warning("CloudWatch took no metrics", extra={"reason": str(error)})
        if stop.wait(PERIOD_SECONDS):
            return


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Whether no other process of this machine publishes for this cluster; holds the place meanwhile."""
    with open(Path(tempfile.gettempdir()) / f"mmpipe-cloudwatch-{name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def main(arguments: list[str] | None = None) -> int:
    """Entry point; runs until the process is ended."""
    parser = argparse.ArgumentParser(
        prog="mmpipe.serve.ray.cloudwatch", description="Publish cluster metrics."
    )
    parser.add_argument("--cluster", required=True, help="value of the dimension Cluster")
    parser.add_argument("--service-url", default="http://127.0.0.1:8000")
    parser.add_argument("--dashboard-url", default="http://127.0.0.1:8265")
    options = parser.parse_args(arguments)
    configure_logging()
    import boto3

    with only_one(options.cluster) as first:
        if not first:
            _log.info("another process publishes already", extra={"cluster": options.cluster})
            return 0
        probe = Probe(options.service_url, options.dashboard_url, NodeToken())
        run(boto3.client("cloudwatch"), options.cluster, probe, threading.Event())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
