"""What is no HTTP request, or has a head that no parser takes, on sockets: answered as other faults are."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
import uvicorn
from uvicorn.server import ServerState

from mmpipe.serve.http.bounded_protocol import Door, protocol_for
from mmpipe.settings import ServeSettings

_LONG = b"GET /v1/search?filter=" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
_GET = b"GET /v1/search HTTP/1.1\r\nHost: a\r\n\r\n"
_DOOR = Door(ServeSettings())


async def _app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    if scope["path"] == "/fault":
        raise RuntimeError("a fault of the application")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(_app, http=protocol_for(_DOOR), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()
        server.should_exit = True
        thread.join()


def _answer(connection: socket.socket, sent: bytes) -> tuple[bytes, dict[str, Any]]:
    """Status and problem of the last answer on ``connection``, which the service closes after it."""
    connection.sendall(sent)
    got = b""
    while piece := connection.recv(65_536):
        got += piece
    head, body = got.split(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    return head.split(b" ")[1], json.loads(body)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Header\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno-size\r\n", 400),
        (_LONG, 414),
    ],
    ids=["TLS", "address", "header", "chunk", "long"],
)
@pytest.mark.parametrize("kept", [False, True], ids=["first", "second"])
def test_it_gets_a_problem_document_and_no_line_of_the_log(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture, sent: bytes, status: int, kept: bool
) -> None:
    before = _DOOR.refused()["malformed"]
    with socket.create_connection(address, timeout=60) as connection:
        if kept:
            connection.sendall(_GET)
            got = b""
            while not got.endswith(b"ok"):
                got += connection.recv(65_536)
        line, problem = _answer(connection, sent)
    assert (int(line), problem["status"]) == (status, status)
    assert problem["type"].startswith("urn:mmpipe:problem:")
    assert _DOOR.refused()["malformed"] == before + 1
    assert not caplog.records


def test_a_server_that_configures_its_own_log_changes_nothing_of_that() -> None:
    config = uvicorn.Config(_app, http=protocol_for(_DOOR), log_level="warning")  # as `mmpipe serve` does
    assert config.log_config is not None
    transport = MagicMock(get_extra_info=lambda *_: None)
    with asyncio.Runner() as runner:
        made = protocol_for(_DOOR)(config, ServerState(), {}, runner.get_loop())
        made.connection_made(transport)
        made.data_received(b"\x16\x03\x01 hello\r\n\r\n")
        made.connection_lost(None)
    assert transport.write.call_args.args[0].startswith(b"HTTP/1.1 400 ")
    assert not made.logger.isEnabledFor(logging.WARNING)
    assert made.logger.isEnabledFor(logging.ERROR)


def test_what_the_application_does_wrong_is_logged_as_ever(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(b"GET /fault HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 500 ")
    (line,) = caplog.records
    assert line.exc_info is not None


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "made-up"])
@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("POST", b"a body"), ("HEAD", b""), ("FOO", b"")])
def test_who_asks_for_another_protocol_is_answered_in_this_one(
    address: tuple[str, int], caplog: pytest.LogCaptureFixture, protocol: str, method: str, body: bytes
) -> None:
    """And no connection stays, beyond every deadline."""
    head = f"{method} /v1/search HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(f"{head}{key}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b""
        while piece := connection.recv(65_536):
            got += piece
    if method == "FOO":
        assert got.startswith(b"HTTP/1.1 400 ")
        return
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.endswith(b"\r\n\r\n" if method == "HEAD" else b"ok")
    assert not caplog.records
