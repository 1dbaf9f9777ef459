"""What one caller's request costs the others: text searches of one replica while hostile requests come.

    python benchmarks/hostile.py [--baseline WORKTREE] [--only pictures_16_bit]

Each build serves a catalogue of its own in one process without Ray (``mmpipe.serve.standalone``). A client
searches every 50 ms, each search over a new text and waiting for the last one to be answered, while one
attack after another is sent: for each the answers' statuses, how long they took, the p95 and the slowest of
the searches meanwhile, and the process's memory (resident) at most and six seconds later. Figures are of one
run and this machine. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parents[1]
_TOKEN = "of-this-run-only"
_JSON = {"content-type": "application/json"}
_EVERY = 0.05
_SETTLED = 6.0
_START_SECONDS = 300.0
_SIDE = 7_000
_WORDS = ("red", "blue", "green", "shoe", "bag", "hat", "light", "summer", "leather", "kids")

Attack = Callable[["Replica"], list[int]]


@dataclass(slots=True)
class Replica:
    """One build's process and how to reach it."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def ask(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request on a connection of its own: status, and the answer; 0 where none came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def search(self, number: int) -> int:
        """The status of a text search."""
        words = [_WORDS[(number * step + step) % len(_WORDS)] for step in (1, 3, 7)]
        body = json.dumps({"text": f"{' '.join(words)} {number}", "facets": ["brand"]}).encode()
        return self.ask("/v1/search", body, _JSON)[0]

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """What became of a feed of the warm lane."""
        path = self.folder / "bucket" / "shop" / "feeds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        stored = {
            "uri": path.as_uri(),
            "etag": name,
            "size": len(content),
            "event_time": datetime.now(UTC).isoformat(),
        }
        order = {
            "run_id": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
            "kind": "feed_uploaded",
            "collection": "shop",
            "object": stored,
            "lane": "warm",
        }
        headers = {**_JSON, "authorization": f"Bearer {_TOKEN}"}
        _, answer = self.ask("/internal/v1/work", json.dumps({"orders": [order]}).encode(), headers)
        found: dict[str, Any] = json.loads(answer)["outcomes"][0]
        return found

    def resident(self) -> int:
        """Megabytes of memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024


@dataclass(slots=True)
class Watch:
    """Searches of a thread until it is told to stop, and the most memory that was seen."""

    replica: Replica
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    most: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def searches(self) -> None:
        """One after the other, :data:`_EVERY` seconds apart or as soon as the last was answered."""
        number = int(time.time() * 1_000) % 1_000_000
        while not self.stop.is_set():
            begun = time.perf_counter()
            number += 1
            self.failed += self.replica.search(number) != 200
            self.seconds.append(time.perf_counter() - begun)
            self.stop.wait(max(0.0, _EVERY - self.seconds[-1]))

    def memory(self) -> None:
        """Looked at fifty times a second."""
        while not self.stop.wait(0.02):
            self.most = max(self.most, self.replica.resident())

    def figures(self) -> dict[str, float]:
        """Of what was seen so far, in milliseconds and megabytes."""
        found = sorted(self.seconds)
        return {
            "searches": len(found),
            "searches_failed": self.failed,
            "p95_ms": round(found[int(0.95 * (len(found) - 1))] * 1e3, 1),
            "slowest_ms": round(found[-1] * 1e3, 1),
            "peak_mb": self.most,
        }


@contextmanager
def _watched(replica: Replica) -> Any:
    watch = Watch(replica)
    threads = [threading.Thread(target=each, daemon=True) for each in (watch.searches, watch.memory)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        for thread in threads:
            thread.join()


def _names(count: int) -> bytes:
    return b"{" + b",".join(b'"k%d":1' % n for n in range(count)) + b"}"


def _json(body: bytes, path: str = "/v1/search") -> Attack:
    return lambda replica: [replica.ask(path, body, _JSON)[0]]


def _base64(groups: int) -> bytes:
    return b'{"image":{"data":"' + b"AAAA" * groups + b'"}}'


def _form(text: bytes, charset: str) -> Attack:
    body = b'--b\r\nContent-Disposition: form-data; name="text-"\r\n\r\n' + text + b"\r\n--b--\r\n"
    headers = {"content-type": f"multipart/form-data; boundary=b; charset={charset}"}
    return lambda replica: [replica.ask("/v1/search", body, headers)[0]]


def _picture(mode: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new(mode, (_SIDE, _SIDE)).save(file, "PNG", compress_level=9)
    return file.getvalue()


def _pictures(picture: bytes) -> Attack:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    body = head + picture + b"\r\n--b--\r\n"
    return _at_once(8, body, {"content-type": "multipart/form-data; boundary=b"})


def _at_once(count: int, body: bytes, headers: dict[str, str]) -> Attack:
    def send(replica: Replica) -> list[int]:
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(replica.ask("/v1/search", body, headers)[0]))
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(statuses)

    return send


def _attacks() -> dict[str, Callable[[], Attack]]:
    return {
        "nothing": lambda: lambda _: time.sleep(4.0) or [],  # type: ignore[func-returns-value]
        "unknown_names_2m": lambda: _json(_names(2_000_000)),
        "attributes_1m": lambda: _json(b'{"filters":{"attributes":' + _names(1_000_000) + b"}}"),
        "form_in_punycode_200kb": lambda: _form(b"b" * 200_000, "punycode"),
        "events_of_20k_names": lambda: _json(
            b'{"interactions":[' + _names(19_900) + b"]}", "/v1/interactions"
        ),
        "base64_22mb": lambda: _json(_base64(5_500_000)),
        "base64_22mb_four_at_once": lambda: _at_once(4, _base64(5_500_000), _JSON),
        "pictures_rgb": lambda: _pictures(_picture("RGB")),
        "pictures_rgba": lambda: _pictures(_picture("RGBA")),
        "pictures_16_bit": lambda: _pictures(_picture("I;16")),
    }


def _catalogue(count: int) -> bytes:
    rows = (
        {
            "id": f"p{n}",
            "title": f"{_WORDS[n % 3]} {_WORDS[3 + n % 7]} model {n}",
            "price": f"{n % 90 + 10}.00 USD",
            "brand": f"brand {n % 9}",
        }
        for n in range(count)
    )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@contextmanager
def _served(build: Path, folder: Path) -> Any:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MMPIPE_")}
    environment = {
        **inherited,
        "PYTHONPATH": str(build),
        "MMPIPE_LAKE__URI": str(folder / "lake"),
        "MMPIPE_SERVE__PORT": str(port),
        "MMPIPE_SERVE__MIRROR_DIR": str(folder / "mirror"),
        "MMPIPE_DISPATCH__TOKEN": _TOKEN,
    }
    # Earlier releases know no such setting.
    settings = [build / "mmpipe" / "settings.py", *build.glob("mmpipe/settings/*.py")]
    if any("uploads_uri" in each.read_text() for each in settings if each.is_file()):
        environment["MMPIPE_INDEXING__UPLOADS_URI"] = str(folder / "bucket")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mmpipe.serve.standalone"], env=environment, stderr=log, cwd=build
        )
        replica = Replica(process, port, folder)
        try:
            _wait(replica)
            yield replica
        finally:
            process.terminate()
            process.wait(30)


def _wait(replica: Replica) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and replica.process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", replica.port)) == 0:
                return
        time.sleep(0.2)
    raise SystemExit(f"it did not start: {(replica.folder / 'log').read_text()[-2_000:]}")


def measure(build: Path, only: Sequence[str]) -> dict[str, Any]:
    """The figures of one build by attack."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, _served(build, Path(name)) as replica:
        results["catalogue"] = replica.upload("all.jsonl", _catalogue(500))["status"]
        for number in range(100):
            replica.search(number)
        for attack, make in _attacks().items():
            if only and attack not in only:
                continue
            send = make()
            with _watched(replica) as watch:
                time.sleep(0.5)
                begun = time.perf_counter()
                statuses = send(replica)
                took = time.perf_counter() - begun
            time.sleep(_SETTLED)
            results[attack] = {
                "statuses": statuses,
                "seconds": round(took, 2),
                **watch.figures(),
                "later_mb": replica.resident(),
            }
        if not only or "feed_of_nothing" in only:
            feed = gzip.compress(b"{}\n" * 100_000, 9)
            begun = time.perf_counter()
            found = replica.upload("nothing.jsonl.gz", feed)
            took = round(time.perf_counter() - begun, 2)
            results["feed_of_nothing"] = {"bytes": len(feed), "seconds": took, "outcome": found}
    return results


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", type=Path, help="a work tree of the commit to compare with")
    parser.add_argument("--only", nargs="*", default=[], help="attacks by name")
    options = parser.parse_args()
    found = {"this": measure(_HERE, options.only)}
    if options.baseline is not None:
        found["baseline"] = measure(options.baseline.resolve(), options.only)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
