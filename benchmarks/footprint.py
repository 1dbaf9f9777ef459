"""What one product takes in memory and on disk, and what one upload asks of the object store.

    python benchmarks/footprint.py [--rows 41000 164000] [--dim 256]
    python benchmarks/footprint.py --uploads 40

The first writes synthetic tables (products of benchmarks/searcher.py, text and image vectors) and loads each
as a replica does, in a process of its own; ``resident_bytes`` is what that process holds more afterwards,
private memory only. The second counts S3 and SQS requests of single-product uploads on the one-machine cloud,
with the real handler and the real indexer. Prints one JSON line.
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

_COMMIT_ROWS = 8_192  # as the batch lane commits


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="+", default=[41_000, 164_000])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--uploads", type=int, default=0, help="count requests of so many uploads instead")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        print(json.dumps(_load(options.load)))
        return
    if options.uploads:
        print(json.dumps(_requests(options.uploads)))
        return
    print(json.dumps({"dim": options.dim, "tables": [_table(n, options.dim) for n in options.rows]}))


def _table(rows: int, dim: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        _write(rows, dim, folder)
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        command = [sys.executable, __file__, "--load", folder]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        held = json.loads(told.stdout.splitlines()[-1])
    return {"rows": rows, "disk_bytes_each": round(disk / rows)} | held


def _write(rows: int, dim: int, folder: str) -> None:
    import lance
    import numpy as np

    from benchmarks import searcher
    from mmpipe.encoders.base import EncoderInfo, FusionInfo, Profile

    rng = np.random.default_rng(7)
    profile = Profile(
        name="bench",
        dim=dim,
        encoders={m: EncoderInfo(f"bench-{m}", "1", m, dim) for m in ("text", "image")},
        fusion=FusionInfo("weighted_mean", "1", {"text": 1.0, "image": 1.0}),
    )
    centres = rng.standard_normal((300, dim))
    products = list(searcher._drawn(rows, rng))
    for start in range(0, rows, _COMMIT_ROWS):
        part = products[start : start + _COMMIT_ROWS]
        lance.write_dataset(searcher._table(part, profile, centres, rng), folder, mode="append")


def _load(folder: str) -> dict[str, Any]:
    import lance
    import torch

    from mmpipe.encoders.registry import load as load_encoders
    from mmpipe.search.snapshot import load

    torch.set_num_threads(1)
    encoders = load_encoders("starter")
    before = _private_bytes()
    snapshot = load(lance.dataset(folder), collection="bench", table="products", exact_rows=100_000)
    gc.collect()
    more = _private_bytes() - before
    return {
        "process_bytes": before,
        "process_resident_bytes": _status("VmRSS") - more,
        "resident_bytes": more,
        "resident_bytes_each": round(more / len(snapshot)),
        "block_bytes_each": round(snapshot.nbytes / len(snapshot)),
        "profile": encoders.profile.name,
    }


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
