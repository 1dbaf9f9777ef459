"""A closed-loop HTTP load generator that costs next to nothing, in a process of its own.

Reads a JSON job from stdin: ``{"host", "port", "clients", "seconds", "warmup", "requests": [base64 of raw
HTTP/1.1 requests]}``; prints ``{"requests", "errors", "reopened", "seconds", "qps", "p50_ms", "p95_ms",
"p99_ms", "max_ms", "answered", "cpu_seconds"}``, the last two of all answers, also those of the warm-up:
how many, and what this process took of a processor. A server may close a kept connection at any time
(RFC 9112, 9.3): the client connects again, sends its request again, and counts it as ``reopened``; its time
counts from the first sending. One thread, one selector, one keep-alive connection per client, requests
prepared beforehand: on two cores a heavier generator would measure itself.
"""

from __future__ import annotations

import base64
import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


def raw_request(
    method: str, path: str, body: bytes = b"", *, host: str, content_type: str = "application/json"
) -> bytes:
    """One keep-alive request as bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
    if body:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


@dataclass
class _Client:
    sock: socket.socket
    next: int
    sent_at: float = 0.0
    buffer: bytearray = field(default_factory=bytearray)
    need: int = -1


def _status_and_length(buffer: bytearray) -> tuple[int, int] | None:
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    status = int(head[9:12])
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return status, end + 4 + int(value)
        if name == b"transfer-encoding":
            raise RuntimeError("the server answers in chunks; this generator needs Content-Length")
    return status, end + 4


def drive(
    host: str, port: int, clients: int, seconds: float, warmup: float, requests: Sequence[bytes]
) -> dict[str, float]:
    """Every client sends, waits for its answer, sends again. The first ``warmup`` seconds do not count."""
    selector = selectors.DefaultSelector()
    latencies: list[float] = []
    errors = reopened = answered = 0
    used = time.process_time()
    for n in range(clients):
        sock = _connected(host, port)
        client = _Client(sock, next=n * len(requests) // clients)
        selector.register(sock, selectors.EVENT_READ, client)
    begun = time.perf_counter()
    for key in list(selector.get_map().values()):
        _send(key.data, requests)
    while (now := time.perf_counter()) < begun + warmup + seconds:
        for key, _ in selector.select(timeout=1.0):
            client = key.data
            try:
                data = client.sock.recv(1 << 18)
            except ConnectionError:
                data = b""
            if not data:
                selector.unregister(client.sock)
                client.sock.close()
                client.sock = _connected(host, port)
                selector.register(client.sock, selectors.EVENT_READ, client)
                reopened += 1
                client.buffer.clear()
                client.need = -1
                client.sock.sendall(requests[client.next - 1])
                continue
            client.buffer += data
            if client.need < 0:
                parsed = _status_and_length(client.buffer)
                if parsed is None:
                    continue
                status, client.need = parsed
                if not 200 <= status < 300:
                    errors += 1
                    if errors == 1:
                        print(bytes(client.buffer[:1_000]).decode(errors="replace"), file=sys.stderr)
            if len(client.buffer) < client.need:
                continue
            answered += 1
            now = time.perf_counter()
            if now >= begun + warmup:
                latencies.append(now - client.sent_at)
            _send(client, requests)
    for key in list(selector.get_map().values()):
        key.data.sock.close()
    used = time.process_time() - used
    latencies.sort()

    def quantile(q: float) -> float:
        return (
            round(1e3 * latencies[min(len(latencies) - 1, int(q * len(latencies)))], 3)
            if latencies
            else float("nan")
        )

    return {
        "clients": clients,
        "requests": len(latencies),
        "errors": errors,
        "reopened": reopened,
        "seconds": seconds,
        "qps": round(len(latencies) / seconds, 1),
        "p50_ms": quantile(0.5),
        "p95_ms": quantile(0.95),
        "p99_ms": quantile(0.99),
        "max_ms": quantile(1.0),
        "answered": answered,
        "cpu_seconds": round(used, 3),
    }


def _connected(host: str, port: int) -> socket.socket:
    sock = socket.create_connection((host, port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(30)
    return sock


def _send(client: _Client, requests: Sequence[bytes]) -> None:
    client.buffer.clear()
    client.need = -1
    client.sent_at = time.perf_counter()
    client.sock.sendall(requests[client.next])
    client.next = (client.next + 1) % len(requests)


def main() -> None:
    """Run the job on stdin."""
    job = json.load(sys.stdin)
    requests = [base64.b64decode(r) for r in job["requests"]]
    print(
        json.dumps(drive(job["host"], job["port"], job["clients"], job["seconds"], job["warmup"], requests))
    )


if __name__ == "__main__":
    main()
