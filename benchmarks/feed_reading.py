"""How fast feeds are read, format by format, beside an older build; and what a large one takes in memory.

    python benchmarks/feed_reading.py [--rows 50000] [--runs 5] [--formats google_csv shopify_csv]
    python benchmarks/feed_reading.py --baseline FOLDER
    python benchmarks/feed_reading.py --rows-woocommerce 1000000 --memory

Synthetic feeds of benchmarks/feed_files.py are read to the last row, in a process of its own each time,
builds and formats taking turns; the best run of each counts. Rows are the file's records, by seconds of CPU
(reading is one thread), which other work on the machine disturbs less than the clock; ``wall`` is by the
clock. ``--baseline`` is a working tree of an older commit: ``ratio`` is this build's speed by that one's, for
the formats of which both read some product, though an older build may take a shop's export for a general
table. ``products`` and ``rejected`` are this build's. ``--memory`` reads WooCommerce exports of a tenth and
of all of ``--rows-woocommerce`` rows (a fifth of the parents after their variations): ``peak_bytes`` is what
the process holds at most, above what it holds after its imports. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.feed_files import FILES, write

_ROOT: Final = Path(__file__).resolve().parents[1]
# Formats that builds before them refused, or read as something else altogether.
_NEW: Final = frozenset({"magento_csv", "shopify_bulk_jsonl"})
# Run by any build: only what every one has.
_READ: Final = """
import json, sys, time
from mmpipe.catalogue import read_feed
from mmpipe.errors import InvalidFeed
from mmpipe.settings import FeedSettings
import mmpipe

def status(name):
    for line in open("/proc/self/status", encoding="utf-8"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024

found = {"code": mmpipe.__path__[0], "rows": 0, "products": 0, "rejected": 0, "error": None}
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak counts from here
before = status("VmRSS")
wall, cpu = time.perf_counter(), time.process_time()
try:
    with open(sys.argv[1], "rb") as stream:
        for row in read_feed(stream, sys.argv[1], FeedSettings(default_currency="EUR")):
            found["rows"] += 1
            found["products"] += row.product is not None
            found["rejected"] += row.reject is not None
except InvalidFeed as error:
    found["error"] = str(error)[:200]
found["wall"], found["cpu"] = time.perf_counter() - wall, time.process_time() - cpu
found["peak_bytes"] = status("VmHWM") - before
print(json.dumps(found))
"""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--formats", nargs="+", choices=list(FILES), default=list(FILES))
    parser.add_argument("--baseline", type=Path, help="a working tree of an older commit")
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    parser.add_argument("--rows-woocommerce", type=int, default=1_000_000, help="of the larger file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            report: dict[str, Any] = {"woocommerce_csv": _memory(options.rows_woocommerce, Path(folder))}
        else:
            report = _speeds(options, Path(folder))
    print(json.dumps(report))


def _speeds(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    builds = {"new": _ROOT} | ({"old": options.baseline.resolve()} if options.baseline else {})
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for key in options.formats:
        write(key, options.rows, folder / FILES[key][0])
    for _ in range(options.runs):
        for key in options.formats:
            for build, code in builds.items():
                if build == "new" or key not in _NEW:
                    runs.setdefault((key, build), []).append(_read(folder / FILES[key][0], code))
    formats = {}
    for key in options.formats:
        new, old = _best(runs[key, "new"], options.rows), _best(runs.get((key, "old"), []), options.rows)
        if "rows_per_second" in new and "rows_per_second" in old:
            new |= {
                "old_rows_per_second": old["rows_per_second"],
                "ratio": round(new["rows_per_second"] / old["rows_per_second"], 2),
            }
        formats[key] = new
    return {"rows": options.rows, "runs": options.runs, "load": os.getloadavg()[0], "formats": formats}


def _best(runs: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    if not runs:
        return {}
    if runs[0]["error"] or not runs[0]["products"]:
        return {"error": runs[0]["error"] or "holds no product"}
    return {
        "rows_per_second": round(rows / min(run["cpu"] for run in runs)),
        "wall": round(rows / min(run["wall"] for run in runs)),
        "products": runs[0]["products"],
        "rejected": runs[0]["rejected"],
    }


def _memory(rows: int, folder: Path) -> list[dict[str, Any]]:
    found = []
    for count in (rows // 10, rows):
        path = folder / f"{count}.csv"
        started = time.perf_counter()
        write("woocommerce_csv", count, path)
        written = time.perf_counter() - started
        run = _read(path, _ROOT)
        found.append(
            {"rows": count, "file_bytes": path.stat().st_size, "writing_seconds": round(written, 1)}
            | _best([run], count)
            | {"peak_bytes": run["peak_bytes"]}
        )
    return found


def _read(path: Path, code: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", _READ, str(path)]
    environment = os.environ | {"PYTHONPATH": str(code)}
    told = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=path.parent
    )
    run: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    if Path(run["code"]).parent != code:
        raise SystemExit(f"read by {run['code']} instead of {code}: unset what hides it")
    return run


if __name__ == "__main__":
    main()
