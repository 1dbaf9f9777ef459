"""An HTTP proxy before a local object store that adds a distance to each request, and writes down each.

    python benchmarks/latency_proxy.py --upstream http://127.0.0.1:PORT [--latency 20] [--measure]

Every request waits ``--latency`` milliseconds before it is passed on, each by itself, so that requests side
by side wait side by side. Connections are kept open on both sides, answers stream. Prints its own address as
one JSON line and serves until its stdin ends. ``GET /_proxy/log?since=N`` gives the requests that have ended,
from the Nth on, and which process holds which client's port. ``--measure`` prints its own requests per second
instead, before an upstream that answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOG_PATH = "/_proxy/log"
_PIECE = 256 * 1024
_LIMIT = 1 << 20
_NO_BODY = frozenset((204, 304))
# Begin, end (monotonic seconds), method, target, status, request's and response's body bytes, client's port.
Entry = tuple[float, float, str, str, int, int, int, int]
# The client has gone, as clients do, or the loop ends.
_ENDED = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Head:
    """The first line and the fields of a request or an answer."""

    def __init__(self, raw: bytes) -> None:
        first, *lines = raw[:-4].split(b"\r\n")
        self.first = first.split(b" ", 2)
        self.lines = lines
        self.fields = {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines)}

    @property
    def length(self) -> int | None:
        value = self.fields.get(b"content-length")
        return None if value is None else int(value)

    @property
    def chunked(self) -> bool:
        return b"chunked" in self.fields.get(b"transfer-encoding", b"").lower()

    @property
    def closes(self) -> bool:
        said = self.fields.get(b"connection", b"").lower()
        old = b"HTTP/1.0" in (self.first[0], self.first[-1])
        return said == b"close" or (old and said != b"keep-alive")

    def encode(self, without: bytes = b"") -> bytes:
        lines = [line for line in self.lines if not line.lower().startswith(without or b"\0")]
        return b"\r\n".join([b" ".join(self.first), *lines]) + b"\r\n\r\n"


class Proxy:
    """Everything of one proxy; all in one event loop."""

    def __init__(self, upstream: str, latency: float) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._latency = latency
        self._idle: list[Streams] = []
        self.entries: list[Entry] = []
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, limit=_LIMIT)
        self.port = server.sockets[0].getsockname()[1]

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        try:
            while await self._exchange(reader, writer, port):
                pass
        except _ENDED:
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> bool:
        request = Head(await reader.readuntil(b"\r\n\r\n"))
        begun = time.monotonic()
        method, target = request.first[0].decode(), request.first[1].decode()
        if target.startswith(LOG_PATH):
            writer.write(self._report(target))
            await writer.drain()
            return True
        if b"expect" in request.fields:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.chunked:
            body = b"".join([piece async for piece in _chunks(reader)])
        else:
            body = await reader.readexactly(request.length or 0)
        await asyncio.sleep(self._latency)
        head = request.encode(without=b"expect:")
        streams, answer = await self._ask(head + body)
        status = int(answer.first[1])
        # Development servers close after each answer; object stores do not.
        writer.write(answer.encode(without=b"connection:"))
        endless, size = False, 0
        if method != "HEAD" and status not in _NO_BODY:
            endless = answer.length is None and not answer.chunked
            async for piece in _body(streams[0], answer):
                size += len(piece)
                writer.write(piece)
                await writer.drain()
        await writer.drain()
        self.entries.append((begun, time.monotonic(), method, target, status, len(body), size, port))
        if endless or answer.closes:
            streams[1].close()
        else:
            self._idle.append(streams)
        return not (endless or request.closes)

    async def _ask(self, data: bytes) -> tuple[Streams, Head]:
        while self._idle:
            streams = self._idle.pop()
            try:
                return streams, await _answer(streams, data)
            except (asyncio.IncompleteReadError, ConnectionError):
                streams[1].close()  # closed by the upstream while it was idle
        streams = await asyncio.open_connection(self._host, self._port, limit=_LIMIT)
        return streams, await _answer(streams, data)

    def _report(self, target: str) -> bytes:
        since = int(parse_qs(urlsplit(target).query).get("since", ["0"])[0])
        found = {"entries": self.entries[since:], "next": len(self.entries), "holders": holders(self.port)}
        body = json.dumps(found).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
            body
        ) + (body)


async def _answer(streams: Streams, data: bytes) -> Head:
    streams[1].write(data)
    await streams[1].drain()
    while True:
        head = Head(await streams[0].readuntil(b"\r\n\r\n"))
        if head.first[1] != b"100":
            return head


async def _body(reader: asyncio.StreamReader, answer: Head) -> Any:
    if answer.chunked:
        async for piece in _chunks(reader):
            yield piece
        return
    left = answer.length
    while left is None or left:
        piece = await reader.read(_PIECE if left is None else min(left, _PIECE))
        if not piece:
            if left is None:
                return
            raise ConnectionError("the answer ended early")
        left = None if left is None else left - len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> Any:
    """A chunked body as it is, with its framing."""
    while True:
        line = await reader.readuntil(b"\r\n")
        yield line
        size = int(line.split(b";")[0], 16)
        if size:
            yield await reader.readexactly(size + 2)
            continue
        while line != b"\r\n":
            line = await reader.readuntil(b"\r\n")
            yield line
        return


def holders(port: int) -> dict[int, str]:
    """The command of the process at the other end of each open connection to a port of ours (Linux)."""
    inodes: dict[str, int] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        parts = line.split()
        local, remote = (int(parts[n].rpartition(":")[2], 16) for n in (1, 2))
        if remote == port:
            inodes[f"socket:[{parts[9]}]"] = local
    found: dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        # A process may end while we look, or belong to somebody else.
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{entry}/fd"):
                with contextlib.suppress(OSError):
                    local = inodes.get(os.readlink(f"/proc/{entry}/fd/{name}"), 0)
                    if local:
                        command = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ")
                        found[local] = command.decode(errors="replace").strip()[:120]
    return found


async def _serve(upstream: str, latency: float) -> None:
    proxy = Proxy(upstream, latency)
    await proxy.start()
    print(json.dumps({"url": f"http://127.0.0.1:{proxy.port}"}), flush=True)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def watch() -> None:
        while os.read(0, 4_096):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    await ended.wait()


async def _measure(seconds: float = 3.0, clients: int = 8) -> dict[str, Any]:
    """Requests per second without and with the proxy, clients and upstream in the same process."""

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*_ENDED):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 512\r\n\r\n" + bytes(512))

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    direct = server.sockets[0].getsockname()[1]
    proxy = Proxy(f"http://127.0.0.1:{direct}", 0.0)
    await proxy.start()
    counts: dict[int, int] = {}

    async def client(port: int, until: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < until:
            writer.write(b"GET /bucket/key HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(512)
            counts[port] = counts.get(port, 0) + 1
        writer.close()

    for port in (direct, proxy.port):
        until = time.monotonic() + seconds
        await asyncio.gather(*(client(port, until) for _ in range(clients)))
    return {
        "benchmark": "latency_proxy",
        "direct_requests_per_second": round(counts[direct] / seconds),
        "requests_per_second": round(counts[proxy.port] / seconds),
        "milliseconds_per_request": round(1_000 * seconds * (1 / counts[proxy.port] - 1 / counts[direct]), 3),
    }


def main() -> None:
    """Serve, or measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upstream", default="")
    parser.add_argument("--latency", type=float, default=20.0, help="milliseconds")
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(asyncio.run(_measure())))
    elif not options.upstream:
        sys.exit("--upstream: say where the object store is")
    else:
        asyncio.run(_serve(options.upstream, options.latency / 1_000))


if __name__ == "__main__":
    main()
