"""Cold start of search without Ray, as a function that serves a lake would have it.

    python benchmarks/lambda_search.py [--rows 600 40000] [--profile starter] [--s3] [--starts 3]

For each size a catalogue of titles is indexed into a temporary lake; then a fresh process of
``mmpipe.serve.standalone`` is started over it with one CPU thread, and measured: process start to the first
answer of /healthz (imports, models, the live version opened and warm) in seconds and in seconds of CPU, the
first search, later searches, peak resident memory. On a busy machine the CPU seconds are the figure to read:
a function with one vCPU takes about that long. ``--s3`` puts the lake into moto's S3 on loopback, so that the
version is fetched over HTTP. What AWS adds before the process starts (placing the function, fetching the
image) cannot be measured here. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.serve.run import free_port
from mmpipe.settings import IndexingSettings, LakeSettings, Settings

_COLORS = ("red", "green", "blue", "black", "white", "yellow", "grey", "navy")
_KINDS = ("shoe", "bag", "hat", "lamp", "mug", "chair", "shirt", "jacket", "sofa", "watch")
_BRANDS = ("Acme", "Orbit", "Lumen", "Fable", "Norden")
_STAGES = """
import json, time
clock = time.process_time
t0 = clock()
import mmpipe.serve.standalone as standalone
from mmpipe.encoders import registry
from mmpipe.settings import load_settings
t1 = clock()
settings = load_settings()
registry.load(settings.indexing.profile, threads=1)
t2 = clock()
app = standalone.standalone_app(settings)
t3 = clock()
print(json.dumps({"imports": t1 - t0, "models": t2 - t1, "version": t3 - t2}))
app.state.service.close()
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[600, 40_000])
    parser.add_argument("--profile", default="starter")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--s3", action="store_true", help="the lake is in moto's S3")
    options = parser.parse_args()
    figures = {}
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder:
            lake = Path(folder) / "lake"
            index(Path(folder), lake, rows, options.profile)
            with served_from(Path(folder), lake, options.s3) as environment:
                environment["MMPIPE_INDEXING__PROFILE"] = options.profile
                figures[str(rows)] = measure(environment, options.starts) | {"lake_mb": megabytes(lake)}
    print(
        json.dumps(
            {
                "benchmark": "lambda_search",
                "profile": options.profile,
                "lake": "s3 (moto)" if options.s3 else "folder",
                "cpus": os.cpu_count(),
                "rows": figures,
            }
        )
    )


def index(folder: Path, lake: Path, rows: int, profile: str) -> None:
    """A catalogue of titles and attributes; photos would take longer here and change nothing there."""
    from mmpipe.indexing import execute_file

    feed = folder / "feed.jsonl"
    with feed.open("w") as handle:
        for n in range(rows):
            color, kind, brand = _COLORS[n % 8], _KINDS[n // 8 % 10], _BRANDS[n // 80 % 5]
            row = {
                "id": f"p{n}",
                "title": f"{brand} {color} {kind} model {n}",
                "description": f"A {color} {kind} by {brand}, made to be worn and used every day.",
                "price": f"{5 + n % 300}.00 USD",
                "brand": brand,
                "color": color,
                "product_type": f"All > {kind}",
            }
            handle.write(json.dumps(row) + "\n")
    settings = Settings(lake=LakeSettings(uri=str(lake)), indexing=IndexingSettings(profile=profile))
    record = execute_file(settings, feed, "shop", lake)
    if record.status != "done":
        raise SystemExit(f"indexing failed: {record.error}")


@contextlib.contextmanager
def served_from(folder: Path, lake: Path, s3: bool) -> Iterator[dict[str, str]]:
    """Variables of a process that searches this lake, and, for S3, the store while it does."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MMPIPE_SPEECH__RECOGNIZER": "none",
        "MMPIPE_LAKE__URI": str(lake),
    }
    if not s3:
        yield environment
        return
    from mmpipe.local.cloud import LAKE_BUCKET, LocalCloud, client_environment

    cloud = LocalCloud(folder, secrets.token_hex(8))
    os.environ.update(client_environment())
    cloud.start()
    try:
        client = cloud.s3()
        for path in lake.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), LAKE_BUCKET, f"lake/{path.relative_to(lake).as_posix()}")
        yield (
            environment
            | client_environment()
            | {
                "MMPIPE_LAKE__URI": f"s3://{LAKE_BUCKET}/lake",
                "MMPIPE_STORAGE__ENDPOINT_URL": cloud.url,
            }
        )
    finally:
        cloud.stop()


def measure(environment: dict[str, str], starts: int) -> dict[str, Any]:
    """Medians over several fresh processes, and the stages of one more."""
    runs = [one_start(environment) for _ in range(starts)]
    stages = subprocess.run(
        [sys.executable, "-c", _STAGES],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    split = json.loads(stages.stdout.splitlines()[-1])
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]} | {
        "stages_cpu_seconds": {name: round(seconds, 2) for name, seconds in split.items()}
    }


def one_start(environment: dict[str, str]) -> dict[str, float]:
    """One process from its start to its end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mmpipe.serve.standalone"],
        env=environment | {"MMPIPE_SERVE__PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        until_healthy(url, process)
        ready = time.perf_counter() - begun
        cpu = cpu_seconds(process.pid)
        first = search(url, "red shoe")
        later = [search(url, f"{color} {kind}") for color in _COLORS for kind in _KINDS[:5]]
        memory = resident(process.pid)
    finally:
        process.terminate()
        process.wait(30)
    return {
        "ready_seconds": ready,
        "ready_cpu_seconds": cpu,
        "first_query_seconds": first,
        "later_query_seconds": statistics.median(later),
        "resident_mb": memory,
    }


def until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for /healthz."""
    while process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=5):
            return
        time.sleep(0.02)
    raise SystemExit(f"the service ended with {process.returncode}")


def search(url: str, text: str) -> float:
    """Seconds of one search that finds something."""
    begun = time.perf_counter()
    with urllib.request.urlopen(f"{url}/v1/search?q={quote(text)}&facets=brand,color", timeout=60) as answer:
        page = json.loads(answer.read())
    if not page["hits"]:
        raise SystemExit(f"nothing was found for {text}")
    return time.perf_counter() - begun


def cpu_seconds(pid: int) -> float:
    """CPU that the process has used, in user mode and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Peak resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def megabytes(folder: Path) -> float:
    """Size of all files below."""
    return round(sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6, 1)


if __name__ == "__main__":
    main()
