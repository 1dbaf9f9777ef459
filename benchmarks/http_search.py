"""HTTP search over an indexed lake: latency and throughput, and the object-store requests of warm queries.

    python benchmarks/http_search.py --lake ./lake [--collection NAME] [--chroma-python /path/to/python]
    python benchmarks/http_search.py --products catalogue.parquet

Hybrid text with a filter and three facets, 20 hits with explanation, through Ray Serve, at 1 and at 8
clients; every query text is new, so no cache of query vectors helps. ``--chroma-python`` names an
interpreter that has ``chromadb``: its server then answers vector queries over the same vectors from the
same load generator. ``--count-requests`` serves a copy of the lake from moto's S3 and counts what reaches
it. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.load import raw_request
from benchmarks.workload import get, post, searches
from mmpipe.serve import running
from mmpipe.serve.ray.run import free_port
from mmpipe.settings import Settings, load_settings

_ROOT = Path(__file__).resolve().parents[1]
_JOB_TIMEOUT = 600


def main() -> None:
    """Run what was asked for and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--lake", help="a folder with an indexed collection")
    source.add_argument("--products", help="a product file; it is indexed into a temporary lake first")
    parser.add_argument("--collection", help="needed where the lake holds several")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warmup", type=float, default=2.0)
    parser.add_argument("--replicas", type=int, default=1, help="query replicas, fixed")
    parser.add_argument("--unique", type=int, default=12_000, help="different queries; more than are sent")
    parser.add_argument(
        "--count-requests", action="store_true", help="serve from moto's S3 and count requests"
    )
    parser.add_argument("--chroma-python", help="an interpreter with chromadb installed")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmpipe-bench-")))
        lake = options.lake or index(options.products, folder / "lake")
        settings = configured(str(Path(lake).resolve()), options.replicas)
        result = measure(settings, options)
        if options.count_requests:
            result |= count_requests(settings, folder, options)
        if options.chroma_python:
            result["chroma"] = chroma(settings, folder, options)
    print(json.dumps(result))


def configured(lake: str, replicas: int) -> Settings:
    """Settings of the environment with this lake, a free port and a fixed number of replicas."""
    base = load_settings()
    return base.model_copy(
        update={
            "lake": base.lake.model_copy(update={"uri": lake}),
            "serve": base.serve.model_copy(
                update={"port": free_port(), "min_replicas": replicas, "max_replicas": replicas}
            ),
        }
    )


def index(products: str, lake: Path) -> str:
    """Index a file as ``mmpipe index`` does."""
    from mmpipe.indexing import execute_file

    record = execute_file(load_settings(), Path(products).resolve(), "catalogue", lake)
    if record.status != "done":
        raise SystemExit(f"indexing failed: {record.error}")
    return str(lake)


def served(url: str, collection: str | None) -> dict[str, Any]:
    """The collection under test as the service reports it."""
    entries = get(f"{url}/v1/collections")["collections"]
    chosen = [entry for entry in entries if collection in (None, entry["collection"])]
    if len(chosen) != 1:
        raise SystemExit(f"--collection must name one of {[entry['collection'] for entry in entries]}")
    entry: dict[str, Any] = chosen[0]
    return entry


