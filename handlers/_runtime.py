"""What Lambda's runtime gets around a handler: structured logs with the request's id, and metrics.

Both are Powertools' work. Metrics are lines of CloudWatch's embedded format on standard output, written
where Lambda runs the function and nowhere else; namespace and service come from
``POWERTOOLS_METRICS_NAMESPACE`` and ``POWERTOOLS_SERVICE_NAME``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mmpipe.telemetry import redacted

_Handler = TypeVar("_Handler", bound=Callable[[Any, Any], Any])
_NAMESPACE = "mmpipe"


class Runtime:
    """One execution environment. Making it sets up logging for the process."""

    def __init__(self) -> None:
        self._logger = Logger(json_serializer=_line, utc=True, use_rfc3339=True)
        copy_config_to_registered_loggers(self._logger, include={"mmpipe"})
        self._metrics: EphemeralMetrics | None = None
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", _NAMESPACE)
            self._metrics = EphemeralMetrics(namespace=namespace)

    def count(self, name: str, value: int) -> None:
        """Add to a metric of this invocation."""
        if self._metrics is not None:
            self._metrics.add_metric(name, MetricUnit.Count, value)

    def observed(self, handle: _Handler) -> _Handler:
        """The handler, whose logs carry the invocation's context and whose metrics are written at its end."""
        if self._metrics is None:
            return handle
        observed: _Handler = self._metrics.log_metrics(self._logger.inject_lambda_context(handle))
        return observed


def _line(entry: Any) -> str:
    return json.dumps(redacted(entry), default=str, ensure_ascii=False, separators=(",", ":"))
