"""Profiles of agents, fetched where a setting allows their hosts: by https, without redirects, from public
addresses alone, each at most once a minute."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic_core import from_json

from mmpipe.errors import InvalidMedia, RetryableError
from mmpipe.media.hosts import CheckedUrl, check_url
from mmpipe.media.https import HttpsClient
from mmpipe.serve.ucp.refused import DISCOVERY, UNAVAILABLE, Refused
from mmpipe.serve.ucp.terms import check_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_BYTES: Final = 256_000
_TIMEOUT_SECONDS: Final = 5.0
_KEPT: Final = 256
# How long a profile is good for, and how soon a host that failed is asked again: the protocol's least.
_FRESH_SECONDS: Final = 300.0
_AGAIN_SECONDS: Final = 60.0
# Fetches a minute, of all agents together, and at a time: what strangers make this service do is bounded.
_PER_MINUTE: Final = 60
_THREADS: Final = 4
_FIELD: Final = "profile"
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class _Held:
    until: float
    profile: Mapping[str, Any] | Refused


class AgentProfiles:
    """Fetches the profiles of agents on ``hosts``. Of one event loop."""

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        client: Callable[[Sequence[str]], HttpsClient] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = tuple(hosts)
        self._client = client or (lambda allowed: HttpsClient(allowed, _TIMEOUT_SECONDS, max_redirects=0))
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._going: dict[str, asyncio.Task[Mapping[str, Any]]] = {}
        self._lately: list[float] = []
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="agent-profiles")

    async def get(self, url: str) -> Mapping[str, Any]:
        """The ``ucp`` member of a profile, which speaks our version. Raises :class:`Refused`, also while too
        much is fetched."""
        held = self._held.get(url)
        if held is not None and self._clock() < held.until:
            self._held.move_to_end(url)
            if isinstance(held.profile, Refused):
                raise held.profile.again()
            return held.profile
        going = self._going.get(url)
        if going is None:
            self._admit(url)
            going = self._going[url] = asyncio.create_task(self._fetched(url))
            going.add_done_callback(lambda _: self._going.pop(url, None))
        return await asyncio.shield(going)

    def close(self) -> None:
        """End the threads, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _admit(self, url: str) -> None:
        # Before anything is counted: who names a host that is not allowed takes nothing from the others.
        host = self._checked(url).authority
        now = self._clock()
        self._lately = [moment for moment in self._lately if moment > now - _AGAIN_SECONDS]
        asked = self._asked.get(host)
        soon = asked is not None and now - asked < _AGAIN_SECONDS
        if soon or len(self._lately) >= _PER_MINUTE:
            raise Refused(
                "profile_unreachable",
                "the agent's profile is not fetched again so soon; come back in a minute",
                status=503,
                rpc=UNAVAILABLE,
                retry_after=int(_AGAIN_SECONDS),
            )
        self._lately.append(now)
        self._asked[host] = now
        self._asked.move_to_end(host)
        if len(self._asked) > _KEPT:
            self._asked.popitem(last=False)

    async def _fetched(self, url: str) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        try:
            data = await loop.run_in_executor(self._threads, self._fetch, url)
            profile = _read(data)
        except Refused as refused:
            self._keep(url, _Held(self._clock() + _AGAIN_SECONDS, refused.again()))
            raise
        self._keep(url, _Held(self._clock() + _FRESH_SECONDS, profile))
        return profile

    def _checked(self, url: str) -> CheckedUrl:
        try:
            return check_url(_FIELD, url, self._allowed(url))
        except InvalidMedia as error:
            raise _unreachable(error) from None

    def _allowed(self, url: str) -> Sequence[str]:
        return (urlsplit(url).netloc,) if _ANY in self._hosts else self._hosts

    def _fetch(self, url: str) -> bytes:
        try:
            return self._client(self._allowed(url)).get(_FIELD, url, _MAX_BYTES).data
        except (InvalidMedia, RetryableError) as error:
            raise _unreachable(error) from None

    def _keep(self, url: str, held: _Held) -> None:
        self._held[url] = held
        self._held.move_to_end(url)
        if len(self._held) > _KEPT:
            self._held.popitem(last=False)


def _unreachable(error: Exception) -> Refused:
    content = f"the agent's profile cannot be fetched: {error}"
    return Refused("profile_unreachable", content, status=424, rpc=DISCOVERY)


def _read(data: bytes) -> Mapping[str, Any]:
    try:
        document = from_json(data)
    except ValueError:
        document = None
    told = document.get("ucp") if isinstance(document, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("version"), str):
        raise Refused(
            "profile_malformed",
            'the agent\'s profile is no JSON document {"ucp": {"version": …}}',
            status=422,
            rpc=DISCOVERY,
        )
    check_version(told["version"])
    return told
