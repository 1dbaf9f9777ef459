"""Requests that come slowly, too many or not at all, on sockets: each is cut, and others are answered."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from mmpipe.serve.http import bounded_protocol
from mmpipe.serve.http.backlog import ALWAYS, leave
from mmpipe.serve.http.bounded_protocol import Door, protocol_for
from mmpipe.settings import ServeSettings

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HEAD = b"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
_GET = b"GET /v1/search HTTP/1.1\r\nHost: a\r\n\r\n"


class Clock:
    """The event loop's, which also goes on when told to: so deadlines can be long beside what a busy
    machine takes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._own = self._loop.time
        self._passed = 0.0
        self._loop.time = lambda: self._own() + self._passed  # type: ignore[method-assign]

    async def passes(self, seconds: float) -> None:
        """What was sent before has arrived by then."""
        await asyncio.sleep(0.05)
        self._passed += seconds
        await asyncio.sleep(0.05)


async def _until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


class App:
    """Reads the whole body; what it saw at the end of each is in ``ends``."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                break
        self.ends.append(message["type"])
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def _run(
    scenario: Callable[[App, Door, Callable[[], Awaitable[Client]], Clock], Awaitable[None]], **serve: Any
) -> None:
    async def served() -> None:
        clock = Clock()
        door = Door(ServeSettings().model_copy(update=serve))
        app = App()
        config = uvicorn.Config(app, http=protocol_for(door), log_config=None, timeout_keep_alive=1_000)
        config.load()
        state = uvicorn.server.ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: config.http_protocol_class(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
            "127.0.0.1",
            0,
        )
        port = server.sockets[0].getsockname()[1]
        try:
            await scenario(app, door, lambda: asyncio.open_connection("127.0.0.1", port), clock)
        finally:
            server.close()

    asyncio.run(served())


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"GET /v1/search HTT", b"408"), (_HEAD + b"12345", b"408"), (b"", None)],
    ids=["head", "body", "nothing"],
)
def test_what_does_not_arrive_in_time_is_cut(sent: bytes, status: bytes | None) -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        reader, writer = await connect()
        writer.write(sent)
        await clock.passes(61)
        got = await reader.read()
        if status is None:
            assert got == b""
            return
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status), got
        assert b"connection: close" in head
        assert json.loads(body)["status"] == int(status)
        assert door.refused()["slow"] == 1
        ends = ["http.disconnect"] if b"\r\n\r\n" in sent else []
        await _until(lambda: app.ends == ends and door.arriving == 0)

    _run(scenario, head_seconds=60, body_seconds=60)


def test_what_a_proxy_marks_goes_the_shorter_way_where_there_is_one() -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        shorter, served = App(), []
        there = True

        def direct(asked: Any) -> App | None:
            served.append(asked)
            return shorter if there else None

        mark = b"%b: %b\r\n" % bounded_protocol.AT_ONCE
        reader, writer = await connect()

        async def ask(path: bytes, more: bytes) -> tuple[int, int]:
            writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (path, more))
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
            return len(app.ends), len(shorter.ends)

        assert await ask(b"/v1/search", mark) == (1, 0), "there is none"
        door.direct = direct
        assert await ask(b"/v1/search", b"") == (2, 0)
        assert await ask(b"/v1/collections", mark) == (3, 0)
        assert await ask(b"/v1/search", mark) == (3, 1)
        there = False
        assert await ask(b"/v1/search", mark) == (4, 1)
        assert len(served) == 2
        assert door.backlog.waiting == 0

    _run(scenario)


def test_who_asks_too_often_waits_behind_nobody() -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        flooding = b"GET /v1/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer flooding\r\n\r\n"
        door.over_rate = lambda scope: 7 * ((b"authorization", b"Bearer flooding") in scope["headers"])
        waiting: list[dict[str, Any]] = [{} for _ in range(ALWAYS)]
        reader, writer = await connect()
        writer.write(flooding)
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200"), "nobody waits"
        for scope in waiting:
            assert door.backlog.enter(scope)
        writer.write(flooding)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
        assert b"\r\nretry-after: 7\r\n" in head
        assert b"\r\nx-content-type-options: nosniff\r\n" in head
        assert (await reader.readuntil(b"}")).startswith(b'{"type": "urn:mmpipe:problem:too-many-requests"')
        assert (door.refused()["often"], door.backlog.waiting) == (1, ALWAYS), "it took no place"
        writer.write(_GET)
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200"), "others are served"
        for scope in waiting:
            leave(scope)
        writer.close()

    _run(scenario)


def test_who_sends_slowly_but_in_time_is_answered_and_so_is_the_next_request() -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        reader, writer = await connect()
        for _ in range(3):
            for piece in (_HEAD[:20], _HEAD[20:] + b"123", b"45678", b"90"):
                writer.write(piece)
                await clock.passes(10)
            assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        # Between requests the keep-alive of the server counts, not the time for a head.
        await clock.passes(80)
        writer.write(_GET)
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        assert door.refused() == {"overload": 0, "often": 0, "bodies": 0, "slow": 0, "malformed": 0}
        writer.close()

    _run(scenario, head_seconds=60, body_seconds=60)


def test_a_slow_answer_of_ours_is_no_slow_caller() -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        app.go_on.clear()
        reader, writer = await connect()
        writer.write(_GET + b"GET /v1/se")
        for _ in range(3):
            await clock.passes(61)
        assert door.refused()["slow"] == 0
        app.go_on.set()
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.write(b"arch HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        writer.close()

    _run(scenario, head_seconds=60, body_seconds=60)


def test_bodies_in_parts_are_few_and_others_are_answered_meanwhile() -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        slow = [await connect() for _ in range(7)]
        for _, writer in slow:
            writer.write(_HEAD + b"1")
        refused = await asyncio.gather(*(reader.read() for reader, _ in slow[3:]))
        assert all(answer.startswith(b"HTTP/1.1 503") for answer in refused)
        assert all(b"retry-after: 1" in answer for answer in refused)
        assert (door.arriving, door.refused()["bodies"]) == (3, 4)
        reader, writer = await connect()
        writer.write(_HEAD + b"1234567890")
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        slow[0][1].write(b"234567890")
        assert (await slow[0][0].readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200")
        slow[1][1].close()
        await _until(lambda: door.arriving == 1)

    _run(scenario, arriving_bodies=3)


def test_over_the_backlog_is_503_in_order_and_health_is_answered() -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        app.go_on.clear()
        clients = [await connect() for _ in range(30)]
        for _, writer in clients:
            writer.write(_GET)
        # 10 ms at 1 ms each, and the one that was let in.
        await _until(lambda: door.backlog.waiting + door.refused()["overload"] == 30)
        assert door.refused()["overload"] == 30 - 11
        reader, writer = await connect()
        writer.write(
            b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + b"HEAD /v1/search HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        app.go_on.set()
        first = await reader.readuntil(b"\r\n\r\nok")
        assert first.startswith(b"HTTP/1.1 200")
        answers = [await each.readuntil(b"\r\n\r\n") for each, _ in clients]
        assert sorted(answer[9:12] for answer in answers) == [b"200"] * 11 + [b"503"] * 19
        assert door.backlog.waiting == 0
        for reader, writer in clients:  # the connections go on
            writer.write(_GET)
            await reader.readuntil(b"\r\n\r\nok")
            writer.close()

    _run(scenario, burst_seconds=0.01, standing_seconds=0.01)


def test_thousands_in_one_piece_are_refused_one_after_the_other() -> None:
    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        for _ in range(11):
            assert door.backlog.enter({})
        reader, writer = await connect()
        writer.write(_GET * 3_000)
        for _ in range(3_000):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503")
            await reader.readuntil(b"}")
        writer.close()

    _run(scenario, burst_seconds=0.01, standing_seconds=0.01)


def test_being_ended_because_the_caller_left_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def ended(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await receive()
        raise asyncio.CancelledError

    async def scenario(app: App, door: Door, connect: Callable[[], Awaitable[Client]], clock: Clock) -> None:
        app.__class__.__call__ = ended_method  # type: ignore[method-assign]
        _, writer = await connect()
        writer.write(_GET)
        await _until(lambda: bool(begun))
        writer.close()
        await _until(lambda: any(record.name == "mmpipe.serve" for record in caplog.records))

    async def ended_method(self: App, scope: dict[str, Any], receive: Any, send: Any) -> None:
        begun.append(scope)
        await ended(scope, receive, send)

    begun: list[Any] = []

    caplog.set_level(logging.INFO)
    before = App.__call__
    try:
        _run(scenario)
    finally:
        App.__call__ = before  # type: ignore[method-assign]
    lines = [record for record in caplog.records if record.name != "asyncio"]
    assert [(record.name, record.exc_info) for record in lines] == [("mmpipe.serve", None)]


def test_a_server_that_chooses_by_itself_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.config, "HTTP_PROTOCOLS", dict(uvicorn.config.HTTP_PROTOCOLS))
    door = bounded_protocol.install(ServeSettings())
    config = uvicorn.Config(App, log_config=None)
    config.load()
    assert getattr(config.http_protocol_class, "door", None) is door
