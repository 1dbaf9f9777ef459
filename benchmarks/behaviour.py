"""A shop's behaviour in memory: what it takes to load, to hold, to ask and to add to.

    python benchmarks/behaviour.py [--events 2000000] [--items 42662] [--users 100000]

The events of benchmarks/synthetic_events.py. ``load_seconds`` is one table in memory, ``log_seconds`` a
follower that reads the same events from a lake in a folder, in segments of 20,000. Questions are drawn as
shoppers come: a history by its user's number of events, an item by its own. ``tick_ms`` is how long another
thread of Python had to wait between two looks at its clock while the base was made anew, above what it waits
when nothing else runs. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import synthetic_events
from mmpipe.lake import open_lake
from mmpipe.recommend.behaviour import Behaviour, BehaviourFollower, Shopper
from mmpipe.settings import LakeSettings, Settings

_SEGMENT = 20_000
_ASKED, _ADDED = 2_000, 20_000
_HALF_LIFE = 7 * 86_400.0


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--items", type=int, default=42_662)
    parser.add_argument("--users", type=int, default=100_000)
    options = parser.parse_args()
    now = time.time()
    events = synthetic_events.draw(options.events + _ADDED, items=options.items, users=options.users, now=now)
    rows = synthetic_events.table(events, synthetic_events.item_ids(options.items))
    held, coming = rows.slice(0, options.events), rows.slice(options.events)

    before = _resident()
    started = time.perf_counter()
    behaviour = Behaviour()
    behaviour.add(held)
    load_seconds = time.perf_counter() - started
    figures: dict[str, Any] = {
        "events": behaviour.event_count,
        "items": behaviour.items,
        "load_seconds": round(load_seconds, 2),
        "bytes_per_million": round(behaviour.nbytes * 1e6 / behaviour.event_count),
        "peak_growth_mb": round((_resident() - before) / 1e6),
    }
    rng = np.random.default_rng(11)
    asked = rng.integers(0, options.events, _ASKED)
    figures |= _questions(behaviour, events, asked, now)
    figures["add_per_second"] = {str(size): _adding(behaviour, coming, size) for size in (10, 100)}
    figures["with_recent"] = _questions(behaviour, events, asked, now)
    figures["tick_ms"] = _ticks(behaviour)
    figures["log_seconds"] = _followed(held, options.events)
    print(json.dumps(figures))


def _questions(behaviour: Behaviour, events: Any, asked: Any, now: float) -> dict[str, Any]:
    items = [behaviour.code(f"item-{item:06d}") or 0 for item in events.item[asked].tolist()]
    shoppers = [
        Shopper(
            synthetic_events.pseudonym("user", user) if user >= 0 else None,
            synthetic_events.pseudonym("session", session),
        )
        for user, session in zip(events.user[asked].tolist(), events.session[asked].tolist(), strict=True)
    ]
    return {
        "history_ms": _timed(behaviour.history, shoppers),
        "purchased_ms": _timed(behaviour.purchased, shoppers),
        "bought_together_ms": _timed(lambda item: behaviour.together(item, kind="bought"), items),
        "viewed_together_ms": _timed(lambda item: behaviour.together(item, kind="viewed"), items),
        "trending_ms": _timed(lambda _: behaviour.trending(now, _HALF_LIFE), range(200)),
        "popular_ms": _timed(lambda _: behaviour.popular(), range(200)),
    }


def _timed(ask: Callable[[Any], object], questions: Iterable[Any]) -> dict[str, float]:
    took = []
    for question in questions:
        started = time.perf_counter()
        ask(question)
        took.append((time.perf_counter() - started) * 1e3)
    return {
        name: round(float(np.percentile(took, at)), 3)
        for name, at in (("p50", 50), ("p95", 95), ("max", 100))
    }


def _adding(behaviour: Behaviour, coming: Any, size: int) -> int:
    half = len(coming) // 2
    part = coming.slice(0 if size < 100 else half, half)
    tables = [part.slice(at, size) for at in range(0, half, size)]
    started = time.perf_counter()
    for some in tables:
        behaviour.add(some)
    return round(half / (time.perf_counter() - started))


def _ticks(behaviour: Behaviour) -> dict[str, float]:
    def gaps(until: Callable[[], bool]) -> Any:
        found, last = [], time.perf_counter()
        while not until():
            now = time.perf_counter()
            found.append(now - last)
            last = now
        return np.array(found) * 1e3

    end = time.perf_counter() + 1.0
    quiet = gaps(lambda: time.perf_counter() > end)
    making = threading.Thread(target=behaviour.compact)
    started = time.perf_counter()
    making.start()
    busy = gaps(lambda: not making.is_alive())
    return {
        "made_seconds": round(time.perf_counter() - started, 2),
        "max": round(float(busy.max()), 2),
        "above_1_ms": int((busy > 1).sum()),
        "quiet_max": round(float(quiet.max()), 2),
    }


def _followed(rows: Any, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        lake = open_lake(Settings(lake=LakeSettings(uri=folder)))
        log = lake.collection("shop", create=True).interactions
        for at in range(0, count, _SEGMENT):
            log.append(rows.slice(at, _SEGMENT))
        follower = BehaviourFollower(lake)
        started = time.perf_counter()
        behaviour = follower.get("shop")
        follower.start()
        if not follower.wait_until_read("shop", 600) or behaviour.event_count != count:
            raise RuntimeError(f"{behaviour.event_count} of {count} events were followed")
        took = time.perf_counter() - started
        follower.close()
    return round(took, 2)


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
