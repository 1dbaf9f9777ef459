"""What one caller may take of a replica: requests at a time, and requests a second.

A caller is told by its key, whose entry may say how much; whoever sends no key that is known is told by its
address, so that made-up keys are one caller's.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mmpipe.serve.http.errors import TooManyRequests, problem_of, respond
from mmpipe.serve.http.guard import bearer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mmpipe.serve.http.key_entries import Key
    from mmpipe.serve.http.keys import KeyRing
    from mmpipe.settings import ServeSettings

# Callers whose rate is remembered. Whoever was not seen for longest is forgotten, as after a pause.
_MOST_CALLERS: Final = 10_000
_FREE: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_OWN: Final = frozenset({"127.0.0.1", "::1"})


class Callers:
    """Who calls, and what is left of each one's rate. Of one event loop.

    ``serve.caller_rate`` a second on average with ``serve.caller_burst`` at once, or what a key of ``keys``
    says in their place.
    """

    def __init__(
        self,
        serve: ServeSettings,
        keys: KeyRing | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._rate = serve.caller_rate
        self._burst = serve.caller_burst
        self._hops = serve.forwarded_hops
        self._clock = clock
        # By caller: what is left of the burst, and since when.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def caller(self, scope: Scope) -> tuple[str | None, Key | None]:
        """What a caller is told by, None where that cannot be told; and its key, where it is known."""
        key = self._key(scope)
        return self.address(scope) if key is None else f"key {key.name}", key

    def take(self, caller: str, key: Key | None) -> int:
        """0 where it may ask, which is one less of its rate; else after how many seconds it may."""
        rate, burst = self._limits(key)
        if not rate:
            return 0
        left, now = self._left(caller, rate, burst)
        enough = left >= 1
        self._buckets[caller] = (left - enough, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0 if enough else math.ceil((1 - left) / rate)

    def over(self, scope: Scope) -> int:
        """The same of a request, without taking anything; 0 for callers that cannot be told apart."""
        caller, key = self.caller(scope)
        rate, burst = self._limits(key)
        if caller is None or not rate or caller not in self._buckets:
            return 0
        left, _ = self._left(caller, rate, burst)
        return 0 if left >= 1 else math.ceil((1 - left) / rate)

    def _limits(self, key: Key | None) -> tuple[float, int]:
        if key is None:
            return self._rate, self._burst
        return (
            self._rate if key.rate is None else key.rate,
            self._burst if key.burst is None else key.burst,
        )

    def _left(self, caller: str, rate: float, burst: int) -> tuple[float, float]:
        now = self._clock()
        left, since = self._buckets.get(caller, (float(burst), now))
        return min(float(burst), left + (now - since) * rate), now

    def address(self, scope: Scope) -> str | None:
        """Where the caller is; None where that cannot be told: through a proxy on this machine that is not
        among ``serve.forwarded_hops``."""
        if self._hops:
            forwarded: list[bytes] = []
            for name, value in scope["headers"]:
                if name == b"x-forwarded-for":
                    forwarded += value.split(b",")
            if len(forwarded) < self._hops:
                return None
            # What is left of these the caller itself may have made up.
            return str(forwarded[-self._hops].strip()[:45], "latin-1")
        address: str = (scope.get("client") or ("",))[0]
        return None if not address or address in _OWN else address

    def _key(self, scope: Scope) -> Key | None:
        if self._keys is None:
            return None
        for name, value in scope["headers"]:
            if name == b"authorization":
                key = bearer(str(value, "latin-1"))
                return self._keys.known(key) if key else None
        return None


class CallerLimit:
    """ASGI middleware: more than ``most`` requests at a time, or what a key says in its place, or more than
    the rate of ``callers`` get 429 with Retry-After. Health, readiness and metrics are not counted, nor
    callers that cannot be told apart."""

    def __init__(self, app: ASGIApp, callers: Callers, most: int) -> None:
        self._app = app
        self._callers = callers
        self._most = most
        self._ongoing: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _FREE:
            await self._app(scope, receive, send)
            return
        caller, key = self._callers.caller(scope)
        if caller is None:
            await self._app(scope, receive, send)
            return
        most = self._most if key is None or key.concurrent is None else key.concurrent
        ongoing = self._ongoing.get(caller, 0)
        if ongoing >= most:
            await _refuse(f"has {most} requests under way here; wait for answers", 1, scope, receive, send)
            return
        wait = self._callers.take(caller, key)
        if wait:
            await _refuse("asks more often than it may; ask less often", wait, scope, receive, send)
            return
        self._ongoing[caller] = ongoing + 1
        try:
            await self._app(scope, receive, send)
        finally:
            left = self._ongoing[caller] - 1
            if left:
                self._ongoing[caller] = left
            else:
                del self._ongoing[caller]


async def _refuse(reason: str, seconds: int, scope: Scope, receive: Receive, send: Send) -> None:
    problem, headers = problem_of(TooManyRequests("caller", reason))
    await respond(problem, {**headers, "Retry-After": str(seconds)})(scope, receive, send)
