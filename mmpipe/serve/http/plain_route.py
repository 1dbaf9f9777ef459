"""Routes that shops wait for with every page: a function from a request to JSON, and nothing around it.

Plain ASGI applications rather than functions of FastAPI's: matching, dependencies and wrapping would take as
long as reading the request does, or as making a short answer. Functions that are never called describe them
for OpenAPI (:func:`mmpipe.serve.http.api.create_app`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from starlette.routing import Match, Route

from mmpipe.serve.http.requests import header

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mmpipe.serve.http.guard import KeyGuard

Answer = Callable[["Scope", "Receive"], Awaitable[bytes]]
"""A request's JSON answer."""


class PlainRoute(Route):
    """``answer`` at ``path`` for callers that ``guard`` lets in as those who may search; without one, for
    everybody.

    Raises what the guard and ``answer`` raise; :func:`mmpipe.serve.http.errors.install` answers.
    """

    def __init__(self, path: str, methods: Sequence[str], answer: Answer, guard: KeyGuard | None) -> None:
        super().__init__(path, _Answered(answer, guard), methods=methods, include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route; it also names itself, for metrics and traces."""
        match, found = super().matches(scope)
        return match, found if match is Match.NONE else {**found, "route": self}


class _Answered:
    def __init__(self, answer: Answer, guard: KeyGuard | None) -> None:
        self._answer = answer
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._guard is not None:
            await self._guard.admit(header(scope, b"authorization"), "search")
        answer = await self._answer(scope, receive)
        headers = [(b"content-length", b"%d" % len(answer)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
