"""Searches that lean to a shopper's taste, held against the same searches without, on real behaviour.

    python benchmarks/personalised_search.py --items ITEMS.jsonl --interactions FILE [--users 2000]

``ITEMS`` has one JSON object a line (id, title, description, brand, categories), ``FILE`` one shopper a line:
``user item item …`` in order of time. The catalogue is indexed by the real pipeline. Every shopper searches
for the name of the last category of the item that came last; the taste is made of the items before. What
counts is where that item stands. ``--weights`` are tried beside none. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.evaluate.metrics import ndcg_at_k
from mmpipe.indexing import execute_file
from mmpipe.lake import open_lake
from mmpipe.lake.model_loading import load_profile
from mmpipe.recommend.kinds.past import FADING, Past, liking
from mmpipe.schemas.interaction import EVENT_TYPES
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import LiveVersions, Searcher, Version, encode
from mmpipe.search.asked import Asked
from mmpipe.search.find.taste import Taste
from mmpipe.settings import LakeSettings, Settings

_NOW = 1_800_000_000.0
_HOUR = 3_600.0
_DEPTH = 100


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--interactions", type=Path, required=True)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--weights", type=float, nargs="+", default=[0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
    options = parser.parse_args()
    items = {str(row["id"]): row for row in map(json.loads, options.items.read_text("utf-8").splitlines())}
    lines = options.interactions.read_text("utf-8").splitlines()
    shoppers = [line.split()[1:] for line in lines if len(line.split()) > 2]
    shoppers = random.Random(7).sample(shoppers, min(options.users, len(shoppers)))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(lake=LakeSettings(uri=str(Path(folder) / "lake")))
        feed = Path(folder) / "items.jsonl"
        feed.write_text("".join(json.dumps(product(row)) + "\n" for row in items.values()), "utf-8")
        record = execute_file(settings, feed, "shop")
        loaded = load_profile(settings.indexing.profile, settings)
        store = LiveVersions(settings, open_lake(settings))
        try:
            version = store.get("shop")
            searcher = Searcher(loaded.profile, settings.serve)
            asked = [found for history in shoppers if (found := _asked(version, items, history)) is not None]
            rows = {}
            for weight in (0.0, *options.weights):
                rows[f"{weight:g}"] = _measured(version, searcher, loaded, asked, weight)
        finally:
            store.close()
    print(json.dumps({"items": record.indexed, "searches": len(asked), "by_weight": rows}))


def product(row: dict[str, Any]) -> dict[str, Any]:
    """An item as a row of a feed."""
    labels = [label.strip() for label in (row.get("categories") or "").split(",") if label.strip()]
    found = {
        "id": str(row["id"]),
        "title": (row.get("title") or "").strip()[:150] or f"item {row['id']}",
        "description": (row.get("description") or "")[:2_000],
        "brand": row.get("brand") or None,
        "product_type": " > ".join(label.replace(">", "/") for label in labels) or None,
    }
    return {name: value for name, value in found.items() if value}


def _asked(version: Version, items: dict[str, Any], history: list[str]) -> tuple[str, str, Past] | None:
    """What one shopper searches for, what they look for, and what they did before."""
    target = history[-1]
    labels = [
        each.strip() for each in (items.get(target, {}).get("categories") or "").split(",") if each.strip()
    ]
    found = [row for each in history[:-1] if (row := version.find(each)) is not None]
    if not labels or not found or version.find(target) is None:
        return None
    count = len(found)
    times = _NOW - _HOUR * np.arange(count, 0, -1, dtype=np.float64)
    views = np.full(count, EVENT_TYPES.index("view"), np.uint8)
    return labels[-1], target, Past(np.array(found, np.int32), views, times, np.ones(count))


def _measured(
    version: Version, searcher: Searcher, loaded: Any, asked: list[tuple[str, str, Past]], weight: float
) -> dict[str, float]:
    ndcg, hits, milliseconds = [], [], []
    for words, target, past in asked:
        request = SearchRequest(text=words, limit=_DEPTH, explain=False)
        query = encode(request, loaded, {})
        started = time.perf_counter()
        liked = liking(version, past, _NOW, FADING) if weight else None
        taste = None if liked is None else Taste.of(liked.vector, weight)
        found = json.loads(searcher.answer(version, request, query, Asked(taste)).body)
        milliseconds.append((time.perf_counter() - started) * 1e3)
        ranked = [hit["id"] for hit in found["hits"]]
        ndcg.append(ndcg_at_k(ranked, {target}, 10))
        hits.append(float(target in ranked[:10]))
    return {
        "ndcg@10": round(fmean(ndcg), 4),
        "hr@10": round(fmean(hits), 4),
        "ms_p50": round(median(milliseconds), 3),
    }


if __name__ == "__main__":
    main()
