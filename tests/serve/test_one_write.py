"""One write per answer, on a socket: what arrives is what uvicorn alone sends, in fewer writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mmpipe.serve.http.one_write import JoiningTransport, OneWriteProtocol

Send = Callable[[dict[str, object]], Awaitable[None]]


class Recorded(asyncio.Transport):
    """A transport that keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def close(self) -> None:
        self.done.append(b"closed")


def test_two_writes_of_a_turn_are_one() -> None:
    async def scenario() -> list[bytes]:
        recorded = Recorded()
        joining = JoiningTransport(recorded, asyncio.get_running_loop())
        joining.write(b"head ")
        joining.write(b"body")
        assert recorded.done == [b"head body"], "the second write does not wait"
        joining.write(b"alone")
        assert recorded.done == [b"head body"]
        await asyncio.sleep(0)
        assert recorded.done == [b"head body", b"alone"]
        joining.write(b"last")
        joining.close()
        await asyncio.sleep(0)
        return recorded.done

    assert asyncio.run(scenario()) == [b"head body", b"alone", b"last", b"closed"]


async def _app(scope: dict[str, object], receive: Callable[[], Awaitable[object]], send: Send) -> None:
    """A short answer, a long one, one in parts, and one without a body."""
    await receive()
    path = scope["path"]
    body = b"x" * (3_000_000 if path == "/long" else 9_000)
    start: dict[str, object] = {"type": "http.response.start", "status": 204 if path == "/none" else 200}
    if path == "/parts":
        await send({**start, "headers": []})
        for part in (body, b"", b"end"):
            await send({"type": "http.response.body", "body": part, "more_body": part != b"end"})
            await asyncio.sleep(0)
        return
    body = b"" if path == "/none" else body
    headers = [(b"content-length", str(len(body)).encode())] if path != "/none" else []
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _bytes(protocol: type[asyncio.Protocol]) -> bytes:
    """All that a connection with five requests gets, two of them sent at once."""
    config = uvicorn.Config(
        _app,
        http=protocol,
        lifespan="off",
        log_config=None,
        date_header=False,
        server_header=False,
    )
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
        "127.0.0.1",
        0,
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    for paths in (["/short", "/none"], ["/long"], ["/parts"]):
        writer.write(b"".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for path in paths))
    writer.write(b"GET /short HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    got = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    server.close()
    return got


def test_what_arrives_is_what_uvicorn_sends() -> None:
    plain = asyncio.run(_bytes(HttpToolsProtocol))
    assert plain.count(b"HTTP/1.1 ") == 5
    assert asyncio.run(_bytes(OneWriteProtocol)) == plain
