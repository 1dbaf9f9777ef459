"""Structured logs with the standard library: one JSON object a line, secrets redacted."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET = re.compile(r"(?i)(token|secret|password|authorization|api[_-]?key)")
_SIGNED = re.compile(r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"]+")


class JsonFormatter(logging.Formatter):
    """One line of JSON: time, level, logger, message and whatever was passed as ``extra``.

    Values of fields whose names say they are secret, and signatures inside presigned URLs, are replaced.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": _SIGNED.sub(r"\1***", record.getMessage()),
        }
        for key, value in vars(record).items():
            if key not in _RESERVED:
                entry[key] = "***" if _SECRET.search(key) else value
        if record.exc_info:
            entry["exception"] = _SIGNED.sub(r"\1***", self.formatException(record.exc_info))
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure_logging(level: str = "INFO") -> None:
    """Send ``mmpipe.*`` logs to stderr as JSON lines; called by entry points only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("mmpipe")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
