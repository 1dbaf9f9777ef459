"""Who may call the public routes: API keys by caller, followed while they rotate.

A key is kept as its SHA-256 digest only; whoever holds the digests cannot call with them. Without a setting
for keys there is no :class:`KeyRing`, and the public routes are open.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from mmpipe.dispatch.tokens import read_secret
from mmpipe.errors import DispatchUnavailable, MmpipeError, NotReady, PermanentError
from mmpipe.serve.http.errors import Forbidden, Unauthorized
from mmpipe.serve.http.openapi import problems

if TYPE_CHECKING:
    from mmpipe.settings import ServeSettings

# Digests that are this old are read again beside the requests; at the limit requests wait for it, so that a
# key that was taken out is refused within a minute whatever the traffic.
REFRESH_SECONDS = 30.0
LIMIT_SECONDS = 50.0
# An unknown key makes the keys be read again at most this often: guesses must not become calls to the store.
RETRY_SECONDS = 5.0
_READ_SECONDS = 10.0
_START_SECONDS = 60.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_KEY = re.compile(r"[!-~]{16,256}", re.ASCII)
_log = logging.getLogger("mmpipe.serve")

Digests = Mapping[str, bytes]
"""SHA-256 of each caller's key, by the caller's name."""


class InvalidKeys(PermanentError):
    """What a setting holds is no JSON object of name to key; ``str`` names the setting, and shows no key."""


def parse_keys(text: str, setting: str) -> Digests:
    """The digests of a JSON object ``{name: key}``; an empty one gives none, which lets nobody in.

    Names are 1 to 63 letters, digits, dots, dashes or underscores; keys 16 to 256 visible ASCII characters,
    each of one name. Raises :class:`InvalidKeys` naming ``setting``.
    """
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        held = None  # the error would hold the text
    if not isinstance(held, dict):
        raise InvalidKeys(f'{setting}: not a JSON object of name to key, as in {{"shop": "KEY"}}')
    digests: dict[str, bytes] = {}
    for number, (name, key) in enumerate(held.items(), start=1):
        # Entries are told by their number: where name and key were mixed up, the name is the secret.
        if not _NAME.fullmatch(name):
            raise InvalidKeys(
                f"{setting}: the name of entry {number} is not 1 to 63 letters, digits, dots, dashes or"
                " underscores"
            )
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise InvalidKeys(
                f"{setting}: the key of entry {number} is not 16 to 256 visible ASCII characters without"
                " spaces"
            )
        digests[name] = _digest(key)
    if len(set(digests.values())) < len(digests):
        raise InvalidKeys(f"{setting}: two names have the same key; give each caller its own")
    return digests


def configured_keys(serve: ServeSettings) -> Digests | None:
    """The digests that the settings name, read now; ``None`` where they name none: the routes are open.

    Raises :class:`InvalidKeys`, also for no key at all, and ``DispatchUnavailable`` for a secret that cannot
    be read.
    """
    if serve.api_keys_secret is not None:
        setting, digests = "serve.api_keys_secret", read_keys(serve.api_keys_secret)
    elif text := serve.api_keys.get_secret_value():
        setting, digests = "serve.api_keys", parse_keys(text, "serve.api_keys")
    else:
        return None
    if not digests:
        raise InvalidKeys(f"{setting}: holds no key, so nobody could search; put one in, or unset it")
    return digests


def read_keys(secret: str) -> Digests:
    """The digests of a secret in Secrets Manager. Raises as :func:`configured_keys`."""
    try:
        text = read_secret(secret)
    except DispatchUnavailable as error:
        raise DispatchUnavailable(f"serve.api_keys_secret: {error}") from error
    return parse_keys(text, f"serve.api_keys_secret ({secret})")


def key_ring(serve: ServeSettings) -> KeyRing | None:
    """The ring of a process that reads the secret itself; ``None`` where the settings name no keys.

    Reads once, and raises as :func:`configured_keys`.
    """
    first, secret = configured_keys(serve), serve.api_keys_secret
    if first is None:
        return None

    async def read() -> Digests:
        return first if secret is None else await asyncio.to_thread(read_keys, secret)

    return KeyRing(read, first)


class KeyRing:
    """The keys as they are now, for one event loop.

    ``read`` gives the current digests. A new key works with its first use, a few seconds after the last
    reading at the latest; one that was taken out is refused within a minute. Where ``read`` raises a
    :class:`MmpipeError` or takes too long, the last digests stay and a warning is logged.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Digests]],
        first: Digests | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._digests = first
        self._clock = clock
        self._tried_at = clock()
        self._renewal: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the keys unless there are some. Raises :class:`NotReady`, or what ``read`` raises."""
        if self._digests is None:
            try:
                self._digests = await asyncio.wait_for(self._read(), _START_SECONDS)
            except TimeoutError as error:
                raise NotReady("the API keys could not be read yet") from error
            self._tried_at = self._clock()

    async def caller(self, key: str) -> str | None:
        """The name of the caller with this key, if there is one. Raises as :meth:`open` before it."""
        await self.open()
        age = self._age()
        if age >= LIMIT_SECONDS:
            await asyncio.shield(self._renewing())
        elif age >= REFRESH_SECONDS:
            self._renewing()
        name = self._holder(key)
        if name is None and self._age() >= RETRY_SECONDS:
            await asyncio.shield(self._renewing())
            name = self._holder(key)
        return name

    async def digests(self) -> Digests:
        """The digests, no older than ``RETRY_SECONDS`` where they can be read. Raises as :meth:`open`."""
        await self.open()
        if self._age() >= RETRY_SECONDS:
            await asyncio.shield(self._renewing())
        assert self._digests is not None
        return self._digests

    def _age(self) -> float:
        return self._clock() - self._tried_at

    def _holder(self, key: str) -> str | None:
        given, found = _digest(key), None
        for name, digest in (self._digests or {}).items():
            # Every key is compared, and each in constant time: how long it takes tells nothing.
            if hmac.compare_digest(digest, given):
                found = name
        return found

    def _renewing(self) -> asyncio.Task[None]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
        return self._renewal

    async def _renew(self) -> None:
        try:
            fresh = await asyncio.wait_for(self._read(), _READ_SECONDS)
        except (MmpipeError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            _log.warning("API keys cannot be read; the last known stay", extra={"reason": reason})
        else:
            if fresh != self._digests:
                _log.warning("API keys changed", extra={"callers": sorted(fresh)})
            self._digests = fresh
        self._tried_at = self._clock()


class KeyGuard(HTTPBearer):
    """A dependency of the public routes: ``Authorization: Bearer KEY``, also as OpenAPI's security scheme.

    Calls ``known`` with the name of each caller that is let in. Raises :class:`Unauthorized`.
    """

    def __init__(self, keys: KeyRing, known: Callable[[str], None]) -> None:
        super().__init__(scheme_name="ApiKey", description="the caller's API key", auto_error=False)
        self._keys = keys
        self._known = known

    async def __call__(self, request: HTTPConnection) -> None:
        """See the class."""
        await self.admit(request.headers.get("authorization", ""))

    async def admit(self, authorization: str) -> str:
        """The same for the header's value, empty where there is none; gives the caller's name."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorized("Authorization", "send 'Bearer <key>' with your API key")
        name = await self._keys.caller(key.strip())
        if name is None:
            raise Unauthorized("Authorization", "no such API key; ask who runs this service for a valid one")
        self._known(name)
        return name


class CallerGuard(HTTPBearer):
    """Lets in those of ``guard`` whose names are among ``callers``, which ``setting`` holds. Raises
    ``Unauthorized``, :class:`~mmpipe.serve.http.errors.Forbidden`."""

    def __init__(self, guard: KeyGuard, callers: Collection[str], setting: str) -> None:
        super().__init__(scheme_name=guard.scheme_name, description=guard.model.description, auto_error=False)
        self._guard = guard
        self._callers = frozenset(callers)
        self._setting = setting

    async def __call__(self, request: HTTPConnection) -> None:
        """See the class."""
        name = await self._guard.admit(request.headers.get("authorization", ""))
        if name not in self._callers:
            raise Forbidden(
                "Authorization", f"this key may not do that: have {self._setting} name its caller"
            )


def named_callers(
    guard: KeyGuard | None, callers: Collection[str], setting: str
) -> tuple[list[Any], dict[int | str, dict[str, Any]]]:
    """The dependencies of routes for the callers that ``setting`` names, and how they refuse, for OpenAPI;
    neither where the service has no keys: such routes are for everybody."""
    if guard is None:
        return [], {}
    return [Depends(CallerGuard(guard, callers, setting))], problems(401, 403)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()
