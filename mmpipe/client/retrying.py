"""Which requests are sent again, and after how long.

A request is sent again where nothing came of it (429, 503, no connection) and where sending it twice is as
good as once. The pause is drawn between nothing and a bound that doubles ("full jitter": Brooker,
"Exponential Backoff And Jitter", 2015), so that callers who were refused together do not come back together;
a service's ``Retry-After`` is waited for in any case.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

_AGAIN: Final = (429, 502, 503, 504)
# Before anything was sent: no service has seen it.
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Retry:
    """``attempts`` in all, 1 for none but the first. Pauses are drawn below ``first_seconds``, doubled each
    time up to ``most_seconds``; none begins that would end more than ``within_seconds`` after the first
    attempt."""

    attempts: int = 4
    first_seconds: float = 0.2
    most_seconds: float = 5.0
    within_seconds: float = 30.0


class Tries:
    """The attempts at one request. ``again``: whether it may reach the service twice."""

    def __init__(
        self,
        retry: Retry,
        *,
        again: bool,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._retry, self._again, self._clock, self._draw = retry, again, clock, draw
        self._made = 0
        self._began = clock()

    def pause(self, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """Seconds until the next attempt, or None where ``outcome`` is the last word."""
        self._made += 1
        if self._made >= self._retry.attempts or not self._worth(outcome):
            return None
        bound = min(self._retry.first_seconds * 2 ** (self._made - 1), self._retry.most_seconds)
        wait = self._draw(0.0, bound)
        if isinstance(outcome, httpx.Response):
            wait += retry_after(outcome)
        over = self._clock() - self._began + wait > self._retry.within_seconds
        return None if over else wait

    def _worth(self, outcome: httpx.Response | httpx.TransportError) -> bool:
        if isinstance(outcome, _UNSENT):
            return True
        if isinstance(outcome, httpx.Response):
            # 429 and 503 of the service are said before anything was done.
            return outcome.status_code in _AGAIN[:1] or (self._again and outcome.status_code in _AGAIN)
        return self._again


def retry_after(answer: httpx.Response) -> float:
    """The seconds that an answer wants waited, 0 where it says none: a number, or a moment of HTTP's."""
    given = answer.headers.get("retry-after", "").strip()
    if not given:
        return 0.0
    if given.isdigit():
        return float(given[:9])
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
