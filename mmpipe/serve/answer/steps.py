"""Spans of a request's steps."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from opentelemetry.trace import Span, get_current_span

from mmpipe.telemetry import Attribute, span

_NOTHING: AbstractContextManager[Span | None] = nullcontext()


def step(name: str, **attributes: Attribute) -> AbstractContextManager[Span | None]:
    """A span inside a request's, under the rules of :func:`mmpipe.telemetry.span`; nothing where that one is
    not recorded."""
    return span(name, **attributes) if get_current_span().is_recording() else _NOTHING
