"""What every answer tells browsers: take it for what it says it is, frame it nowhere, load nothing for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# An answer is data. Pages, which need more than this policy, have one of their own.
SECURITY_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
_POLICY: Final = b"content-security-policy"


class SecurityHeaders:
    """ASGI middleware. An answer with a policy of its own keeps it. ``hsts_seconds`` is for services that the
    world reaches by https alone; 0 says nothing of it."""

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        self._app = app
        hsts = ((b"strict-transport-security", b"max-age=%d" % hsts_seconds),) if hsts_seconds else ()
        told = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
        self._data = (*told, *hsts)
        self._pages = tuple(pair for pair in self._data if pair[0] != _POLICY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                own = any(name == _POLICY for name, _ in given)
                message["headers"] = [*given, *(self._pages if own else self._data)]
            await send(message)

        await self._app(scope, receive, telling)
