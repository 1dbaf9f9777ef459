"""A bound on request bodies, enforced while they stream in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.errors import RequestTooLarge
from mmpipe.serve.http.errors import problem_of, respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware: no request body over ``max_bytes`` is read into memory.

    A declared Content-Length is refused before a byte is read; a chunked body is cut off at the limit.
    Either way the caller gets 413 as a problem document, whatever the route was doing with the body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if declared.isdigit() and int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        seen = 0
        started = False

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, bounded, watched)
        except _TooLarge:
            if started:
                raise
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = RequestTooLarge(
            "body", f"larger than the limit of {self._max_bytes} bytes; send smaller media"
        )
        problem, headers = problem_of(error)
        # The rest of the body is still on the wire, so the connection cannot be used again.
        await respond(problem, {**headers, "Connection": "close"})(scope, receive, send)


class _TooLarge(BaseException):
    """Passes through every ``except Exception`` between the body's reader and the middleware."""
