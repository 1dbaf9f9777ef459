"""Structured logs with the standard library, traces with OpenTelemetry's API; secrets are redacted in both.

Traces are off where nobody configures an OpenTelemetry SDK in the process: a span is then a few microseconds
and nothing else. Who wants them installs the SDK and starts the process with ``opentelemetry-instrument``, or
sets a tracer provider before the first span.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import Span, StatusCode, get_current_span, get_tracer, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET = re.compile(r"(?i)(token|secret|password|authorization|api[_-]?key)")
_SIGNED = re.compile(r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"]+")
_QUERY = re.compile(r"(\w://[^\s?#]*)[?#]\S*")
_W3C = TraceContextTextMapPropagator()
_TRACER = get_tracer("mmpipe")

Attribute = str | bool | int | float


class JsonFormatter(logging.Formatter):
    """One line of JSON: time, level, logger, message and whatever was passed as ``extra``.

    Values of fields whose names say they are secret, and signatures inside presigned URLs, are replaced.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _RESERVED}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(redacted(entry), default=str, ensure_ascii=False)


def redacted(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A log entry without the values of fields whose names say they are secret, nor signatures in texts."""

    def shown(key: str, value: Any) -> Any:
        if _SECRET.search(key):
            return "***"
        return _SIGNED.sub(r"\1***", value) if isinstance(value, str) else value

    return {key: shown(key, value) for key, value in entry.items()}


def configure_logging(level: str = "INFO") -> None:
    """Send ``mmpipe.*`` logs to stderr as JSON lines; called by entry points only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("mmpipe")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


@contextmanager
def span(name: str, **attributes: Attribute) -> Iterator[Span]:
    """A span around the block, child of the current one; attributes are kept as ``mmpipe.<name>``.

    An exception marks the span as failed and is named by its type alone, for messages quote what people sent.
    For the same reason attributes are counts, kinds, lanes and statuses: never a query's words, a token or
    the id of a person. Fields whose names say they are secret, and what follows the path of an address, are
    replaced nevertheless.
    """
    current = _TRACER.start_span(name)
    if current is get_current_span():  # off: there is nothing to enter, and hot paths come by here
        yield current
        return
    with use_span(current, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        if current.is_recording():
            for key, value in attributes.items():
                annotate(current, key, value)
        try:
            yield current
        except BaseException as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def annotate(current: Span, name: str, value: Attribute) -> None:
    """An attribute that is known only inside the block of :func:`span`, under the same rules."""
    if _SECRET.search(name):
        value = "***"
    elif isinstance(value, str):
        value = _QUERY.sub(r"\1", value)
    current.set_attribute(f"mmpipe.{name}", value)


def carrier() -> dict[str, str]:
    """The current span's place as W3C trace context (``traceparent``, perhaps ``tracestate``).

    Empty where traces are off. It may travel as HTTP headers, inside an order, or as environment variables.
    """
    fields: dict[str, str] = {}
    _W3C.inject(fields)
    return fields


@contextmanager
def continued(fields: Mapping[str, str]) -> Iterator[None]:
    """Spans in the block continue the trace whose :func:`carrier` this is, whatever the case of its names.

    HTTP headers and ``os.environ`` can be given as they are. Without a valid ``traceparent`` among them the
    block is what it would be without this.
    """
    lowered = {name.lower(): value for name, value in fields.items()}
    token = attach(_W3C.extract(lowered, get_current()))
    try:
        yield
    finally:
        detach(token)
