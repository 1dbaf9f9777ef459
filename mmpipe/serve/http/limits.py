"""A bound on request bodies, enforced while they stream in, and on query strings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mmpipe.errors import InvalidRequest, RequestTooLarge
from mmpipe.serve.http.errors import UriTooLong, problem_of, respond
from mmpipe.serve.memory import give_back_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


# A cursor has up to 8,000 characters, the words of a query 1,000, which percent-encoding makes 9,000.
MAX_QUERY_BYTES: Final = 64_000
# Each makes an error where it is not known.
MAX_QUERY_FIELDS: Final = 500
# A body that the allocator would keep the memory of; given back when it is over, once for all of a second.
_LARGE: Final = 2_000_000
_LATER_SECONDS: Final = 1.0


class BodyLimit:
    """ASGI middleware: no request body over ``max_bytes`` is read into memory; ``of_paths`` has the limits of
    paths that take larger ones, ``below`` those of all paths that begin so.

    A declared Content-Length is refused before a byte is read; a chunked body is cut off at the limit.
    Either way the caller gets 413 as a problem document, whatever the route was doing with the body. A query
    string over :data:`MAX_QUERY_BYTES` or :data:`MAX_QUERY_FIELDS` gets 414. What large bodies held goes back
    to the system.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        of_paths: Mapping[str, int] | None = None,
        below: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._of_paths = of_paths or {}
        self._below = tuple((below or {}).items())
        self._giving_back = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = scope["query_string"]
        if len(query) > MAX_QUERY_BYTES or query.count(b"&") >= MAX_QUERY_FIELDS:
            allowed = f"{MAX_QUERY_FIELDS} fields or {MAX_QUERY_BYTES:,} bytes"
            await self._refuse(
                UriTooLong("query", f"has more than {allowed}; send less"), scope, receive, send
            )
            return
        if scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        most = self._most(scope["path"])
        too_large = RequestTooLarge("body", f"larger than the limit of {most} bytes; send less")
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if declared.isdigit() and int(declared) > most:
            await self._refuse(too_large, scope, receive, send)
            return
        seen = 0
        started = False

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, bounded, watched)
        except TooLarge:
            if started:
                raise
            await self._refuse(too_large, scope, receive, send)
        finally:
            if seen > _LARGE and not self._giving_back:
                self._giving_back = True
                asyncio.get_running_loop().call_later(_LATER_SECONDS, self._give_back)

    def _give_back(self) -> None:
        self._giving_back = False
        asyncio.get_running_loop().run_in_executor(None, give_back_memory)

    def _most(self, path: str) -> int:
        most = self._of_paths.get(path, self._max_bytes)
        return next((limit for prefix, limit in self._below if path.startswith(prefix)), most)

    async def _refuse(self, error: InvalidRequest, scope: Scope, receive: Receive, send: Send) -> None:
        problem, headers = problem_of(error)
        # The rest of the body is still on the wire, so the connection cannot be used again.
        await respond(problem, {**headers, "Connection": "close"})(scope, receive, send)


class TooLarge(BaseException):
    """Passes through every ``except Exception`` between the body's reader and the middleware."""
