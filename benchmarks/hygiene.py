"""What many small updates leave in a lake, once nobody needs it any more.

    python benchmarks/hygiene.py [--updates 1000] [--hot 233] [--hold 10]

A small catalogue in a folder lake, ``starter`` profile; then single-product uploads through the indexer that
the warm lane runs, one after the other: of all products in turn, and in another lake of nine hot ones.
``before`` is the lake at rest before the updates, ``after`` right after the last one, ``at_rest`` once the
last version has been held for as long as versions are (``--hold``, 120 s by default in the service). ``live``
is what the newest versions of all tables name. The bars: at rest at most three times the live bytes and ten
times the files that were there at rest before. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lance

from mmpipe.encoders import registry
from mmpipe.indexing import Indexer
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake import open_lake
from mmpipe.objects import to_uri
from mmpipe.schemas.work import CatalogueEvent, EventKind, ObjectRef, WorkOrder, run_id_of
from mmpipe.settings import IndexingSettings, LakeSettings, Settings

if TYPE_CHECKING:
    from mmpipe.encoders.registry import LoadedEncoders

COLLECTION = "shop"
HOT = 9
_WORDS = ("red", "blue", "linen", "wool", "shoe", "shirt", "dress", "belt", "summer", "running")
_MAX_BYTES, _MAX_FILES = 3, 10


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--updates", type=int, default=1_000, help="of all products in turn")
    parser.add_argument("--hot", type=int, default=233, help=f"of {HOT} products")
    parser.add_argument("--products", type=int, default=300)
    parser.add_argument("--hold", type=float, default=10.0, help="MMPIPE_LAKE__HOLD_VERSIONS_SECONDS")
    options = parser.parse_args()
    loaded = registry.load("starter")
    found: dict[str, Any] = {"products": options.products, "hold_seconds": options.hold}
    for name, updates, among in (
        ("all_in_turn", options.updates, options.products),
        ("nine_hot", options.hot, HOT),
    ):
        if updates:
            with tempfile.TemporaryDirectory() as folder:
                found[name] = _measure(Path(folder), loaded, options.products, updates, among, options.hold)
    print(json.dumps(found))


def _measure(
    root: Path, loaded: LoadedEncoders, products: int, updates: int, among: int, hold: float
) -> dict[str, Any]:
    settings = Settings(
        lake=LakeSettings(uri=str(root / "lake"), hold_versions_seconds=hold),
        indexing=IndexingSettings(profile="starter"),
    )
    shop = Shop(root, settings, loaded)
    try:
        feed = "\n".join(json.dumps(product(n, 0)) for n in range(products))
        shop.upload("feeds/all.jsonl", "feed_uploaded", feed)
        shop.indexer.drain()
        before = size_of(root / "lake")
        started = time.monotonic()
        for n in range(updates):
            changed = product(n % among, n + 1)
            shop.upload(f"products/{changed['id']}.json", "product_uploaded", json.dumps(changed))
        seconds = time.monotonic() - started
        shop.indexer.drain()
        after = size_of(root / "lake")
        time.sleep(hold + 4)
        shop.indexer.drain()
        rest = size_of(root / "lake")
        live = _live_bytes(root / "lake" / COLLECTION)
        history = len(shop.lake.collection(COLLECTION).history())
    finally:
        shop.close()
    return {
        "updates": updates,
        "updates_per_second": round(updates / seconds, 1),
        "before": before,
        "after": after,
        "at_rest": rest,
        "live_bytes": live,
        "history": history,
        "bytes_by_live": round(rest["bytes"] / live, 2),
        "files_by_before": round(rest["files"] / before["files"], 2),
        "met": rest["bytes"] <= _MAX_BYTES * live and rest["files"] <= _MAX_FILES * before["files"],
    }


class Shop:
    """A bucket in a folder, whose uploads are indexed at once."""

    def __init__(self, folder: Path, settings: Settings, loaded: LoadedEncoders | None = None) -> None:
        self.lake = open_lake(settings)
        self.indexer = Indexer(settings, self.lake, loaded or registry.load("starter"), stores(settings))
        self._root = folder / "bucket"
        self._clock = datetime.now(UTC) - timedelta(days=1)

    def close(self) -> None:
        """End its threads."""
        self.indexer.close()

    def upload(self, key: str, kind: EventKind, text: str) -> None:
        """Put an object and index it."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._clock += timedelta(seconds=1)
        ref = ObjectRef(uri=to_uri(path), event_time=self._clock, size=len(text))
        event = CatalogueEvent(kind=kind, collection=COLLECTION, object=ref)
        run_id = run_id_of(event, "starter")
        order = WorkOrder(run_id=run_id, kind=kind, collection=COLLECTION, object=ref, lane="warm")
        (outcome,) = self.indexer.execute([order])
        if outcome.status != "done":
            raise SystemExit(f"{key}: {outcome.status}: {outcome.reason}")


def product(n: int, edition: int) -> dict[str, str]:
    """A product; each edition has a price of its own."""
    words = " ".join(_WORDS[(n * step + step) % len(_WORDS)] for step in (1, 3, 7))
    return {"id": f"p{n}", "title": f"{words} {n}", "price": f"{edition + 1} USD"}


def size_of(folder: Path) -> dict[str, int]:
    """Files below a folder and their bytes, while others write there."""
    sizes = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                sizes.append(path.stat().st_size)
    return {"files": len(sizes), "bytes": sum(sizes)}


def _live_bytes(collection: Path) -> int:
    total = sum(path.stat().st_size for path in collection.iterdir() if path.is_file())
    for table in collection.glob("*.lance"):
        dataset = lance.dataset(str(table))
        named = {f"data/{file.path}" for f in dataset.get_fragments() for file in f.data_files()}
        named |= {path for f in dataset.get_fragments() if (path := f.deletion_file()) is not None}
        uuids = [str(s.uuid) for index in dataset.describe_indices() for s in index.segments]
        files = [table / name for name in named]
        files += [path for uuid in uuids for path in (table / "_indices" / uuid).rglob("*")]
        files.append(min((table / "_versions").glob("*.manifest")))
        total += sum(path.stat().st_size for path in files if path.is_file())
    return total


if __name__ == "__main__":
    main()
