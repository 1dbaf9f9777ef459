"""Lists for shoppers of whom little is known, on real behaviour: leave-last-out, all items ranked.

    python benchmarks/new_shoppers.py --items ITEMS.jsonl --interactions FILE [--users 500]

Files as in benchmarks/personalised_search.py. Of the shoppers who are asked the log holds no event, or their
latest one or two of a minute ago; of all others everything but the last item. Nothing was trained, what was
seen is left out, neither diversity nor exploration takes part. Prints one JSON line: NDCG@10 by the number of
events that were known and by kind of list.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from pathlib import Path
from statistics import fmean

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.untrained_lists import histories, indexed, viewed
from mmpipe.recommend import Knowledge, Lists
from mmpipe.recommend.behaviour import Behaviour, Shopper
from mmpipe.schemas.recommend import RecommendationsRequest
from mmpipe.search import Version

_NOW = 1_800_000_000.0
_DAY = 86_400.0
_KINDS = ("for_you", "session", "trending", "popular")
_KNOWN = (0, 1, 2)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--interactions", type=Path, required=True)
    parser.add_argument("--users", type=int, default=500)
    options = parser.parse_args()
    shoppers = histories(options.interactions)
    asked = random.Random(7).sample(range(len(shoppers)), min(options.users, len(shoppers)))
    with indexed(options.items) as (items, version):
        report = {str(known): _measured(version, shoppers, asked, known) for known in _KNOWN}
    print(json.dumps({"items": items, "users": len(asked), "ndcg@10": report}))


def _measured(version: Version, shoppers: list[list[str]], asked: list[int], known: int) -> dict[str, float]:
    behaviour = Behaviour(clock=lambda: _NOW)
    behaviour.add(_log(shoppers, set(asked), known))
    knowledge, lists = Knowledge(behaviour, None, _NOW), Lists()
    found = {}
    for kind in _KINDS:
        request = RecommendationsRequest(kind=kind, limit=10, diversity=0.0, explore=0.0, explain=False)
        gains = []
        for number in asked:
            answer = lists.answer_json(version, request, Shopper(f"u{number}", None), knowledge)
            shown = [item["id"] for item in json.loads(answer)["lists"][0]["items"]]
            target = shoppers[number][-1]
            gains.append(1 / math.log2(shown.index(target) + 2) if target in shown else 0.0)
        found[kind] = round(fmean(gains), 4)
    return found


def _log(shoppers: list[list[str]], asked: set[int], known: int) -> pa.Table:
    rows = []
    for number, history in enumerate(shoppers):
        events, pause = history[:-1], _DAY
        if number in asked:
            events, pause = events[len(events) - min(known, len(events)) :], 60.0
        rows += [
            (f"{number}-{place}", f"u{number}", item, _NOW - pause * (len(events) - place))
            for place, item in enumerate(events)
        ]
    return viewed(rows)


if __name__ == "__main__":
    main()
