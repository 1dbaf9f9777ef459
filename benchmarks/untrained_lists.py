"""``for_you`` of a shop that trained nothing, on real behaviour: leave-last-out, all items ranked.

    python benchmarks/untrained_lists.py --items ITEMS.jsonl --interactions FILE [--users 2773]

Files as in benchmarks/personalised_search.py. Every shopper's items but the last are views a day apart, in
the log of all shoppers; the list is asked as a shop would, with what was seen left out and neither diversity
nor exploration. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.personalised_search import product
from mmpipe.indexing import execute_file
from mmpipe.lake import open_lake
from mmpipe.lake.interactions import SCHEMA
from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import Behaviour, Shopper
from mmpipe.schemas.recommend import RecommendationsRequest
from mmpipe.search import LiveVersions, Version
from mmpipe.settings import LakeSettings, Settings

_NOW = 1_800_000_000.0
_DAY = 86_400.0
_ASKED = RecommendationsRequest(kind="for_you", limit=10, diversity=0.0, explore=0.0, explain=False)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--interactions", type=Path, required=True)
    parser.add_argument("--users", type=int, default=2_773)
    options = parser.parse_args()
    shoppers = histories(options.interactions)
    with indexed(options.items) as (items, version):
        report = _measured(version, shoppers, options.users)
    print(json.dumps({"items": items, **report}))


def histories(interactions: Path) -> list[list[str]]:
    """The items of each shopper who has more than two, in their order."""
    lines = interactions.read_text("utf-8").splitlines()
    return [words[1:] for words in map(str.split, lines) if len(words) > 3]


@contextmanager
def indexed(items: Path) -> Iterator[tuple[int, Version]]:
    """How many products ``items`` has, and a version of them in a lake that goes afterwards."""
    rows = [json.loads(line) for line in items.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(lake=LakeSettings(uri=str(Path(folder) / "lake")))
        feed = Path(folder) / "items.jsonl"
        feed.write_text("".join(json.dumps(product(row)) + "\n" for row in rows), "utf-8")
        execute_file(settings, feed, "shop")
        store = LiveVersions(settings, open_lake(settings))
        try:
            yield len(rows), store.get("shop")
        finally:
            store.close()


def _measured(version: Version, shoppers: list[list[str]], count: int) -> dict[str, Any]:
    behaviour = Behaviour(clock=lambda: _NOW)
    behaviour.add(_log(shoppers))
    known, lists = Knowledge(behaviour, None, _NOW), Lists()
    asked = random.Random(7).sample(range(len(shoppers)), min(count, len(shoppers)))
    gains, hits, milliseconds = [], [], []
    for number in asked:
        started = time.perf_counter()
        answer = lists.answer_json(version, _ASKED, Shopper(f"u{number}", None), known)
        milliseconds.append((time.perf_counter() - started) * 1e3)
        shown = [item["id"] for item in json.loads(answer)["lists"][0]["items"]]
        target = shoppers[number][-1]
        gains.append(1 / math.log2(shown.index(target) + 2) if target in shown else 0.0)
        hits.append(float(target in shown))
    return {
        "users": len(asked),
        "events": behaviour.event_count,
        "ndcg@10": round(fmean(gains), 4),
        "hr@10": round(fmean(hits), 4),
        "ms_p50": round(median(milliseconds), 2),
    }


def _log(shoppers: list[list[str]]) -> pa.Table:
    rows = [
        (f"{number}-{place}", f"u{number}", item, _NOW - _DAY * (len(history) - place))
        for number, history in enumerate(shoppers)
        for place, item in enumerate(history[:-1])
    ]
    return viewed(rows)


def viewed(rows: Sequence[tuple[str, str, str, float]]) -> pa.Table:
    """Views as the log holds them: the event's id, who, which product, when in seconds of Unix."""
    moments = [datetime.fromtimestamp(moment, UTC) for *_, moment in rows]
    columns: dict[str, list[Any]] = {name: [None] * len(rows) for name in SCHEMA.names}
    columns |= {"event_id": [row[0] for row in rows], "user": [row[1] for row in rows]}
    columns |= {"product_id": [row[2] for row in rows], "type": ["view"] * len(rows)}
    columns |= {"occurred_at": moments, "received_at": moments}
    return pa.table([pa.array(columns[each.name], each.type) for each in SCHEMA], schema=SCHEMA)


if __name__ == "__main__":
    main()
