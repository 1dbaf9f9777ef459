"""What one tenant notices while another floods the service.

    python benchmarks/tenants.py [--products 2000] [--seconds 8] [--factor 4]

One process without Ray serves two collections, each with a key of its own. ``berta`` asks 20 times a second;
its p95 is taken at rest, while ``alba`` sends ``--factor`` times what the service can answer with a key of
``--rate`` a second, and while it does so with a key that has no rate. A latency counts from the time at which
the request was due. Prints one JSON line. Generators and service share the machine's cores.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import drive, raw_request
from benchmarks.overload import Answer, Generator
from mmpipe.serve.http.key_entries import new_key

_CALM = 20.0
_TEXT = "red green blue black small large soft wool shoe hat bag coat lamp scarf"
_WORDS = _TEXT.split()


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", type=int, default=2_000, help="of each collection")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--factor", type=float, default=4.0)
    parser.add_argument("--rate", type=float, default=50.0, help="of the flooding key")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), options)))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The figures that the module tells of."""
    for name in ("alba", "berta"):
        _index(folder, name, options.products)
    keys, entries = {}, {}
    for name, collection, rate in (
        ("alba", "alba", options.rate),
        ("free", "alba", None),
        ("berta", "berta", None),
    ):
        keys[name], entry = new_key(name, ["search"], [collection], rate=rate)
        entries[name] = entry.model_dump(mode="json", exclude_none=True)
    with _served(folder, json.dumps(entries)) as (host, port):
        requests = {name: _searches(key, f"{host}:{port}") for name, key in keys.items()}
        sustainable = drive(host, port, 4, 4.0, 1.0, requests["free"])["qps"]
        rest = Generator(host, port, requests["berta"]).run(_CALM, options.seconds)
        offered = options.factor * sustainable
        found = {
            kind: _beside(host, port, requests[name], requests["berta"], offered, options.seconds)
            for kind, name in (("limited", "alba"), ("unlimited", "free"))
        }
    return {
        "benchmark": "tenants",
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "machine": platform.machine(),
        "products": options.products,
        "sustainable_qps": sustainable,
        "offered_qps": round(offered, 1),
        "rest": _told(rest),
        **found,
    }


def _beside(
    host: str,
    port: int,
    flood: Sequence[bytes],
    calm: Sequence[bytes],
    rate: float,
    seconds: float,
) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        flooding = pool.apply_async(_flood, (host, port, flood, rate, seconds + 2.0))
        time.sleep(1.5)  # the process starts, and the flood stands
        beside = Generator(host, port, calm).run(_CALM, seconds)
        statuses = flooding.get(60)
    time.sleep(1.0)
    return {**_told(beside), "flood_statuses": statuses}


def _flood(host: str, port: int, requests: Sequence[bytes], rate: float, seconds: float) -> dict[str, int]:
    answers = Generator(host, port, requests).run(rate, seconds)
    return dict(Counter(str(answer.status) for answer in answers))


def _told(answers: Sequence[Answer]) -> dict[str, Any]:
    taken = sorted(answer.seconds for answer in answers if answer.status == 200)
    at = {}
    for share in (50, 95) if taken else ():
        at[f"p{share}_ms"] = round(1e3 * taken[int(share / 100 * (len(taken) - 1))], 2)
    return {"statuses": dict(Counter(str(answer.status) for answer in answers)), **at}


def _searches(key: str, host: str) -> list[bytes]:
    rng = random.Random(7)
    made = []
    for _ in range(2_000):
        body = json.dumps({"text": " ".join(rng.sample(_WORDS, 3)), "facets": ["brand", "color"]}).encode()
        raw = raw_request("POST", "/v1/search", body, host=host)
        made.append(raw.replace(b"\r\n", f"\r\nAuthorization: Bearer {key}\r\n".encode(), 1))
    return made


def _index(folder: Path, name: str, products: int) -> None:
    rng = random.Random(name)
    feed = folder / f"{name}.jsonl"
    with feed.open("w") as file:
        for n in range(products):
            words = rng.sample(_WORDS, 4)
            row = {"id": f"{name}-{n}", "title": " ".join(words), "price": f"{n % 90 + 1}.00 USD"}
            row |= {"brand": rng.choice(("Acme", "Orbit")), "color": words[0]}
            file.write(json.dumps(row) + "\n")
    command = [sys.executable, "-m", "mmpipe.cli", "index", str(feed), "--lake", str(folder / "lake")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*command, "--collection", name], check=True, **quiet)


@contextmanager
def _served(folder: Path, keys: str) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = os.environ | {
        "MMPIPE_LAKE__URI": str(folder / "lake"),
        "MMPIPE_SERVE__API_KEYS": keys,
        "MMPIPE_SERVE__PORT": str(port),
        "MMPIPE_SERVE__MIRROR_DIR": str(folder / "mirror"),
    }
    service = subprocess.Popen([sys.executable, "-m", "mmpipe.serve.standalone"], env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}/readyz", service)
        yield "127.0.0.1", port
    finally:
        service.terminate()
        service.wait(30)


def _wait(url: str, service: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if service.poll() is not None:
            raise RuntimeError("the service ended")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the service did not start")


if __name__ == "__main__":
    main()
