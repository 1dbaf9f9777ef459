"""The API keys as they are now: from a setting, or followed in a secret while they rotate.

Kept are digests, see :mod:`mmpipe.serve.http.key_entries`. Without a setting for keys there is no
:class:`KeyRing`, and the public routes are open.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mmpipe.dispatch.tokens import read_secret
from mmpipe.errors import DispatchUnavailable, MmpipeError, NotReady
from mmpipe.serve.http.key_entries import InvalidKeys, Key, Keys, demo_keys, digest_of, parse_keys

if TYPE_CHECKING:
    from mmpipe.settings import ServeSettings

# Keys that were read this long ago are read again beside the requests; at the limit requests wait for it, so
# that a key that was taken out is refused within a minute whatever the traffic.
REFRESH_SECONDS = 30.0
LIMIT_SECONDS = 50.0
# An unknown key makes the keys be read again at most this often: guesses must not become calls to the store.
RETRY_SECONDS = 5.0
_READ_SECONDS = 10.0
_START_SECONDS = 60.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_log = logging.getLogger("mmpipe.serve")


def configured_keys(serve: ServeSettings) -> Keys | None:
    """The keys that the settings name, read now; ``None`` where they name none: the routes are open.

    Raises :class:`InvalidKeys`, also for no key at all, and ``DispatchUnavailable`` for a secret that cannot
    be read.
    """
    if serve.api_keys_secret is not None:
        setting, keys = "serve.api_keys_secret", read_keys(serve.api_keys_secret)
    elif text := serve.api_keys.get_secret_value():
        setting, keys = "serve.api_keys", parse_keys(text, "serve.api_keys")
    elif serve.demo_key:
        if serve.host not in LOOPBACK:
            raise InvalidKeys("serve.demo_key: everybody knows that key: unset it, or listen on 127.0.0.1")
        return demo_keys()
    else:
        return None
    if not keys:
        raise InvalidKeys(f"{setting}: holds no key, so nobody could search; put one in, or unset it")
    return keys


def open_to_all(serve: ServeSettings) -> bool:
    """Whether callers are let in without a key: none is set, or the demo key is."""
    return serve.api_keys_secret is None and not serve.api_keys.get_secret_value()


def asks_nobody_here(serve: ServeSettings) -> bool:
    """Whether callers are let in without a key, on a loopback address alone."""
    return serve.host in LOOPBACK and open_to_all(serve)


def read_keys(secret: str) -> Keys:
    """The keys of a secret in Secrets Manager. Raises as :func:`configured_keys`."""
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

    async def read() -> Keys:
        return first if secret is None else await asyncio.to_thread(read_keys, secret)

    return KeyRing(read, first)


class KeyRing:
    """The keys as they are now, for one event loop.

    ``read`` gives the current keys. A new key works with its first use, a few seconds after the last
    reading at the latest; one that was taken out is refused within a minute. Where ``read`` raises a
    :class:`MmpipeError` or takes too long, the last keys stay and a warning is logged.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Keys]],
        first: Keys | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._keys = first
        self._clock = clock
        self._tried_at = clock()
        self._renewal: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the keys unless there are some. Raises :class:`NotReady`, or what ``read`` raises."""
        if self._keys is None:
            try:
                self._keys = await asyncio.wait_for(self._read(), _START_SECONDS)
            except TimeoutError as error:
                raise NotReady("the API keys could not be read yet") from error
            self._tried_at = self._clock()

    async def holder(self, key: str) -> Key | None:
        """Who has this key, if anybody has, also after its time. Raises as :meth:`open` before it."""
        await self.open()
        age = self._age()
        if age >= LIMIT_SECONDS:
            await asyncio.shield(self._renewing())
        elif age >= REFRESH_SECONDS:
            self._renewing()
        found = self.known(key)
        if found is None and self._age() >= RETRY_SECONDS:
            await asyncio.shield(self._renewing())
            found = self.known(key)
        return found

    def known(self, key: str) -> Key | None:
        """The same of the keys that were read last. Touches memory only.

        Looked up by its digest: how long that takes tells nothing of a key, for nobody can choose a digest.
        """
        return (self._keys or {}).get(digest_of(key))

    async def keys(self) -> Keys:
        """The keys, no older than ``RETRY_SECONDS`` where they can be read. Raises as :meth:`open`."""
        await self.open()
        if self._age() >= RETRY_SECONDS:
            await asyncio.shield(self._renewing())
        assert self._keys is not None
        return self._keys

    def _age(self) -> float:
        return self._clock() - self._tried_at

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
            if fresh != self._keys:
                _log.warning(
                    "API keys changed", extra={"callers": sorted(key.name for key in fresh.values())}
                )
            self._keys = fresh
        self._tried_at = self._clock()
