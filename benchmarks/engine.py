"""The search engine in process, beside the build of before: searches, memory, swaps, nearest neighbours.

    python benchmarks/engine.py --baseline WORKTREE [--lake KAGL_LAKE] [--large-lake LAKE] [--only engine]
    python benchmarks/engine.py --rows 20000 --shop-rows 5000 --questions 40 --swaps 40 --large-swaps 0

Two tables are asked: a shop's (``--lake``, or made-up products) and a large one (``--large-lake``, or
``--rows`` made-up products); the large one also as a copy in one fragment. Every build reads the same lakes
and answers the same questions, in processes of its own; what changes a lake changes a copy. Prints one JSON
line: both builds, the ratios, and the targets.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.builds import Build, builds, fill, ratio, target
from benchmarks.probe.resident import resident
from benchmarks.questions import Questions, Sample, exact, filters_of, live_table, only_collection

_HERE = Path(__file__).resolve().parent
_PARTS = ("engine", "memory", "swaps", "recall")
# Files below this size are copied, not linked: those that are written in place are small.
_LINKED_BYTES = 1 << 20
_LOOKS = 50


@dataclass
class Table:
    """A lake with one collection, and the questions that all builds are asked about it."""

    name: str
    lake: Path
    work: Path
    collection: str = ""
    questions: dict[str, str] = field(default_factory=dict)

    def prepare(self, count: int) -> None:
        """Find the collection, make the questions."""
        self.collection = only_collection(self.lake)
        sample = Sample(live_table(self.lake, self.collection))
        made = {"hybrid": sample.hybrid(count), "browsing": sample.browsing(count)}
        self.questions = {
            name: str(each.save(self.work / f"{self.name}-{name}")) for name, each in made.items()
        }

    def job(self, build: Build, mirror: str = "mirror", **more: Any) -> dict[str, Any]:
        """What every part needs to know. Each build has local files of its own for each table."""
        folder = self.work / f"{build.name}-{self.name}-{mirror}"
        return {"lake": str(self.lake), "collection": self.collection, "mirror": str(folder)} | more

    def copy(self, name: str) -> Table:
        """Of its own to write to; large files are shared with this one, for Lance never writes to them."""
        lake = self.work / f"{name}-lake"
        shutil.copytree(self.lake, lake, copy_function=_link)
        return Table(name, lake, self.work, self.collection, self.questions)

    def details(self) -> dict[str, Any]:
        table = live_table(self.lake, self.collection)
        return {"products": table.count_rows(), "fragments": len(table.get_fragments())}


def _link(source: str, destination: str) -> None:
    if os.stat(source).st_size >= _LINKED_BYTES:
        with contextlib.suppress(OSError):  # another file system
            os.link(source, destination)
            return
    shutil.copy2(source, destination)


def environment(build: Build) -> dict[str, str]:
    """Of a process of the build that knows the parts in benchmarks/probe."""
    path = os.pathsep.join([str(build.folder), str(_HERE)])
    return build.environment(PYTHONPATH=path, OMP_NUM_THREADS="1")


def command(part: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", f"probe.{part}", *arguments]


def run(build: Build, part: str, *arguments: str) -> Any:
    """What one part printed last."""
    begun = time.perf_counter()
    done = subprocess.run(
        command(part, *arguments), env=environment(build), stdout=subprocess.PIPE, text=True, check=True
    )
    print(f"{build.name}: {part} took {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    return json.loads(done.stdout.splitlines()[-1])


def searches(chosen: list[Build], tables: list[Table], rounds: int, repeats: int) -> dict[str, Any]:
    """By build and table. Builds take turns; of the repetitions the quickest counts."""
    found: dict[str, Any] = {build.name: {} for build in chosen}
    for table in tables:
        for _ in range(repeats):
            for build in chosen:
                report = run(
                    build, "latency", json.dumps(table.job(build, questions=table.questions, rounds=rounds))
                )
                print(f"{build.name}: {table.name}: {json.dumps(report)}", file=sys.stderr, flush=True)
                best = found[build.name].setdefault(table.name, report)
                for name in table.questions:
                    best[name] = min(best[name], report[name], key=lambda each: each["p50_ms"])
    return found


@contextlib.contextmanager
def replica(build: Build, job: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """A process that has loaded and answered, and what it says of itself."""
    with subprocess.Popen(
        command("memory", json.dumps(job)),
        env=environment(build),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{build.name}: the replica ended before it had loaded")
        yield process.pid, json.loads(line)
        process.communicate("\n")


def memory(build: Build, table: Table) -> dict[str, Any]:
    """First and second start on one machine, what a replica holds, and what one more adds to it."""
    job = table.job(build, "memory", questions=table.questions["hybrid"])
    with replica(build, job) as (_, report):
        first = report
    with replica(build, job) as (one, report):
        alone = resident(one)
        with replica(build, job) as (two, _):
            both = [resident(one), resident(two)]
    each = {
        name: round((report["asked"][name] - report["before"][name]) / report["products"], 1)
        for name in ("rss", "pss_anon", "private_dirty", "pss_file")
    }
    added = sum(held["pss"] for held in both) - alone["pss"]
    files = sum(path.stat().st_size for path in Path(job["mirror"]).rglob("*") if path.is_file())
    return {
        "products": report["products"],
        "first_load_seconds": first["load_seconds"],
        "second_load_seconds": report["load_seconds"],
        "local_bytes_per_product": round(files / report["products"], 1),
        "bytes_per_product": each,
        "bytes_per_product_loading": {
            name: round((first["asked"][name] - first["before"][name]) / first["products"], 1)
            for name in each
        },
        "alone": alone,
        "second_adds_pss": added,
        "second_adds_part": ratio(added, alone["pss"]),
    }


def swaps(build: Build, writer: Build, table: Table, count: int) -> dict[str, Any]:
    """Following one changed product, ``count`` times; the lake is changed by one build for all."""
    copied = table.copy(f"{build.name}-{table.name}-swaps")
    try:
        job = copied.job(
            build,
            questions=table.questions["hybrid"],
            swaps=count,
            look_every=max(1, count // _LOOKS),
            writer_path=environment(writer)["PYTHONPATH"],
        )
        report: dict[str, Any] = run(build, "swaps", json.dumps(job))
    finally:
        shutil.rmtree(copied.lake)
    return report


def recall(chosen: list[Build], table: Table, count: int) -> dict[str, Any]:
    """The part of the exact nearest ten that a page of twenty by vector alone begins with, by mask."""
    stored = live_table(table.lake, table.collection)
    vectors, masks = Sample(stored).neighbours(count)
    wanted, left = exact(stored, vectors, masks)
    folders = {}
    for place, (name, each) in enumerate(masks.items()):
        requests = [{"filters": filters_of([w] if w else []), "explain": False} for w in each]
        folders[name] = str(Questions(requests, vectors).save(table.work / f"neighbours-{place}"))
    found: dict[str, Any] = {"left": {name: round(share, 5) for name, share in left.items()}}
    for build in chosen:
        report = run(build, "recall", json.dumps(table.job(build, questions=folders)))
        found[build.name] = {
            name: {"recall": _recall(report[name]["served"], wanted[name]), "p50_ms": report[name]["p50_ms"]}
            for name in masks
        }
    return found


def _recall(served: list[list[str]], wanted: list[list[str]]) -> float:
    hits = sum(len(set(s[: len(w)]) & set(w)) for s, w in zip(served, wanted, strict=True))
    return round(hits / max(1, sum(map(len, wanted))), 4)


def compared(report: dict[str, Any]) -> dict[str, Any]:
    """The ratios and figures that were agreed on, with what they should be."""
    found: dict[str, Any] = {}
    this, baseline = report.get("this", {}), report.get("baseline", {})
    if "engine" in this:
        mine = this["engine"]
        hybrid = {name: mine[name]["hybrid"]["p50_ms"] for name in mine}
        if "engine" in baseline:
            for name, limit in (("shop", 0.4), ("large", 0.25)):
                theirs = baseline["engine"][name]["hybrid"]
                found[f"hybrid_{name}"] = target(ratio(hybrid[name], theirs["p50_ms"]), limit)
                found[f"hybrid_{name}"]["cpu"] = ratio(
                    mine[name]["hybrid"]["cpu_p50_ms"], theirs["cpu_p50_ms"]
                )
        found["large_to_shop"] = target(ratio(hybrid["large"], hybrid["shop"]), 2.5)
        found["fragments_to_one"] = target(ratio(hybrid["large"], hybrid["one_fragment"]), 1.2)
        found["browsing_large_ms"] = target(mine["large"]["browsing"]["p50_ms"], 2.0)
    if "memory" in this:
        found["second_replica"] = target(this["memory"]["second_adds_part"], 0.15)
        found["second_start_seconds"] = target(this["memory"]["second_load_seconds"], 2.0)
    for name, each in this.get("swaps", {}).items():
        for kind in ("price", "title"):
            found[f"swap_{kind}_{name}_interpreter_ms"] = target(each[kind]["interpreter_p10_ms"], 10.0)
        found[f"swaps_{name}_growth"] = target(each["resident"]["rss"]["growth"], 0.05)
    for name, each in report.get("recall", {}).get("this", {}).items():
        found[f"recall_{name}"] = {"value": each["recall"], "at_least": 0.98, "ok": each["recall"] >= 0.98}
    return found


def measure(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Everything that was asked for."""
    chosen = builds(options.baseline)
    if options.build is not None:
        chosen[-1] = Build("this", options.build.resolve())
    this = chosen[-1]
    tables = {
        "shop": Table("shop", options.lake or work / "shop", work),
        "large": Table("large", options.large_lake or work / "large", work),
    }
    for name, rows in (("shop", options.shop_rows), ("large", options.rows)):
        if not tables[name].lake.exists():
            fill(this, tables[name].lake, rows)
        tables[name].prepare(options.questions)
    report: dict[str, Any] = {"benchmark": "engine", "cpus": os.cpu_count()}
    report |= {build.name: {"commit": build.commit()} for build in chosen}
    report["tables"] = {name: table.details() for name, table in tables.items()}
    if "engine" in options.only:
        one = tables["large"].copy("one_fragment")
        run(this, "compact", str(one.lake), one.collection)
        report["tables"]["one_fragment"] = one.details()
        asked = [tables["shop"], tables["large"]]
        for name, each in searches(chosen, asked, options.rounds, options.repeats).items():
            report[name]["engine"] = each
        report["this"]["engine"] |= searches([this], [one], options.rounds, options.repeats)["this"]
        shutil.rmtree(one.lake)
    for build in chosen:
        if "memory" in options.only:
            report[build.name]["memory"] = memory(build, tables["large"])
        if "swaps" in options.only:
            counts = {"shop": options.swaps, "large": options.large_swaps}
            report[build.name]["swaps"] = {
                name: swaps(build, this, tables[name], count) for name, count in counts.items() if count
            }
        print(f"{build.name}: {json.dumps(report[build.name])}", file=sys.stderr, flush=True)
    if "recall" in options.only:
        report["recall"] = recall(chosen, tables["large"], options.questions)
    report["targets"] = compared(report)
    return report


def main() -> None:
    """Run it and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--baseline", type=Path, help="a work tree of the commit to compare with")
    parser.add_argument("--build", type=Path, help="a work tree to measure in place of this checkout")
    parser.add_argument("--lake", type=Path, help="a shop's lake; default: one is made")
    parser.add_argument("--shop-rows", type=int, default=42_662, help="of the one that is made")
    parser.add_argument("--large-lake", type=Path, help="default: one is made, with --rows products")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--questions", type=int, default=200, help="different ones of each kind")
    parser.add_argument("--rounds", type=int, default=3, help="of all questions in one process")
    parser.add_argument("--repeats", type=int, default=2, help="processes; builds take turns")
    parser.add_argument("--swaps", type=int, default=500, help="of the shop's table; 0: none")
    parser.add_argument("--large-swaps", type=int, default=100, help="of the large table; 0: none")
    parser.add_argument("--work", type=Path, help="where lakes and copies are made; default: the system's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-", dir=options.work) as folder:
        report = measure(options, Path(folder))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
