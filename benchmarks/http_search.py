"""HTTP search over an indexed lake: latency and throughput, and the object-store requests of warm queries.

    python benchmarks/http_search.py --lake ./lake [--collection NAME] [--chroma-python /path/to/python]
    python benchmarks/http_search.py --lake ./lake --changes --replicas 2 --baseline WORKTREE
    python benchmarks/http_search.py --products catalogue.parquet

Hybrid text with a filter and three facets, 20 hits with explanation, through Ray Serve, at 1 and at 8
clients; every query text is new, so no cache of query vectors helps. With ``--changes`` every run is
repeated while one changed product a second is written to a copy of the lake and published: a price, a title,
a price … The writer takes its share of the same cores. ``--baseline`` serves the same lake with another
build's code first and sends it the same queries; what writes is this build for both. No setting of the
caller's reaches a served build.

``--chroma-python`` names an interpreter that has ``chromadb``: its server then answers vector queries over
the same vectors from the same load generator. ``--count-requests`` serves a copy of the lake from moto's S3
and counts what reaches it. Prints one JSON line.
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
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.builds import HERE, Build, builds, ratio
from benchmarks.engine import Table, command, environment
from benchmarks.load import raw_request
from benchmarks.questions import live_table
from benchmarks.workload import get, post, searches
from mmpipe.serve import running
from mmpipe.serve.ray.run import free_port
from mmpipe.settings import Settings, load_settings

_ROOT = Path(__file__).resolve().parents[1]
_JOB_TIMEOUT = 600
_START_SECONDS = 600
_SPARE = 200


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
    parser.add_argument(
        "--unique", type=int, default=6_000, help="different queries a run; more than are sent"
    )
    parser.add_argument("--changes", action="store_true", help="also with one published change a second")
    parser.add_argument("--baseline", type=Path, help="a work tree of the commit to compare with")
    parser.add_argument("--work", type=Path, help="where copies of the lake are made; default: the system's")
    parser.add_argument(
        "--count-requests", action="store_true", help="serve from moto's S3 and count requests"
    )
    parser.add_argument("--chroma-python", help="an interpreter with chromadb installed")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mmpipe-bench-", dir=options.work))
        )
        lake = Path(options.lake or index(options.products, folder / "lake")).resolve()
        report = measure(lake, folder, options)
        if options.count_requests:
            report |= count_requests(configured(str(lake), options.replicas), folder, options)
        if options.chroma_python:
            report["chroma"] = chroma(lake, report["this"]["collection"], folder, options)
    print(json.dumps(report))


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


def measure(lake: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Of every build its own figures; the queries are made from what the first one serves."""
    chosen = builds(options.baseline)
    report: dict[str, Any] = {
        "benchmark": "http_search",
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "replicas": options.replicas,
    }
    bodies: list[dict[str, Any]] = []
    for build in chosen:
        table = Table("served", lake, folder)
        if options.changes:
            table = table.copy(f"{build.name}-served")
        with contextlib.ExitStack() as stack:
            if options.changes:
                stack.callback(shutil.rmtree, table.lake)
            report[build.name] = _measured(build, table, bodies, options)
        print(f"{build.name}: {json.dumps(report[build.name])}", file=sys.stderr, flush=True)
    if len(chosen) > 1:
        report["ratios"] = _ratios(report["this"], report["baseline"])
    return report


