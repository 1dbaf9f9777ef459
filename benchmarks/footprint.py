"""What one product takes in memory and on disk, and what one upload asks of the object store.

    python benchmarks/footprint.py [--rows 41000 164000]
    python benchmarks/footprint.py --uploads 40

The first writes the products of benchmarks/synthetic_table.py, with text and image vectors, and loads them
as a replica does, in a process of its own that finds the local files made. ``resident_bytes`` is what that
process holds more afterwards, private memory only; ``mapped_bytes_each`` is of the files, which all replicas
of a node share, and ``disk_bytes_each`` of the table. The second counts S3 and SQS requests of single-product
uploads on the one-machine cloud, with the real handler and the real indexer. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.builds import COLLECTION, HERE, Build, fill


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="+", default=[41_000, 164_000])
    parser.add_argument("--uploads", type=int, default=0, help="count requests of so many uploads instead")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(_load(Path(options.load))))
        return
    if options.uploads:
        print(json.dumps(_requests(options.uploads)))
        return
    print(json.dumps({"tables": [_table(rows) for rows in options.rows]}))


def _table(rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(Build("this", HERE), folder / "lake", rows)
        disk = _size(folder / "lake")
        held: dict[str, Any] = {}
        for _ in range(2):  # the first makes the local files
            command = [sys.executable, __file__, "--load", name]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            held = json.loads(told.stdout.splitlines()[-1])
    return {"rows": rows, "disk_bytes_each": round(disk / rows)} | held


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _load(folder: Path) -> dict[str, Any]:
    from benchmarks.probe.adapter import Engine, use_one_thread
    from mmpipe.encoders.registry import load as load_encoders

    use_one_thread()
    encoders = load_encoders("starter")
    before = _private_bytes()
    engine = Engine(str(folder / "lake"), COLLECTION, str(folder / "mirror"))
    gc.collect()
    more = _private_bytes() - before
    report = {
        "process_bytes": before,
        "process_resident_bytes": _status("VmRSS") - more,
        "resident_bytes": more,
        "resident_bytes_each": round(more / engine.products),
        "mapped_bytes_each": round(_size(folder / "mirror") / engine.products),
        "profile": encoders.profile.name,
    }
    engine.close()
    return report


def _private_bytes() -> int:
    return _status("RssAnon")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this needs Linux: /proc/self/status has no " + name)


def _requests(uploads: int) -> dict[str, Any]:
    from handlers.catalogue_uploaded import build_handler
    from mmpipe.dispatch import InProcessDispatcher
    from mmpipe.encoders.registry import load
    from mmpipe.indexing import Indexer
    from mmpipe.indexing.sources.stores import stores
    from mmpipe.lake import open_lake
    from mmpipe.local.cloud import LAKE_BUCKET, UPLOADS_BUCKET, LocalCloud, client_environment
    from mmpipe.local.pump import EventPump
    from mmpipe.settings import IndexingSettings, LakeSettings, Settings, StorageSettings

    os.environ.update(client_environment())
    with tempfile.TemporaryDirectory() as folder:
        cloud = LocalCloud(Path(folder), "footprint")
        cloud.start()
        try:
            settings = Settings(
                storage=StorageSettings(endpoint_url=cloud.url),
                lake=LakeSettings(uri=f"s3://{LAKE_BUCKET}/lake"),
                indexing=IndexingSettings(profile="fake"),
            )
            indexer = Indexer(settings, open_lake(settings), load("fake"), stores(settings))
            handler = build_handler(settings.indexing, InProcessDispatcher(indexer.execute))
            pump = EventPump(cloud.sqs, cloud.queue_url, handler)
            s3 = cloud.s3()

            def put(key: str, rows: range) -> None:
                lines = [json.dumps({"id": f"p{n}", "title": f"blue shoe {n} {key}"}) for n in rows]
                s3.put_object(Bucket=UPLOADS_BUCKET, Key=f"shop/{key}", Body="\n".join(lines).encode())

            put("feeds/all.jsonl", range(500))
            pump.start()
            pump.wait_drained(120)
            before = _counts(cloud)
            for number in range(uploads):
                put(f"products/p{number}.json", range(number, number + 1))
                pump.wait_drained(60)
            after = _counts(cloud)
            pump.stop()
            indexer.close()
        finally:
            cloud.stop()
    return {
        "uploads": uploads,
        "requests_each": {n: c / uploads for n, c in sorted((after - before).items())},
    }


def _counts(cloud: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in cloud.requests()["counts"]:
        if each["service"] == "s3":  # polls of the queue go by the clock
            kind = "GET" if each["method"] in ("GET", "HEAD") else "PUT"
            found[f"{each['bucket']} {kind}"] += each["count"]
    return found


if __name__ == "__main__":
    main()
