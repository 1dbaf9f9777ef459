"""Spans kept in memory, by a real OpenTelemetry SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@contextmanager
def recorded() -> Iterator[Callable[[], list[ReadableSpan]]]:
    """Traces are on inside the block; the value gives the spans that ended so far, in that order.

    The SDK's provider for a whole process can be set once only, which would leave traces on for every test
    after this one.
    """
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with mock.patch("mmpipe.telemetry._TRACER", provider.get_tracer("mmpipe")):
        yield lambda: list(exporter.get_finished_spans())
