"""What one caller may take of a replica: requests at a time, and requests a second.

A caller is told by its key where it sends one, as it stands: what is no valid key is refused a moment later,
at less than what a search costs. Without a key it is told by its address.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mmpipe.serve.http.errors import TooManyRequests, problem_of, respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mmpipe.settings import ServeSettings

# Callers whose rate is remembered. Whoever was not seen for longest is forgotten, as after a pause.
_MOST_CALLERS: Final = 10_000
_FREE: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_OWN: Final = frozenset({"127.0.0.1", "::1"})


class CallerLimit:
    """ASGI middleware: more than ``serve.caller_requests`` at a time, or ``serve.caller_rate`` a second on
    average with ``serve.caller_burst`` at once, get 429 with Retry-After. Health, readiness and metrics are
    not counted, nor callers that cannot be told apart."""

    def __init__(
        self, app: ASGIApp, serve: ServeSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._most = serve.caller_requests
        self._rate = serve.caller_rate
        self._burst = float(serve.caller_burst)
        self._hops = serve.forwarded_hops
        self._clock = clock
        self._ongoing: dict[bytes, int] = {}
        # By caller: what is left of the burst, and since when.
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = None if scope["type"] != "http" or scope["path"] in _FREE else self.caller(scope)
        if caller is None:
            await self._app(scope, receive, send)
            return
        ongoing = self._ongoing.get(caller, 0)
        if ongoing >= self._most:
            await _refuse(f"has {self._most} requests under way here; wait for answers", scope, receive, send)
            return
        if self._rate and not self._taken(caller):
            await _refuse(f"may ask {self._rate:g} times a second; ask less often", scope, receive, send)
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

    def caller(self, scope: Scope) -> bytes | None:
        """Who asks, as a digest or an address; None where that cannot be told: through a proxy on this
        machine that is not among ``serve.forwarded_hops``."""
        forwarded: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"authorization":
                return hashlib.blake2b(value, digest_size=16).digest()
            if name == b"x-forwarded-for":
                forwarded += value.split(b",")
        if self._hops:
            # What is left of these the caller itself may have made up.
            return forwarded[-self._hops].strip()[:45] if len(forwarded) >= self._hops else None
        address = (scope.get("client") or ("",))[0]
        return None if not address or address in _OWN else address.encode()

    def _taken(self, caller: bytes) -> bool:
        now = self._clock()
        left, since = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        enough = left >= 1
        self._buckets[caller] = (left - enough, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        return enough


async def _refuse(reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    problem, headers = problem_of(TooManyRequests("caller", reason))
    await respond(problem, headers)(scope, receive, send)
