"""How long a lost collection takes to come back: ``infra/restore.py`` on a versioned bucket, then a replica.

    python benchmarks/recovery.py [--products 42662] [--uploads 40]

One feed of texts and then single-product uploads into a lake on the one-machine cloud, with versions kept
and the ``starter`` profile. Then every object of the collection is deleted and brought back. ``list_seconds``
is the look at what would be done, ``restore_seconds`` the look and all copies, ``replica_seconds`` what a
replica with an empty disk needs until it can answer, ``rollback_seconds`` a rollback until that replica
follows it. The store is one Python process: S3 answers more requests at once. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpipe.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = "shop"
_WORDS = ("red", "blue", "linen", "wool", "shoe", "shirt", "dress", "belt", "summer", "running")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--products", type=int, default=42_662)
    parser.add_argument("--uploads", type=int, default=40)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "infra")]
    print(json.dumps(_measure(options.products, options.uploads)))


def _measure(products: int, uploads: int) -> dict[str, Any]:
    from mmpipe.local.cloud import LAKE_BUCKET, LocalCloud, client_environment
    from mmpipe.settings import IndexingSettings, LakeSettings, Settings, StorageSettings

    os.environ.update(client_environment())
    with tempfile.TemporaryDirectory() as folder:
        cloud = LocalCloud(Path(folder), "restore")
        cloud.start()
        try:
            os.environ["AWS_ENDPOINT_URL"] = cloud.url
            s3 = cloud.s3()
            s3.put_bucket_versioning(Bucket=LAKE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
            settings = Settings(
                storage=StorageSettings(endpoint_url=cloud.url),
                lake=LakeSettings(uri=f"s3://{LAKE_BUCKET}/lake"),
                indexing=IndexingSettings(profile="starter", workers=1),
            )
            _fill(settings, Path(folder), products, uploads)
            return _drill(settings, s3, LAKE_BUCKET, products)
        finally:
            cloud.stop()


def _fill(settings: Settings, folder: Path, products: int, uploads: int) -> None:
    from mmpipe.encoders.registry import load
    from mmpipe.indexing import execute_file

    loaded = load("starter", threads=1)
    feeds = [("all", range(products)), *((f"change-{n}", range(n, n + 1)) for n in range(uploads))]
    for name, ids in feeds:
        feed = folder / f"{name}.jsonl"
        feed.write_text("".join(_product(n, name) for n in ids))
        record = execute_file(settings, feed, COLLECTION, loaded=loaded)
        if record.status != "done":
            raise SystemExit(f"indexing {name}: {record.error}")


def _product(n: int, feed: str) -> str:
    words = " ".join(_WORDS[(n // 10**k) % len(_WORDS)] for k in range(5))
    fields = {"id": f"p{n}", "title": f"{words} {n} {feed}", "brand": f"b{n % 50}"}
    return json.dumps(fields | {"price": f"{n % 90 + 5}.99 USD"}) + "\n"


def _drill(settings: Settings, s3: Any, bucket: str, products: int) -> dict[str, Any]:
    import restore

    from mmpipe.lake import open_lake
    from mmpipe.search import LiveVersions

    prefix = f"lake/{COLLECTION}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    held = [each for page in pages for each in page.get("Contents", ())]
    whole = datetime.now(UTC)
    # Versions are dated by the second: what is deleted must lie in a later one.
    time.sleep(1.1 - whole.microsecond / 1e6)
    for start in range(0, len(held), 1_000):
        keys = [{"Key": each["Key"]} for each in held[start : start + 1_000]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    assert open_lake(settings).collection(COLLECTION).live() is None
    took: dict[str, float] = {}
    words = [f"s3://{bucket}/{prefix}", "--at", whole.isoformat()]
    for name, arguments in (("list_seconds", words), ("restore_seconds", [*words, "--apply"])):
        with _seconds(took, name), contextlib.redirect_stdout(io.StringIO()):
            if restore.main(arguments) != 0:
                raise SystemExit("the restore failed")
    lake = open_lake(settings)
    store = LiveVersions(settings, lake)
    try:
        with _seconds(took, "replica_seconds"):
            store.start()
            snapshot = store.get(COLLECTION)
        assert len(snapshot) == products, len(snapshot)
        with _seconds(took, "rollback_seconds"):
            lake.collection(COLLECTION).rollback()
            while store.get(COLLECTION) is snapshot:
                time.sleep(0.01)
    finally:
        store.close()
    megabytes = round(sum(each["Size"] for each in held) / 1e6, 1)
    return {"products": products, "objects": len(held), "mb": megabytes, "dim": snapshot.profile.dim} | took


@contextlib.contextmanager
def _seconds(took: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    took[name] = round(time.perf_counter() - started, 2)


if __name__ == "__main__":
    main()
