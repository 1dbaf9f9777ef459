"""uvicorn's protocol with what it lacks: deadlines for requests that arrive in parts, a bound on how many of
them there are, and refusals before anything is made of a request (:mod:`mmpipe.serve.http.backlog`).

What is refused here is written as bytes: no task, no middleware and no route has part in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from uvicorn import config

from mmpipe.schemas.problem import CONTENT_TYPE, Problem
from mmpipe.serve.http.backlog import ALWAYS, Backlog, leave
from mmpipe.serve.http.one_write import OneWriteProtocol
from mmpipe.serve.http.security_headers import SECURITY_HEADERS

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from mmpipe.settings import ServeSettings

# What computes. The others wait for something else, or are asked by who watches and who restarts.
_COMPUTING: Final = ("/v1/search", "/v1/suggest", "/v1/assistant", "/v1/products/", "/v1/recommendations")
# Files come as slowly as the line is, but they come: so many bytes in each span that another body may take.
_FILES: Final = "/v1/uploads/"
_PACE_BYTES: Final = 128_000
AT_ONCE: Final = (b"x-request-disconnect-disabled", b"?1")
"""A header of requests that a proxy sends on whole and that take no longer than computing does; Serve's name
for it."""
_log = logging.getLogger("mmpipe.serve")
# uvicorn warns of everything that is no HTTP request: whoever sends that must not fill the log. Of what an
# application does wrong it tells as ever. None of uvicorn's own, for it sets the levels of these anew.
_faults = logging.getLogger("mmpipe.serve.faults")
_faults.setLevel(logging.ERROR)


class Refusal:
    """An answer as bytes, which closes the connection or not."""

    def __init__(self, status: int, title: str, kind: str, detail: str, *more: str) -> None:
        problem = Problem(
            type=f"urn:mmpipe:problem:{kind}",
            title=title,
            status=status,
            detail=detail,
            instance="about:blank",
        )
        body = json.dumps(problem.model_dump(exclude_none=True)).encode()
        lines = (
            f"HTTP/1.1 {status} {title}",
            f"content-type: {CONTENT_TYPE}",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in SECURITY_HEADERS.items()),
        )
        head = "".join(f"{line}\r\n" for line in (*lines, *more)).encode()
        self._open, self._last = head + b"\r\n", head + b"connection: close\r\n\r\n"
        self._body = body

    def as_bytes(self, method: str, *, last: bool) -> bytes:
        """What is written; ``last`` where the connection is closed after it."""
        head = self._last if last else self._open
        return head if method == "HEAD" else head + self._body


_RETRY = "retry-after: 1"
OVERLOAD: Final = Refusal(
    503,
    "Service Unavailable",
    "overload",
    "more is asked than can be answered in time; try again shortly",
    _RETRY,
)
CROWDED: Final = Refusal(
    503,
    "Service Unavailable",
    "overload",
    "too many bodies are on their way at once; try again shortly, and send each in one go",
    _RETRY,
)
TOO_SLOW: Final = Refusal(
    408, "Request Timeout", "request-timeout", "the request did not arrive in time; send it again, faster"
)


@cache
def too_often(seconds: int) -> Refusal:
    """For a caller that may ask again after so many seconds."""
    return Refusal(
        429,
        "Too Many Requests",
        "too-many-requests",
        "this caller asks more often than it may; ask less often",
        f"retry-after: {seconds}",
    )


MALFORMED: Final = Refusal(
    400, "Bad Request", "malformed-request", "this is not an HTTP request, or one with a malformed head"
)
TOO_LONG: Final = Refusal(
    414, "URI Too Long", "uri-too-long", "the address is over 65,535 bytes; send what it holds as a body"
)
_MAX_URL: Final = 65_535  # what the parser's offsets can tell of


def _nobody(_scope: Any) -> int:
    return 0


class Door:
    """What the connections of one process share: limits, and the counts that they are about."""

    def __init__(self, serve: ServeSettings) -> None:
        self.head_seconds = serve.head_seconds
        self.body_seconds = serve.body_seconds
        self.arriving_bodies = serve.arriving_bodies
        self.backlog = Backlog(serve.burst_seconds, serve.standing_seconds)
        # How many seconds a request's caller has to wait, who asks too often; 0 for all others.
        self.over_rate: Callable[[Any], int] = _nobody
        # A shorter way than the server's application for requests that are marked as AT_ONCE; None: there is
        # none.
        self.direct: Callable[[Any], Any | None] | None = None
        self.arriving = 0
        self.often = 0
        self.crowded = 0
        self.slow = 0
        self.malformed = 0

    def refused(self) -> dict[str, int]:
        """Requests that no route has seen, by why: ``overload``, ``often``, ``bodies``, ``slow`` or
        ``malformed``."""
        return {
            "overload": self.backlog.refused,
            "often": self.often,
            "bodies": self.crowded,
            "slow": self.slow,
            "malformed": self.malformed,
        }


def protocol_for(door: Door) -> type[BoundedProtocol]:
    """The protocol of the connections that come through ``door``."""
    return type("BoundedProtocol", (BoundedProtocol,), {"door": door})


def install(serve: ServeSettings) -> Door:
    """Make it the protocol that uvicorn chooses by itself, for servers that others make in this process."""
    door = Door(serve)
    config.HTTP_PROTOCOLS["auto"] = protocol_for(door)  # type: ignore[assignment]
    return door


class BoundedProtocol(OneWriteProtocol):
    """One connection. A head, or a body in parts, that is late gets 408 and the connection ends; so it does
    where what is sent cannot be parsed, with 400 or 414; a body in parts too many, and a request that would
    wait too long, get 503."""

    door: ClassVar[Door]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See :class:`asyncio.Protocol`."""
        self.logger = _faults
        super().connection_made(transport)
        # Which message it is, and whether its head or its body is being read; no message is being read at 0.
        self._number = 0
        self._reading: str | None = "head"
        self._timed: tuple[int, str] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._counted = False
        self._received = self._received_before = 0
        self._watch_arrival()

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self._reading = None
        self._watch_arrival()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._received += len(data)
        super().data_received(data)
        if self._reading is not None or self._timer is not None:
            self._watch_arrival()

    def on_message_begin(self) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        super().on_message_begin()
        self._number += 1
        self._reading = "head"

    def on_headers_complete(self) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        super().on_headers_complete()  # raises for an address that cannot be parsed: still the head
        self._reading = "body"
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # what follows, a body too, is not parsed

    def on_message_complete(self) -> None:
        """See :class:`httptools.HttpRequestParser`."""
        self._reading = None
        super().on_message_complete()

    def _should_upgrade_to_ws(self) -> bool:
        """Nothing here speaks another protocol: who asks for one is answered in this one, as HTTP allows. A
        connection that were handed over would have no deadlines and no limits."""
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks must not fill the log."""

    def send_400_response(self, msg: str) -> None:
        """What the parser cannot read is answered as a problem document, and counted."""
        self.door.malformed += 1
        self._end(TOO_LONG if self._number and len(self.url) > _MAX_URL else MALFORMED)

    def _watch_arrival(self) -> None:
        """After each piece of a message, that is once for a message in one piece."""
        arriving = self._reading == "body"
        if arriving is not self._counted:
            self._counted = arriving
            self.door.arriving += 1 if arriving else -1
            if arriving:
                leave(self.cycle.scope)
                if self.door.arriving > self.door.arriving_bodies:
                    self.door.crowded += 1
                    self._end(CROWDED)
                    return
        timed = None if self._reading is None else (self._number, self._reading)
        if timed != self._timed:
            if self._timer is not None:
                self._timer.cancel()
            self._timed = timed
            self._timer = None if timed is None else self._later()

    def _later(self) -> asyncio.TimerHandle:
        self._received_before = self._received
        seconds = self.door.body_seconds if self._reading == "body" else self.door.head_seconds
        return self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        cycle = self.cycle
        ours = self.flow.read_paused or (
            self._reading == "head" and cycle is not None and not cycle.response_complete
        )
        if ours or self._gets_on():  # we read no further, or still answer what came before
            self._timer = self._later()
            return
        if self._number:
            self.door.slow += 1
            self._end(TOO_SLOW)
        else:
            self.transport.close()

    def _gets_on(self) -> bool:
        if self._reading != "body" or not self.scope["path"].startswith(_FILES):
            return False
        return self._received - self._received_before >= _PACE_BYTES

    def _end(self, refusal: Refusal) -> None:
        """Answer, unless an answer has begun, and close; whoever reads the body sees that nobody sends it."""
        cycle = self.cycle
        answered = self._reading == "body" and cycle is not None and cycle.response_started
        if not answered:
            method = self.scope.get("method", "GET") if self._number else "GET"
            self.transport.write(refusal.as_bytes(method, last=True))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        refusal = None
        if cycle.scope["path"].startswith(_COMPUTING):
            refusal = self._refusal(cycle.scope)
            if self.door.direct is not None and AT_ONCE in cycle.scope["headers"]:
                app = self.door.direct(app) or app
        if refusal is None:
            super()._start_asgi_task(cycle, _quiet(cycle, app))
        elif self.pipeline:
            # Not from within the end of the one before: they could be thousands.
            self.loop.call_soon(self._refuse, cycle, refusal)
        else:
            self._refuse(cycle, refusal)

    def _refusal(self, scope: Any) -> Refusal | None:
        """None for a request that is taken. Who asks too often does not wait behind others: the middleware
        would refuse that too, but after it had taken the place of somebody who does not."""
        door = self.door
        if door.backlog.waiting >= ALWAYS and (seconds := door.over_rate(scope)):
            door.often += 1
            return too_often(min(seconds, 3_600))
        return None if door.backlog.enter(scope) else OVERLOAD

    def _refuse(self, cycle: RequestResponseCycle, refusal: Refusal) -> None:
        if self.transport.is_closing():
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(refusal.as_bytes(cycle.scope["method"], last=not cycle.keep_alive))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _quiet(cycle: RequestResponseCycle, app: Any) -> Any:
    """``app``, whose place is given back however it ends; being cancelled because the caller went away is no
    fault, which uvicorn would log with its traceback."""

    async def run(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            if not cycle.disconnected:
                raise
            _log.info("the caller went away before it was answered", extra={"path": scope["path"][:200]})
        finally:
            leave(cycle.scope)

    return run
