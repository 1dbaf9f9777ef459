"""What becomes of searches when four times as many come as can be answered.

    python benchmarks/overload.py --url http://127.0.0.1:8000 [--factor 4] [--seconds 10]

Texts with a filter and facets, made from the served catalogue. First a closed loop of ``--clients`` finds the
sustainable load; then requests come at fixed times whatever became of those before: a quarter of that load
(rest), ``--factor`` times it (overload), a quarter again (recovery). A latency counts from the time at which
the request was due. Prints one JSON line: ``p95_to_rest`` is the p95 of the answers with 200 under overload
by that at rest, ``recovery_seconds`` the time after it from which on every answer is 200 and the p95 of a
half second is within three times that at rest; ``statuses`` must hold nothing but 200, 429 and 503. The
generator takes its share of the same cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import _status_and_length, drive, raw_request
from benchmarks.workload import get, searches

_CONNECTIONS = 512
_WINDOW = 0.5
_REST = 0.25
_AFTER_SECONDS = 6.0


@dataclass
class _Connection:
    sock: socket.socket
    due: float = 0.0
    buffer: bytearray = field(default_factory=bytearray)
    need: int = -1
    status: int = 0


@dataclass(frozen=True)
class Answer:
    """When it was due, how long after that it was there, and its status; 0 where the connection broke."""

    due: float
    seconds: float
    status: int


class Generator:
    """Sends requests when they are due, each on a connection that is free, or on one more."""

    def __init__(self, host: str, port: int, requests: Sequence[bytes]) -> None:
        self._address = (host, port)
        self._requests = requests
        self._next = 0
        self._selector = selectors.DefaultSelector()
        self._free: list[_Connection] = []
        self._open = 0
        self.unsent = 0

    def run(self, rate: float, seconds: float) -> list[Answer]:
        """``rate`` requests a second; waits up to two seconds for the last answers."""
        answers: list[Answer] = []
        begun = time.perf_counter()
        count, sent = int(rate * seconds), 0
        while sent < count or len(self._free) < self._open:
            now = time.perf_counter()
            if now > begun + seconds + 2.0:
                break
            while sent < count and (due := begun + sent / rate) <= now:
                self._send(due, answers)
                sent += 1
            wait = begun + sent / rate - time.perf_counter() if sent < count else 0.05
            for key, _ in self._selector.select(max(0.0, min(wait, 0.05))):
                self._read(key.data, answers)
        return answers

    def _send(self, due: float, answers: list[Answer]) -> None:
        if not self._free:
            if self._open == _CONNECTIONS:
                self.unsent += 1
                return
            self._connect()
        connection = self._free.pop()
        connection.due, connection.need = due, -1
        connection.buffer.clear()
        try:
            connection.sock.sendall(self._requests[self._next])
        except OSError:
            self._broken(connection, answers)
        self._next = (self._next + 1) % len(self._requests)

    def _connect(self) -> None:
        sock = socket.create_connection(self._address, timeout=5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(sock)
        self._selector.register(sock, selectors.EVENT_READ, connection)
        self._open += 1
        self._free.append(connection)

    def _read(self, connection: _Connection, answers: list[Answer]) -> None:
        try:
            data = connection.sock.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            self._broken(connection, answers)
            return
        connection.buffer += data
        if connection.need < 0:
            parsed = _status_and_length(connection.buffer)
            if parsed is None:
                return
            connection.status, connection.need = parsed
        if len(connection.buffer) >= connection.need:
            answers.append(Answer(connection.due, time.perf_counter() - connection.due, connection.status))
            self._free.append(connection)

    def _broken(self, connection: _Connection, answers: list[Answer]) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._open -= 1
        if connection in self._free:
            self._free.remove(connection)
        else:
            answers.append(Answer(connection.due, time.perf_counter() - connection.due, 0))


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="a running service")
    parser.add_argument("--collection")
    parser.add_argument("--clients", type=int, default=4, help="of the closed loop")
    parser.add_argument("--factor", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--unique", type=int, default=2_000, help="different queries")
    options = parser.parse_args()
    served = get(f"{options.url}/v1/collections")["collections"]
    chosen = next(each for each in served if options.collection in (None, each["collection"]))
    place = urlsplit(options.url)
    host, port = str(place.hostname), int(place.port or 80)
    bodies = searches(options.url, chosen["collection"], options.unique)
    requests = [
        raw_request("POST", "/v1/search", json.dumps(body).encode(), host=place.netloc) for body in bodies
    ]
    print(json.dumps(measure(host, port, requests, options) | {"rows": chosen["rows"]}))


def measure(host: str, port: int, requests: Sequence[bytes], options: argparse.Namespace) -> dict[str, Any]:
    """The figures that the module tells of."""
    sustainable = drive(host, port, options.clients, 4.0, 1.0, requests)["qps"]
    generator = Generator(host, port, requests)
    rest = generator.run(_REST * sustainable, 5.0)
    over = generator.run(options.factor * sustainable, options.seconds)
    ended = time.perf_counter()
    after = generator.run(_REST * sustainable, _AFTER_SECONDS)
    at_rest = _p95(rest)
    return {
        "benchmark": "overload",
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "sustainable_qps": sustainable,
        "offered_qps": round(options.factor * sustainable, 1),
        "statuses": dict(Counter(str(answer.status) for answer in over)),
        "unsent": generator.unsent,
        "accepted_qps": round(sum(a.status == 200 for a in over) / options.seconds, 1),
        "rest_p95_ms": round(1e3 * at_rest, 2),
        "overload_p95_ms": round(1e3 * _p95(over), 2),
        "p95_to_rest": round(_p95(over) / at_rest, 2),
        "refused_p95_ms": round(1e3 * _p95(over, 503), 2),
        "recovery_seconds": _recovery(after, ended, 3 * at_rest),
    }


def _p95(answers: Sequence[Answer], status: int = 200) -> float:
    taken = sorted(answer.seconds for answer in answers if answer.status == status)
    return taken[int(0.95 * len(taken))] if taken else float("nan")


def _recovery(after: Sequence[Answer], ended: float, limit: float) -> float | None:
    """None where it did not recover while it was watched."""
    windows = [ended + _WINDOW * n for n in range(int(_AFTER_SECONDS / _WINDOW))]
    bad = [
        start
        for start in windows
        if (within := [a for a in after if start <= a.due < start + _WINDOW])
        and (any(a.status != 200 for a in within) or _p95(within) > limit)
    ]
    last = bad[-1] + _WINDOW - ended if bad else 0.0
    return None if last >= _AFTER_SECONDS else round(last, 2)


if __name__ == "__main__":
    main()
