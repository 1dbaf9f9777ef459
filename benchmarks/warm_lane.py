"""The warm lane end to end: from an upload to S3 until a search finds the product.

    python benchmarks/warm_lane.py [--uploads 50] [--background 2000] [--profile starter]
    python benchmarks/warm_lane.py --latency 20 --baseline WORKTREE
    python benchmarks/warm_lane.py --uploads 0 --rate 20 --seconds 60
    python benchmarks/warm_lane.py --products 1000000

Starts the one-machine stack (moto's S3 and SQS, the event pump with the real handler, Ray, the query
service), fills a collection, then uploads single products one after the other, each with a text and a
photo, and asks the search for the word that only it has until it is shown. With ``--latency`` each request of
the stack to the object store takes so many milliseconds longer, and the requests of each upload are counted.
``--rate`` uploads at a constant rate instead, or afterwards. ``--products`` begins with a table of so many
made-up products, in a folder, for moto holds objects in memory. A baseline's work tree is measured first, by
the same script. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.builds import Build, builds, fill, ratio, target

_COLLECTION = "bench"


def measure(build: Build, options: argparse.Namespace) -> dict[str, Any]:
    """One build, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-", dir=options.work) as folder:
        lake = None
        if options.products:
            lake = str(Path(folder) / "lake")
            fill(build, Path(lake), options.products, _COLLECTION)
        asked = {
            "uploads": options.uploads,
            "background": 0 if options.products else options.background,
            "products": options.products,
            "profile": options.profile,
            "latency": options.latency,
            "rate": options.rate,
            "seconds": options.seconds,
            "lake": lake,
        }
        script = Path(__file__).with_name("warm_uploads.py")
        run = subprocess.run(
            [sys.executable, str(script), json.dumps(asked)],
            env=build.environment(),
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
    if run.returncode:
        raise SystemExit(f"{build.name}: it ended with {run.returncode}")
    report: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    if Path(report.pop("service")) != build.folder:
        raise SystemExit(f"{build.name}: another build answered")
    print(f"{build.name}: {json.dumps(report)}", file=sys.stderr, flush=True)
    return {"commit": build.commit()} | report


def targets(options: argparse.Namespace, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The figures that were agreed on for what was asked."""
    this, baseline = found.get("this"), found.get("baseline")
    if this is None:
        return {}
    report: dict[str, Any] = {}
    if "one_by_one" in this:
        each = this["one_by_one"]
        if options.latency is not None:
            report["p95_seconds"] = target(each["p95_seconds"], 1.2)
            if critical := each["requests"].get("critical"):
                report["critical_requests"] = target(critical["reads"] + critical["puts"], 15)
                report["critical_serial"] = target(critical["serial"], 15)
        elif options.products:
            report["p95_seconds"] = target(each["p95_seconds"], 2.0)
        if baseline is not None:
            p95 = ratio(each["p95_seconds"], baseline["one_by_one"]["p95_seconds"])
            report["p95_to_baseline"] = target(p95, 0.5)
    if "at_a_rate" in this:
        report["rate_p95_seconds"] = target(this["at_a_rate"]["p95_seconds"], 3.0)
        report["rate_lost"] = target(this["at_a_rate"]["lost"], 0)
    return report


def main() -> None:
    """Run it and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", type=int, default=50, help="one after the other")
    parser.add_argument("--background", type=int, default=2_000, help="products that are there before")
    parser.add_argument("--products", type=int, default=0, help="made-up products instead, in a folder")
    parser.add_argument("--profile", default="starter")
    parser.add_argument("--latency", type=float, help="milliseconds of each object-store request")
    parser.add_argument("--rate", type=float, default=0.0, help="uploads a second, at a constant rate")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the constant rate")
    parser.add_argument("--baseline", type=Path, help="a work tree of the commit to compare with")
    parser.add_argument("--only-baseline", action="store_true", help="leave this checkout out")
    parser.add_argument("--work", type=Path, help="where lakes are made; default: a temporary folder")
    options = parser.parse_args()
    found = {build.name: measure(build, options) for build in builds(options.baseline, options.only_baseline)}
    report = {
        "benchmark": "warm_lane",
        "cpus": os.cpu_count(),
        "profile": options.profile,
        "uploads": options.uploads,
        "background_rows": options.products or options.background,
        "latency_milliseconds": options.latency,
    }
    print(json.dumps(report | found | {"targets": targets(options, found)}))


if __name__ == "__main__":
    main()