def measure(settings: Settings, options: argparse.Namespace) -> dict[str, Any]:
    """The service's own figures."""
    started = time.perf_counter()
    with running(settings) as url:
        start_seconds = time.perf_counter() - started
        entry = served(url, options.collection)
        bodies = searches(url, entry["collection"], options.unique)
        host = urlsplit(url).netloc
        raw = [raw_request("POST", "/v1/search", json.dumps(body).encode(), host=host) for body in bodies]
        took = sorted(post(f"{url}/v1/search", body)["took_ms"] for body in bodies[-200:])
        figures = drive(url, raw[:-200], options)
    return {
        "benchmark": "http_search",
        "rows": entry["rows"],
        "profile": entry["profile"],
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "replicas": options.replicas,
        "start_seconds": round(start_seconds, 1),
        "searcher_p50_ms": took[len(took) // 2],
        "clients": figures,
    }


def drive(url: str, raw: Sequence[bytes], options: argparse.Namespace) -> dict[str, Any]:
    """The same requests at each number of clients, each run in its own process and on its own share."""
    target = urlsplit(url)
    share = len(raw) // len(options.clients)
    figures = {}
    for n, clients in enumerate(options.clients):
        job = {
            "host": target.hostname,
            "port": target.port,
            "clients": clients,
            "seconds": options.seconds,
            "warmup": options.warmup,
            "requests": [base64.b64encode(r).decode() for r in raw[n * share : (n + 1) * share]],
        }
        done = subprocess.run(
            [sys.executable, str(_ROOT / "benchmarks" / "load.py")],
            input=json.dumps(job),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=_JOB_TIMEOUT,
        )
        figures[str(clients)] = json.loads(done.stdout)
    return figures


def count_requests(settings: Settings, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Requests at moto's S3 while 100 warm queries are answered from a lake in it."""
    from mmpipe.local.cloud import LAKE_BUCKET, LocalCloud, client_environment

    cloud = LocalCloud(folder, secrets.token_hex(8))
    os.environ.update(client_environment())
    cloud.start()
    try:
        root = Path(settings.lake.uri)
        s3 = cloud.s3()
        for path in root.rglob("*"):
            if path.is_file():
                s3.upload_file(str(path), LAKE_BUCKET, f"lake/{path.relative_to(root).as_posix()}")
        in_s3 = settings.model_copy(
            update={
                "lake": settings.lake.model_copy(update={"uri": f"s3://{LAKE_BUCKET}/lake"}),
                "storage": settings.storage.model_copy(update={"endpoint_url": cloud.url}),
                "serve": settings.serve.model_copy(update={"port": free_port()}),
            }
        )
        with running(in_s3) as url:
            collection = served(url, options.collection)["collection"]
            bodies = searches(url, collection, 150)
            for body in bodies[100:]:
                post(f"{url}/v1/search", body)
            before = _tally(cloud.requests())
            begun = time.perf_counter()
            for body in bodies[:100]:
                post(f"{url}/v1/search", body)
            seconds = time.perf_counter() - begun
            after = _tally(cloud.requests())
    finally:
        cloud.stop()
    return {
        "warm_queries": 100,
        "object_requests": after["data"] - before["data"],
        "live_checks": after["live"] - before["live"],
        "warm_seconds": round(seconds, 2),
    }


def _tally(report: dict[str, Any]) -> dict[str, int]:
    """Requests to the lake's bucket: ``live`` version checks, and everything else."""
    tally = {"data": 0, "live": 0}
    for entry in report["counts"]:
        if entry["service"] == "s3":
            tally[entry["kind"]] += entry["count"]
    return tally


@contextlib.contextmanager
def chroma_server(python: str, folder: Path) -> Iterator[str]:
    """Chroma's own server on a free port."""
    port = free_port()
    command = shutil.which("chroma", path=str(Path(python).parent)) or str(Path(python).parent / "chroma")
    arguments = [command, "run", "--path", str(folder / "chroma"), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                get(f"{url}/api/v2/heartbeat")
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit("Chroma's server did not start within 30 s")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def chroma(settings: Settings, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The same vectors and the same number of hits from Chroma's server, vectors only."""
    from mmpipe.encoders.registry import load_exactly
    from mmpipe.lake import open_lake
    from mmpipe.search import LiveVersions

    with LiveVersions(settings, open_lake(settings)) as store:
        snapshot = store.get(options.collection)
        vectors, _ = snapshot.vectors["vector"].gather(snapshot.live_rows)
        ids = [snapshot.text("id", row) for row in snapshot.live_rows.tolist()]
        titles = [
            snapshot.text("title", row) or ""
            for row in snapshot.live_rows[:: max(1, len(ids) // 2_000)].tolist()
        ]
        loaded = load_exactly(snapshot.profile, threads=1)
        queries = loaded.encoders["text"].embed_documents(titles)
    with chroma_server(options.chroma_python, folder) as url:
        base = f"{url}/api/v2/tenants/default_tenant/databases/default_database/collections"
        created = post(base, {"name": "bench", "configuration": {"hnsw": {"space": "cosine"}}})
        begun = time.perf_counter()
        for start in range(0, len(ids), 2_000):
            part = slice(start, start + 2_000)
            post(f"{base}/{created['id']}/add", {"ids": ids[part], "embeddings": vectors[part].tolist()})
        add_seconds = time.perf_counter() - begun
        path = urlsplit(f"{base}/{created['id']}/query").path
        bodies = [
            {"query_embeddings": [q.tolist()], "n_results": 20, "include": ["distances"]} for q in queries
        ]
        host = urlsplit(url).netloc
        raw = [raw_request("POST", path, json.dumps(body).encode(), host=host) for body in bodies]
        return {"rows": len(ids), "add_seconds": round(add_seconds, 1), "clients": drive(url, raw, options)}


if __name__ == "__main__":
    main()
