"""Searches while the object store is away.

    python benchmarks/store_away.py [--seconds 600] [--rows 2000] [--hangs]

The service without Ray searches a lake in moto's S3 on loopback. After ten seconds the store goes: its
process is stopped, so that connections hang (``--hangs``), or its port refuses (a relay in front is closed).
After as long as asked it is back. All along one client searches ten times a second, and asks for /readyz, the
age that answers tell and /v1/collections once a second. Prints one JSON line: answers by status, their p95 in
milliseconds before and while the store was away, the statuses of /readyz, the highest age, the slowest answer
of /v1/collections, and how long after its return answers were of what is live again.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.lambda_search import index, service
from mmpipe.local.cloud import LAKE_BUCKET, LocalCloud, client_environment

BEFORE_SECONDS = 10.0
AFTER_SECONDS = 60.0


class Relay:
    """A port that leads to the store, and refuses while it is closed."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse, and cut what is there."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.close()

    def reopen(self) -> None:
        """Lead there again."""
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def ask(url: str) -> tuple[int, float, dict[str, str], Any]:
    """Status, seconds, headers in lower case and the JSON of one answer."""
    begun = time.perf_counter()
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            status, headers, body = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, headers, body = error.code, error.headers, error.read()
    took = time.perf_counter() - begun
    return status, took, {name.lower(): value for name, value in headers.items()}, json.loads(body)


def watch(url: str, seconds: float) -> dict[str, Any]:
    """What a client sees for so long."""
    statuses: Counter[int] = Counter()
    ready: Counter[int] = Counter()
    times, ages, listed = [], [0], [0.0]
    end, asked = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < end:
        status, took, headers, _ = ask(f"{url}/v1/search?q=red+shoe&facets=brand")
        statuses[status] += 1
        times.append(took)
        ages.append(int(headers.get("age", 0)))
        if now - asked >= 1:
            asked = now
            ready[ask(f"{url}/readyz")[0]] += 1
            listed.append(ask(f"{url}/v1/collections")[1])
        time.sleep(max(0.0, 0.1 - (time.monotonic() - now)))
    return {
        "searches": dict(statuses),
        "p95_ms": round(1000 * statistics.quantiles(times, n=20)[-1], 1),
        "slowest_ms": round(1000 * max(times), 1),
        "readyz": dict(ready),
        "highest_age": max(ages),
        "slowest_collections_ms": round(1000 * max(listed), 1),
    }


def fresh_after(url: str) -> float:
    """Seconds until all collections are seen to be live again."""
    begun = time.monotonic()
    while time.monotonic() - begun < AFTER_SECONDS:
        listed = ask(f"{url}/v1/collections")[3]["collections"]
        if max(each["age_seconds"] for each in listed) < 2:
            return round(time.monotonic() - begun, 1)
        time.sleep(0.1)
    return AFTER_SECONDS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--hangs", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as name:
        folder, lake = Path(name), Path(name) / "lake"
        index(folder, lake, options.rows, "starter")
        cloud = LocalCloud(folder, secrets.token_hex(8))
        os.environ.update(client_environment())
        cloud.start()
        try:
            client = cloud.s3()
            for path in lake.rglob("*"):
                if path.is_file():
                    client.upload_file(str(path), LAKE_BUCKET, f"lake/{path.relative_to(lake).as_posix()}")
            relay = Relay(int(cloud.url.rpartition(":")[2]))
            environment = {
                **os.environ,
                **client_environment(),
                "OMP_NUM_THREADS": "1",
                "MMPIPE_LAKE__URI": f"s3://{LAKE_BUCKET}/lake",
                "MMPIPE_STORAGE__ENDPOINT_URL": f"http://127.0.0.1:{relay.port}",
                "MMPIPE_SERVE__MIRROR_DIR": str(folder / "mirror"),
                "MMPIPE_SPEECH__RECOGNIZER": "none",
            }
            with service(environment) as (_, url, _):
                before = watch(url, BEFORE_SECONDS)
                process = cloud._child.pid  # type: ignore[union-attr]
                if options.hangs:
                    os.kill(process, signal.SIGSTOP)
                else:
                    relay.close()
                away = watch(url, options.seconds)
                if options.hangs:
                    os.kill(process, signal.SIGCONT)
                else:
                    relay.reopen()
                back = fresh_after(url)
        finally:
            cloud.stop()
    figures = {"before": before, "away": away, "fresh_after_seconds": back}
    print(
        json.dumps({"benchmark": "store_away", "hangs": options.hangs, "seconds": options.seconds} | figures)
    )


if __name__ == "__main__":
    main()
