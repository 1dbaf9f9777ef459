"""Which pages of the web may ask, and for which collection: CORS (https://fetch.spec.whatwg.org/#http-cors).

Origins are those of a collection's own shop. A page of another origin may neither read an answer nor learn
why it got none. No answer is for every origin, and none allows cookies: this service knows none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmpipe.serve.answer import tenancy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Shop fronts ask and tell; what a shop's people set is not set from its pages.
_METHODS: Final = b"GET, HEAD, POST"
_HEADERS: Final = b"Authorization, Content-Type, Traceparent"
_SECONDS: Final = b"600"
_VARY: Final = (b"vary", b"Origin")
_EXPOSED: Final = (b"access-control-expose-headers", b"Retry-After")


class Cors:
    """ASGI middleware: ``origins`` of each collection may read what is answered of it. A preflight names no
    collection, so it is answered for the origins of any, before a key is asked for."""

    def __init__(self, app: ASGIApp, origins: Mapping[str, tuple[str, ...]]) -> None:
        self._app = app
        self._origins = {name: frozenset(each.encode() for each in held) for name, held in origins.items()}
        self._any = frozenset().union(*self._origins.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin, preflight = b"", False
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"access-control-request-method":
                preflight = scope["method"] == "OPTIONS"
        if preflight and origin:
            await self._preflight(origin, send)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [_VARY]
                if origin and self._may_read(origin, message["status"]):
                    more += [(b"access-control-allow-origin", origin), _EXPOSED]
                message["headers"] = [*message.get("headers", ()), *more]
            await send(message)

        await self._app(scope, receive, telling)

    def _may_read(self, origin: bytes, status: int) -> bool:
        caller = tenancy.current()
        if origin not in self._any or caller is None:
            return False
        if caller.collection is not None:
            return origin in self._origins.get(caller.collection, ())
        if status >= 400:
            return True  # of no collection: why a key or a body was refused
        held = caller.grant.collections
        return bool(held) and all(origin in self._origins.get(name, ()) for name in held or ())

    async def _preflight(self, origin: bytes, send: Send) -> None:
        headers = [_VARY, (b"vary", b"Access-Control-Request-Method")]
        if origin in self._any:
            headers += [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _HEADERS),
                (b"access-control-max-age", _SECONDS),
            ]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
