"""Whether a service that is searched and updated for long stays as it was.

    python benchmarks/soak.py [--minutes 30] [--load 0.5] [--updates 1] [--hold 120]

One process searches (``mmpipe.serve.standalone``) over a folder lake, another indexes single products, so
many a second. A closed loop first finds what can be answered while nothing is updated; then searches come at
``--load`` of that. Of twelve windows it prints p50 and p95 of the searches, the replica's CPU time by search,
the updates, the memory of both processes (all that is resident, and without mapped files), files, bytes and
versions of the lake, and files on the replica's own disk. ``flat`` compares the last third with the one
before it, and ``grew`` names what did; the first is for versions to grow as old as they are held (``--hold``,
which must be less than a fourth of the run). On a machine that others use p95 tells of them, and so do the
updates, and with them files and bytes; CPU time does not. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.hygiene import COLLECTION, Shop, product, size_of
from benchmarks.load import drive, raw_request
from benchmarks.overload import Answer, Generator
from benchmarks.workload import get, searches
from mmpipe.settings import IndexingSettings, LakeSettings, Settings

_WINDOWS = 12
_START_SECONDS = 300.0
_RATIOS = {
    "p95_ms": 1.5,
    "cpu_ms": 1.3,
    "replica_rss_mb": 1.1,
    "replica_anonymous_mb": 1.1,
    "indexer_anonymous_mb": 1.1,
    "lake_files": 1.2,
    "lake_bytes": 1.2,
    "versions": 1.2,
    "local_files": 1.2,
}


def main() -> None:
    """Parse, measure, print; or be the process that updates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--load", type=float, default=0.5, help="share of what can be answered")
    parser.add_argument("--updates", type=float, default=1.0, help="a second")
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--hold", type=float, default=120.0, help="MMPIPE_LAKE__HOLD_VERSIONS_SECONDS")
    parser.add_argument("--update", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.update is not None:
        _update(options.update, options)
        return
    if options.minutes * 60 < 4 * options.hold:
        parser.error("--minutes: no less than four times --hold, or nothing is settled by then")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(_measure(Path(folder), options)))


def _update(root: Path, options: argparse.Namespace) -> None:
    shop = Shop(root, _settings(root, options))
    shop.upload(
        "feeds/all.jsonl",
        "feed_uploaded",
        "\n".join(json.dumps(product(n, 0)) for n in range(options.products)),
    )
    print("filled", flush=True)
    sys.stdin.readline()
    due, count = time.monotonic(), 0
    while not (root / "stop").exists():
        count += 1
        changed = product(count % options.products, count)
        shop.upload(f"products/{changed['id']}.json", "product_uploaded", json.dumps(changed))
        with (root / "updates").open("ab") as told:
            told.write(b".")
        due += 1 / options.updates
        time.sleep(max(0.0, due - time.monotonic()))
    print(count, flush=True)
    shop.close()


def _measure(root: Path, options: argparse.Namespace) -> dict[str, Any]:
    arguments = [f"--{name}={getattr(options, name)}" for name in ("updates", "products", "hold")]
    command = [sys.executable, __file__, f"--update={root}", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as indexer:
        assert indexer.stdin is not None
        assert indexer.stdout is not None
        if indexer.stdout.readline().strip() != "filled":
            raise SystemExit("the catalogue was not indexed")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        with _serving(root, port, options) as replica:
            url = f"http://127.0.0.1:{port}"
            requests = [
                raw_request("POST", "/v1/search", json.dumps(body).encode(), host=f"127.0.0.1:{port}")
                for body in searches(url, COLLECTION, 1_000)
            ]
            sustainable = drive("127.0.0.1", port, 4, 5.0, 1.0, requests)["qps"]
            rate = options.load * sustainable
            indexer.stdin.write("go\n")
            indexer.stdin.flush()
            generator = Generator("127.0.0.1", port, requests)
            windows, statuses, updated = [], Counter[str](), 0
            for _ in range(_WINDOWS):
                before = _cpu_seconds(replica.pid)
                answers = generator.run(rate, options.minutes * 60 / _WINDOWS)
                used = _cpu_seconds(replica.pid) - before
                statuses.update(str(answer.status) for answer in answers)
                cpu = {"cpu_ms": round(1e3 * used / max(1, len(answers)), 2)}
                done, updated = updated, _told(root)
                sizes = {"updates": updated - done} | _sizes(root, replica.pid, indexer.pid)
                windows.append(_window(answers) | cpu | sizes)
            (root / "stop").touch()
            updates = int(indexer.stdout.readline())
    return {
        "minutes": options.minutes,
        "hold_seconds": options.hold,
        "searches_per_second": round(rate, 1),
        "updates": updates,
        "statuses": dict(statuses),
        "windows": windows,
        "last_third_by_second": (ratios := _ratios(windows)),
        "grew": (grew := [name for name, most in _RATIOS.items() if ratios[name] > most]),
        "flat": not grew,
    }


@contextlib.contextmanager
def _serving(root: Path, port: int, options: argparse.Namespace) -> Any:
    local = root / "local"
    local.mkdir()
    variables = os.environ | {
        "MMPIPE_LAKE__URI": str(root / "lake"),
        "MMPIPE_LAKE__HOLD_VERSIONS_SECONDS": str(options.hold),
        "MMPIPE_SERVE__PORT": str(port),
        "TMPDIR": str(local),
    }
    with subprocess.Popen([sys.executable, "-m", "mmpipe.serve.standalone"], env=variables) as process:
        try:
            deadline = time.monotonic() + _START_SECONDS
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    if get(f"http://127.0.0.1:{port}/v1/collections")["collections"]:
                        break
                time.sleep(0.2)
            else:
                raise SystemExit("the service did not answer")
            yield process
        finally:
            process.terminate()


def _settings(root: Path, options: argparse.Namespace) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(root / "lake"), hold_versions_seconds=options.hold),
        indexing=IndexingSettings(profile="starter"),
    )


def _window(answers: list[Answer]) -> dict[str, Any]:
    taken = sorted(answer.seconds for answer in answers if answer.status == 200)
    at = {"p50_ms": 0.5, "p95_ms": 0.95}
    return {name: round(1e3 * taken[int(q * len(taken))], 2) for name, q in at.items()} if taken else {}


def _sizes(root: Path, replica: int, indexer: int) -> dict[str, Any]:
    lake = size_of(root / "lake")
    return {
        "replica_rss_mb": _memory(replica, "VmRSS"),
        "replica_anonymous_mb": _memory(replica, "RssAnon"),
        "indexer_anonymous_mb": _memory(indexer, "RssAnon"),
        "lake_files": lake["files"],
        "lake_bytes": lake["bytes"],
        "versions": sum(1 for _ in (root / "lake").rglob("*.manifest")),
        "local_files": size_of(root / "local")["files"],
    }


def _told(root: Path) -> int:
    told = root / "updates"
    return told.stat().st_size if told.exists() else 0


def _memory(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return round(int(line.split()[1]) / 1024, 1)


def _cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _ratios(windows: list[dict[str, Any]]) -> dict[str, float]:
    third = len(windows) // 3
    second, last = windows[third : 2 * third], windows[2 * third :]
    return {
        name: round(sum(w[name] for w in last) / max(1e-9, sum(w[name] for w in second)), 3)
        for name in _RATIOS
    }


if __name__ == "__main__":
    main()
