"""Clocks that nobody sets."""

from __future__ import annotations

import time

import pytest


def steady_queues(patch: pytest.MonkeyPatch) -> None:
    """moto's SQS in this process goes by a clock that only runs. By the machine's, which may be set at any
    moment, a message comes back too early or too late for a test that counts how often, or measures when."""
    offset = time.time() - time.monotonic()
    patch.setattr("moto.sqs.models.unix_time", lambda: offset + time.monotonic())
    patch.setattr("moto.sqs.models.unix_time_millis", lambda: 1_000 * (offset + time.monotonic()))
