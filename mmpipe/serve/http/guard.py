"""Who is let in where: a route says which scope it needs, a guard lets in those whose keys have it.

``needs(guard, "agent")`` are the dependencies of a router and how they refuse; a plain ASGI route calls
:meth:`KeyGuard.admit` itself. Whoever is let in has their own collections from then on, see
:mod:`mmpipe.serve.answer.tenancy`. Without keys there is no guard, and the routes are for everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from mmpipe.serve.answer import tenancy
from mmpipe.serve.http.errors import Forbidden, Unauthorized
from mmpipe.serve.http.openapi import problems

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Send
    from starlette.types import Scope as Connection

    from mmpipe.serve.answer.tenancy import Grant
    from mmpipe.serve.http.key_entries import Scope
    from mmpipe.serve.http.keys import KeyRing

_DESCRIPTION = "the caller's API key; what each operation needs of it is named beside it"


class KeyGuard:
    """Lets in callers by ``Authorization: Bearer KEY``, and ``anonymous``, where given, without one.

    Calls ``known`` with the name of each caller that is let in.
    """

    def __init__(self, keys: KeyRing, known: Callable[[str], None], anonymous: Grant | None = None) -> None:
        self._keys = keys
        self._known = known
        self._anonymous = anonymous

    async def admit(self, authorization: str, scope: Scope) -> Grant:
        """The grant of the caller with this header, empty where there is none.

        Raises :class:`Unauthorized`, :class:`Forbidden` for a key that has not ``scope``.
        """
        grant = await self.caller(authorization)
        self._known(grant.name)
        if scope not in grant.scopes:
            raise Forbidden(
                "Authorization", f"this key may not do that: it needs the scope '{scope}', which it has not"
            )
        tenancy.let_in(grant)
        return grant

    async def caller(self, authorization: str) -> Grant:
        """The same, whatever its scopes, and told to nobody. Raises :class:`Unauthorized`."""
        if not authorization and self._anonymous is not None:
            return self._anonymous
        key = bearer(authorization)
        if not key:
            raise Unauthorized("Authorization", "send 'Bearer <key>' with your API key")
        held = await self._keys.holder(key)
        if held is None:
            raise Unauthorized("Authorization", "no such API key; ask who runs this service for a valid one")
        if held.expired():
            raise Unauthorized("Authorization", "the time of this API key is over; ask for a new one")
        return held.grant


class Needs(HTTPBearer):
    """A dependency: lets in those of ``guard`` whose keys have ``scope``; also OpenAPI's security scheme."""

    def __init__(self, guard: KeyGuard, scope: Scope) -> None:
        super().__init__(scheme_name="ApiKey", description=_DESCRIPTION, auto_error=False)
        self._guard = guard
        self._scope = scope

    async def __call__(self, request: HTTPConnection) -> None:
        """See :meth:`KeyGuard.admit`."""
        await self._guard.admit(request.headers.get("authorization", ""), self._scope)


def needs(guard: KeyGuard | None, scope: Scope) -> tuple[list[Any], dict[int | str, dict[str, Any]]]:
    """The dependencies of routes for callers with ``scope``, and how they refuse, for OpenAPI; neither where
    there is no guard."""
    if guard is None:
        return [], {}
    return [Security(Needs(guard, scope), scopes=[scope])], problems(401, 403)


def bearer(authorization: str) -> str:
    """The key in a header; empty where there is none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


class Asking:
    """ASGI middleware: a request is nobody's, or ``at_first`` somebody's, until a guard lets it in."""

    def __init__(self, app: ASGIApp, at_first: Grant) -> None:
        self._app = app
        self._at_first = at_first

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        token = tenancy.begin(tenancy.Caller(self._at_first))
        try:
            await self._app(scope, receive, send)
        finally:
            tenancy.end(token)
