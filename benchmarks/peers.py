"""One question in process, asked of mmpipe and of other engines over the same products.

    python benchmarks/peers.py --lake LAKE --peers-python PYTHON [--questions 100] [--only qdrant postgres]

``PYTHON`` has what benchmarks/requirements-peers.txt names, or some of it: an engine that is not installed
is reported as absent. The question: words of a title, all of which a product holds, or one of the 200 nearest
by vector; one filter; values of three fields counted over all matches; the total; 20 hits with what a page
shows. Everybody gets mmpipe's words and one spelling of every value, and is asked every question once
unmeasured. mmpipe takes the 200 nearest whatever their score here, explains every hit besides, and uses one
thread; the others use what they like. ``lacks`` says what an engine does not answer by itself. mmpipe is
asked again after every engine, and ``times_mmpipe`` is to that.

``total_as_mmpipe`` is the part of the questions with the same total (an engine whose neighbours are
approximate has other ones), ``same_hits`` the part of mmpipe's first ten that are among the engine's: ranks
are fused differently. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.builds import ratio
from benchmarks.probe.adapter import Engine, cases, use_one_thread
from benchmarks.questions import Questions, Sample, Wanted, filters_of, live_table, only_collection
from benchmarks.rivals.asked import measured
from mmpipe.lexical import tokens
from mmpipe.search.columns.dictionaries import fold

_HERE = Path(__file__).resolve().parent
_RIVALS = ("postgres", "qdrant", "tantivy_engine", "zvec_engine", "lance_engine")
_SECONDS = 900
_FACETS = 3
# So many times the questions are drawn: some ask for a category alone.
_SPARE = 4
_FIELDS = ("brand", "color", "size", "gender", "age_group", "material", "pattern", "condition")


def column_of(field: str) -> str:
    """A field's or attribute's column in the other engines: a name that needs no quotes, in any of them a
    word of its own."""
    return f"of_{re.sub(r'[^a-z0-9]', '_', field.removeprefix('attributes.').lower())}"


def questions_of(sample: Sample, count: int) -> tuple[Questions, list[Wanted], list[str]]:
    """Hybrid questions with one filter each, which is also returned, and the fields whose values are counted:
    some product under the filter holds all of the words. Categories are left out: mmpipe counts a shelf's
    products in its aisle too, the others have no tree."""
    values = Counter(field for field, _ in sample.shares if field != "category")
    facets = [field for field, found in values.most_common(_FACETS) if found > 1]
    made = sample.hybrid(_SPARE * count)
    requests: list[dict[str, Any]] = []
    wanted: list[Wanted] = []
    places: list[int] = []
    for place, request in enumerate(made.requests):
        own = [each for each in _asked(request) if each[0] != "category"]
        if own and len(requests) < count:
            requests.append(request | {"filters": filters_of(own[:1]), "facets": facets})
            wanted.append(own[0])
            places.append(place)
    if not (facets and len(requests) == count):
        raise SystemExit("the table has too few fields to filter by and to count")
    return Questions(requests, made.vectors[places]), wanted, facets


def _asked(request: dict[str, Any]) -> list[Wanted]:
    filters = request["filters"]
    found = [(name, filters[name][0]) for name in filters if name not in ("attributes", "price")]
    return found + [(f"attributes.{name}", each[0]) for name, each in filters.get("attributes", {}).items()]


def write(folder: Path, lake: Path, made: Questions, wanted: Sequence[Wanted], facets: Sequence[str]) -> int:
    """What :class:`benchmarks.rivals.asked.Shop` reads; returns the number of products."""
    stored = live_table(lake, only_collection(lake)).to_table(
        columns=["id", "title", "search_text", *_FIELDS, "attribute_pairs", "vector"],
        filter="NOT deleted AND vector IS NOT NULL",
    )
    columns: dict[str, Any] = {
        "place": pa.array(np.arange(stored.num_rows, dtype=np.int32)),
        "id": stored.column("id"),
        "title": stored.column("title"),
        "body": stored.column("search_text"),
    }
    pairs = stored.column("attribute_pairs").to_pylist()
    for field in dict.fromkeys([*facets, *(field for field, _ in wanted)]):
        name = field.removeprefix("attributes.")
        values = stored.column(field).to_pylist() if name == field else _attribute(pairs, name)
        columns[column_of(field)] = pa.array(
            [fold(value) if value else None for value in values], pa.string()
        )
    pq.write_table(pa.table(columns), folder / "products.parquet")
    vectors = stored.column("vector").combine_chunks()
    np.save(folder / "vectors.npy", vectors.flatten().to_numpy().reshape(stored.num_rows, -1))
    np.save(folder / "question_vectors.npy", made.vectors)
    asked = [
        {
            "words": list(dict.fromkeys(tokens(request["text"]))),
            "column": column_of(field),
            "value": fold(value),
            "facets": [column_of(each) for each in facets],
        }
        for request, (field, value) in zip(made.requests, wanted, strict=True)
    ]
    (folder / "questions.json").write_text(json.dumps(asked))
    products: int = stored.num_rows
    return products


def _attribute(pairs: Sequence[Sequence[str] | None], name: str) -> list[str | None]:
    start = f"{name}="
    return [
        next((pair.removeprefix(start) for pair in each or () if pair.startswith(start)), None)
        for each in pairs
    ]


def ask_rival(name: str, python: str, folder: Path) -> dict[str, Any]:
    """In a process of its own; what went wrong in place of figures."""
    environment = os.environ | {"PYTHONPATH": str(_HERE)}
    try:
        done = subprocess.run(
            [python, "-P", "-m", f"rivals.{name}", str(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no answer within {_SECONDS} s"}
    if done.returncode:
        return {"failed": f"it ended with {done.returncode}"}
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def compared(report: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
    """An engine's report beside mmpipe's of the same minute: without the answers themselves."""
    totals, hits = report.pop("totals", None), report.pop("first_hits", None)
    if totals is None or hits is None:
        return report
    same = [a == b for a, b in zip(totals, mine["totals"], strict=True)]
    shared = sum(len(set(a) & set(b)) for a, b in zip(hits, mine["first_hits"], strict=True))
    return report | {
        "median_total": int(np.median(totals)),
        "total_as_mmpipe": round(sum(same) / len(same), 3),
        "same_hits": round(shared / max(1, sum(map(len, mine["first_hits"]))), 3),
        "mmpipe_p50_ms": mine["p50_ms"],
        "times_mmpipe": ratio(report["p50_ms"], mine["p50_ms"]),
    }


def main() -> None:
    """Run it and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", type=Path, required=True, help="with one collection")
    parser.add_argument("--peers-python", required=True, help="an interpreter with other engines installed")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=_RIVALS, default=_RIVALS)
    parser.add_argument("--work", type=Path, help="where files are written; default: the system's")
    options = parser.parse_args()
    use_one_thread()
    lake = options.lake.resolve()
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-", dir=options.work) as name:
        folder = Path(name)
        sample = Sample(live_table(lake, only_collection(lake)))
        made, wanted, facets = questions_of(sample, options.questions)
        products = write(folder, lake, made, wanted, facets)
        asked = cases(str(made.save(folder / "mmpipe")))
        engine = Engine(str(lake), only_collection(lake), str(folder / "mirror"), every_neighbour=True)
        mine = [measured(engine.answer, asked)]
        engines = {}
        for rival in options.only:
            report = ask_rival(rival, options.peers_python, folder)
            mine.append(measured(engine.answer, asked))
            engines[rival] = compared(report, mine[-1])
            print(f"{rival}: {json.dumps(engines[rival])}", file=sys.stderr, flush=True)
        engine.close()
    best = min(mine, key=lambda each: each["p50_ms"])
    report = {
        "benchmark": "peers",
        "cpus": os.cpu_count(),
        "products": products,
        "questions": options.questions,
        "facets": facets,
        "mmpipe": {"load_seconds": round(engine.load_seconds, 1)}
        | {name: best[name] for name in ("p50_ms", "p95_ms", "p99_ms")},
        "engines": engines,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
