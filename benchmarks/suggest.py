"""Suggestions over HTTP: latency at several clients, of an indexed lake.

    python benchmarks/suggest.py --lake ./lake [--collection NAME]

``new``: every request is another text, so that no answer is one that was given before: beginnings of one to
three words of the catalogue's own titles, from the first letter on; in one of five a letter was left out, or
two changed places. ``typing`` is what shops see: whole queries, one key after the other, with the beginnings
that they have in common. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.builds import HERE, Build
from benchmarks.engine import Table
from benchmarks.http_search import drive, served, serving
from benchmarks.load import raw_request
from benchmarks.workload import get, searches

_SEED = 11


def main() -> None:
    """Serve, ask, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", required=True, help="a folder with an indexed collection")
    parser.add_argument("--collection", help="needed where the lake holds several")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--warmup", type=float, default=2.0)
    parser.add_argument("--replicas", type=int, default=1, help="query replicas, fixed")
    parser.add_argument("--unique", type=int, default=30_000, help="different texts a run")
    parser.add_argument("--slips", type=float, default=0.2, help="the part of texts with a slip")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder:
        table = Table("served", Path(options.lake).resolve(), Path(folder))
        print(json.dumps(measure(table, options)))


def measure(table: Table, options: argparse.Namespace) -> dict[str, Any]:
    """Of every number of clients: texts that are all new, and typing."""
    report: dict[str, Any] = {
        "benchmark": "suggest",
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "replicas": options.replicas,
    }
    rng = random.Random(_SEED)
    with serving(Build("this", HERE), table, options.replicas) as url:
        entry = served(url, options.collection)
        collection = entry["collection"]
        report |= {"collection": collection, "rows": entry["rows"]}
        words = [body["text"] for body in searches(url, collection, 4_000)]
        first = get(f"{url}/v1/suggest", collection=collection, q=words[0][:3])
        report["example"] = [each["text"] for each in first["suggestions"]][:3]
        new = list(_new(words, rng, len(options.clients) * options.unique, options.slips))
        each = len(new) // len(options.clients)
        for n, clients in enumerate(options.clients):
            report[f"new_{clients}"] = drive(
                url, _requests(url, collection, new[n * each : (n + 1) * each]), clients, options
            )
            report[f"typing_{clients}"] = drive(
                url, _requests(url, collection, _typed(words, rng)), clients, options
            )
    return report


def _requests(url: str, collection: str, texts: Sequence[str]) -> list[bytes]:
    host = urlsplit(url).netloc
    paths = (f"/v1/suggest?{urlencode({'collection': collection, 'q': text})}" for text in texts)
    return [raw_request("GET", path, host=host) for path in paths]


def _new(words: Sequence[str], rng: random.Random, count: int, slips: float) -> dict[str, None]:
    """Different beginnings; fewer than ``count`` where the catalogue has no more."""
    found: dict[str, None] = {}
    for _ in range(20 * count):
        if len(found) == count:
            break
        text = " ".join(rng.sample(" ".join(rng.sample(words, 2)).split(), rng.choice((1, 2, 2, 3))))
        text = text[: rng.randint(1, len(text))]
        found[_slipped(text, rng) if rng.random() < slips else text] = None
    return found


def _slipped(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    kept = text[at + 1 :] if rng.random() < 0.5 else text[at : at + 2][::-1] + text[at + 2 :]
    return text[:at] + kept


def _typed(words: Sequence[str], rng: random.Random) -> list[str]:
    chosen = rng.sample(words, min(len(words), 2_000))
    return [text[:end] for text in chosen for end in range(1, len(text) + 1)]


if __name__ == "__main__":
    main()
