"""Answers say how old what they were found in is, where that is worth saying.

While the store is away, or a version cannot be loaded, searches go on from what a replica holds. From a
minute on such answers carry ``Age`` (RFC 9111): the seconds since what they were found in was last seen to be
live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.serve.answer import tenancy

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Aged:
    """ASGI middleware; ``old`` gives a collection's age where it is worth saying."""

    def __init__(self, app: ASGIApp, old: Callable[[str], int | None]) -> None:
        self._app = app
        self._old = old

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def aged(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 300:
                caller = tenancy.current()
                name = None if caller is None else caller.collection
                age = None if name is None else self._old(name)
                if age is not None:
                    message["headers"] = [*message.get("headers", ()), (b"age", b"%d" % age)]
            await send(message)

        await self._app(scope, receive, aged)