def _measured(
    build: Build, table: Table, bodies: list[dict[str, Any]], options: argparse.Namespace
) -> dict[str, Any]:
    runs = len(options.clients) * (2 if options.changes else 1)
    started = time.perf_counter()
    with serving(build, table, options.replicas) as url:
        entry = served(url, options.collection)
        start_seconds = time.perf_counter() - started
        table.collection = entry["collection"]
        if not bodies:
            bodies += searches(url, table.collection, options.unique * runs + _SPARE)
        host = urlsplit(url).netloc
        raw = [raw_request("POST", "/v1/search", json.dumps(body).encode(), host=host) for body in bodies]
        took = sorted(post(f"{url}/v1/search", body)["took_ms"] for body in bodies[-_SPARE:])
        each = iter([raw[n * options.unique : (n + 1) * options.unique] for n in range(runs)])
        report = {
            "commit": build.commit(),
            "collection": table.collection,
            "rows": entry["rows"],
            "profile": entry["profile"],
            "start_seconds": round(start_seconds, 1),
            "searcher_p50_ms": took[len(took) // 2],
            "clients": {str(n): drive(url, next(each), n, options) for n in options.clients},
        }
        if options.changes:
            with changing(table) as changes:
                figures = {str(n): drive(url, next(each), n, options) for n in options.clients}
            report["changing"] = figures
            report["changes"] = changes.published
            report["seconds_per_change"] = changes.seconds_each()
            report["changing_to_rest"] = {
                clients: {q: ratio(under[q], report["clients"][clients][q]) for q in ("p50_ms", "p99_ms")}
                for clients, under in figures.items()
            }
    return report


def _ratios(this: dict[str, Any], baseline: dict[str, Any]) -> dict[str, Any]:
    """This build to the baseline, by kind of run, clients and figure."""
    return {
        kind: {
            clients: {
                name: ratio(each[name], baseline[kind][clients][name]) for name in ("p50_ms", "p99_ms", "qps")
            }
            for clients, each in this[kind].items()
        }
        for kind in ("clients", "changing")
        if kind in this
    }


@contextlib.contextmanager
def serving(build: Build, table: Table, replicas: int) -> Iterator[str]:
    """``mmpipe serve`` by a process of the build; gives the base URL once it answers."""
    port = free_port()
    variables = build.environment(
        MMPIPE_SERVE__MIN_REPLICAS=str(replicas), MMPIPE_SERVE__MAX_REPLICAS=str(replicas)
    )
    arguments = [sys.executable, "-P", "-m", "mmpipe.cli", "serve", "--lake", str(table.lake)]
    # Ray's workers import from the folder that it was started in before anything else: not a build's.
    with subprocess.Popen(
        [*arguments, "--port", str(port)], env=variables, cwd=table.work, stdout=sys.stderr
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_served(process, url)
            yield url
        finally:
            process.terminate()


def _wait_until_served(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the service ended with {process.returncode} before it answered")
        with contextlib.suppress(OSError):  # refused, reset, or an HTTP error: not yet
            if get(f"{url}/v1/collections")["collections"]:
                return
        time.sleep(0.1)
    raise SystemExit(f"the service did not answer within {_START_SECONDS} s")


@dataclass
class Changes:
    """What was published meanwhile."""

    seconds: list[float] = field(default_factory=list)

    @property
    def published(self) -> int:
        return len(self.seconds)

    def seconds_each(self) -> float:
        """From asking the writer for a change until it is published, on average."""
        return round(sum(self.seconds) / max(1, len(self.seconds)), 3)


@contextlib.contextmanager
def changing(table: Table) -> Iterator[Changes]:
    """One changed product a second, published; later where the writer takes longer. A writer that ends on its
    own ends the benchmark."""
    changes, ended = Changes(), threading.Event()
    with subprocess.Popen(
        command("writer", str(table.lake), table.collection),
        env=environment(Build("this", HERE)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        if writer.stdout.readline().strip() != "ready":
            raise SystemExit("the writer did not start")
        thread = threading.Thread(target=_change, args=(writer, changes, ended))
        thread.start()
        try:
            yield changes
        finally:
            ended.set()
            thread.join()
            writer.stdin.close()
    if writer.returncode:
        raise SystemExit(f"the writer ended with {writer.returncode} after {changes.published} changes")


def _change(writer: subprocess.Popen[str], changes: Changes, ended: threading.Event) -> None:
    assert writer.stdin is not None
    assert writer.stdout is not None
    while not ended.is_set():
        begun = time.perf_counter()
        writer.stdin.write("title\n" if changes.published % 2 else "price\n")
        writer.stdin.flush()
        if writer.stdout.readline().strip() != "published":
            return
        took = time.perf_counter() - begun
        changes.seconds.append(took)
        ended.wait(max(0.0, 1.0 - took))


def drive(url: str, raw: Sequence[bytes], clients: int, options: argparse.Namespace) -> dict[str, Any]:
    """So many clients, by a process of its own."""
    target = urlsplit(url)
    job = {
        "host": target.hostname,
        "port": target.port,
        "clients": clients,
        "seconds": options.seconds,
        "warmup": options.warmup,
        "requests": [base64.b64encode(r).decode() for r in raw],
    }
    done = subprocess.run(
        [sys.executable, str(_ROOT / "benchmarks" / "load.py")],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_JOB_TIMEOUT,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
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


def chroma(lake: Path, collection: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The same vectors and the same number of hits from Chroma's server, vectors only."""
    from mmpipe.encoders.registry import load_exactly
    from mmpipe.lake.schema import profile_of

    table = live_table(lake, collection)
    stored = table.to_table(columns=["id", "title", "vector"], filter="NOT deleted AND vector IS NOT NULL")
    vectors = stored.column("vector").combine_chunks().flatten().to_numpy().reshape(stored.num_rows, -1)
    ids = stored.column("id").to_pylist()
    titles = [each or "" for each in stored.column("title").to_pylist()[:: max(1, len(ids) // 2_000)]]
    loaded = load_exactly(profile_of(table.schema), threads=1)
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
        figures = {str(clients): drive(url, raw, clients, options) for clients in options.clients}
        return {"rows": len(ids), "add_seconds": round(add_seconds, 1), "clients": figures}


if __name__ == "__main__":
    main()
