"""Cold start of search without Ray, as a function that serves a lake would have it.

    python benchmarks/lambda_search.py [--rows 600 40000] [--profile starter] [--s3] [--starts 3]

For each size a catalogue of titles is indexed into a temporary lake; then a fresh process of
``mmpipe.serve.standalone`` is started over it with one CPU thread, and measured: process start to the first
answer of /healthz (imports, models, the live version fetched, opened and warm) in seconds and in seconds of
CPU, the first search, later searches, the first small upload (sent as handlers send it, until it is live),
peak resident memory. On a busy machine the CPU seconds are the figure to read: a function with one vCPU takes
about that long. ``cold_over_warm`` is the first answer of a cold function over a later one. ``--s3`` puts the
lake into moto's S3 on loopback, so that the version is fetched over HTTP. What AWS adds before the process
starts (placing the function, fetching the image) cannot be measured here. Prints one JSON line.
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.serve.ray.run import free_port
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
            size = megabytes(lake)
            with served_from(Path(folder), lake, options.s3) as (environment, feed):
                environment["MMPIPE_INDEXING__PROFILE"] = options.profile
                figures[str(rows)] = measure(environment, feed, options.starts) | {"lake_mb": size}
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
def served_from(folder: Path, lake: Path, s3: bool) -> Iterator[tuple[dict[str, str], str]]:
    """Variables of a process that searches this lake, and the address of a feed of one new product.

    For S3 the store is there meanwhile.
    """
    from mmpipe.local.cloud import LAKE_BUCKET, UPLOADS_BUCKET, LocalCloud, client_environment

    new = folder / "shop" / "feeds" / "new.jsonl"
    new.parent.mkdir(parents=True)
    new.write_text(json.dumps({"id": "new", "title": "Violet umbrella", "price": "5.00 USD"}) + "\n")
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MMPIPE_DISPATCH__TOKEN": secrets.token_hex(16),
        "MMPIPE_SPEECH__RECOGNIZER": "none",
        "MMPIPE_LAKE__URI": str(lake),
        "MMPIPE_INDEXING__UPLOADS_URI": f"s3://{UPLOADS_BUCKET}" if s3 else str(folder),
    }
    if not s3:
        yield environment, new.as_uri()
        return
    cloud = LocalCloud(folder, secrets.token_hex(8))
    os.environ.update(client_environment())
    cloud.start()
    try:
        client = cloud.s3()
        for path in lake.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), LAKE_BUCKET, f"lake/{path.relative_to(lake).as_posix()}")
        client.upload_file(str(new), UPLOADS_BUCKET, "shop/feeds/new.jsonl")
        there = {"MMPIPE_LAKE__URI": f"s3://{LAKE_BUCKET}/lake", "MMPIPE_STORAGE__ENDPOINT_URL": cloud.url}
        yield environment | client_environment() | there, f"s3://{UPLOADS_BUCKET}/shop/feeds/new.jsonl"
    finally:
        cloud.stop()


def measure(environment: dict[str, str], feed: str, starts: int) -> dict[str, Any]:
    """Medians over several fresh processes, the stages of one more, and the first upload to another."""
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
    medians = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
    cold = medians["ready_cpu_seconds"] + medians["first_query_seconds"]
    return {
        **medians,
        "cold_over_warm": round(cold / medians["later_query_seconds"]),
        "stages_cpu_seconds": {name: round(seconds, 2) for name, seconds in split.items()},
        **one_upload(environment, feed),
    }


def one_start(environment: dict[str, str]) -> dict[str, float]:
    """One process from its start to its end."""
    with service(environment) as (process, url, begun):
        ready = time.perf_counter() - begun
        cpu = cpu_seconds(process.pid)
        first = search(url, "red shoe")
        later = [search(url, f"{color} {kind}") for color in _COLORS for kind in _KINDS[:5]]
        memory = resident(process.pid)
    return {
        "ready_seconds": ready,
        "ready_cpu_seconds": cpu,
        "first_query_seconds": first,
        "later_query_seconds": statistics.median(later),
        "resident_mb": memory,
    }


def one_upload(environment: dict[str, str], feed: str) -> dict[str, float]:
    """The first upload to a process that has just started: until it is live, and what it costs."""
    from mmpipe.events import plan
    from mmpipe.schemas.work import CatalogueEvent, ObjectRef
    from mmpipe.settings import IndexingSettings

    upload = ObjectRef(uri=feed, etag="new", size=100, event_time=datetime.now(UTC))
    event = CatalogueEvent(kind="feed_uploaded", collection="shop", object=upload)
    order = plan(event, IndexingSettings(profile=environment["MMPIPE_INDEXING__PROFILE"]))
    if order is None:
        raise SystemExit("the upload is nobody's work")
    body = json.dumps({"orders": [order.model_dump(mode="json")]}).encode()
    headers = {
        "Authorization": f"Bearer {environment['MMPIPE_DISPATCH__TOKEN']}",
        "Content-Type": "application/json",
    }
    with service(environment) as (process, url, _):
        before, begun = cpu_seconds(process.pid), time.perf_counter()
        request = urllib.request.Request(f"{url}/internal/v1/work", body, headers)
        with urllib.request.urlopen(request, timeout=300) as answer:
            (outcome,) = json.loads(answer.read())["outcomes"]
        took, cpu = time.perf_counter() - begun, cpu_seconds(process.pid) - before
        memory = resident(process.pid)
    if outcome["status"] != "done":
        raise SystemExit(f"the upload failed: {outcome}")
    return {
        "first_upload_seconds": round(took, 2),
        "first_upload_cpu_seconds": round(cpu, 2),
        "indexing_resident_mb": round(memory),
    }


@contextlib.contextmanager
def service(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], str, float]]:
    """A fresh process that is ready, its address, and when it was started."""
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
        yield process, url, begun
    finally:
        process.terminate()
        process.wait(30)


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
