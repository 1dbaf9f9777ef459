"""Traces of requests: one span per request, continued from the caller's. Those of its steps are
:mod:`mmpipe.serve.answer.steps`.

Where traces are off, nothing is asked of them: what spans that are nothing cost is little, but every search
would pay it, and more where a caller sends its trace.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from opentelemetry.trace import ProxyTracerProvider, Span, StatusCode, get_tracer_provider

from mmpipe.serve.http.errors import CALLER_GONE
from mmpipe.serve.http.metrics import route_of
from mmpipe.telemetry import annotate, continued, span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi.telemetry import TelemetryConfig
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CARRIED = (b"traceparent", b"tracestate")
# Asked every few seconds by whoever watches; their traces would bury the others.
_UNTRACED = ("/healthz", "/readyz", "/metrics")
# FastAPI's own would hold the query string, which is what shoppers ask, and the texts of exceptions.
FASTAPI_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


class Traced:
    """ASGI middleware: a span per request, named by method and route's pattern under ``prefix``, in the trace
    that the request's W3C headers name. Health, readiness and metrics are not traced."""

    def __init__(self, app: ASGIApp, prefix: str = "") -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _off() or scope["path"].endswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        with _continued(scope["headers"]), span("request") as current:
            if current.is_recording():
                await self._recorded(current, scope, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _recorded(self, current: Span, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            status = CALLER_GONE
            raise
        finally:
            route = route_of(scope, self._prefix)
            current.update_name(f"{scope['method']} {route}")
            annotate(current, "route", route)
            annotate(current, "status", status)
            if status >= 500:
                current.set_status(StatusCode.ERROR)


def _off() -> bool:
    """Whether no SDK is configured in this process."""
    return isinstance(get_tracer_provider(), ProxyTracerProvider)


def _continued(headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[None]:
    # Names are lower case here, by the ASGI specification.
    carried = {name.decode(): value.decode("latin-1") for name, value in headers if name in _CARRIED}
    return continued(carried) if carried else nullcontext()
