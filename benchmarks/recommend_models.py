"""Models that recommend, and SASRec of RecTools, on one interaction file in one run.

    python benchmarks/recommend_models.py --interactions FILE [--rectools-python PYTHON] [--model all]

``mmpipe eval recommend`` with its defaults, each model in a process of its own; beside them, where ``PYTHON``
has what benchmarks/requirements-recommenders.txt names, RecTools' SASRec on the same users and targets, its
lists measured by the same code. Leave-last-out, every item ranked but those seen, nothing sampled. Neither is
ended by what else the machine does: models of ours by their validation, RecTools' by its own or by processor
time. Prints one JSON line: a row a model, and what else the machine did (``load``, before and after).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.evaluate.recommend import interactions
from mmpipe.evaluate.recommend.ranking import TOP, Tally
from mmpipe.evaluate.recommend.splits import last

_HERE = Path(__file__).resolve().parent
_MODELS = ("popular", "item-knn", "next", "als", "sasrec", "blend")
_USERS = 256
_NO_CLOCK = 10_000.0
# Tensors of hundreds of megabytes are made in each of RecTools' steps: kept by its allocator, they are not
# zeroed by the kernel each time, which is half of its processor time otherwise.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(2**33), "MALLOC_TRIM_THRESHOLD_": str(2**34)}


def ours(path: Path, model: str, threads: int) -> dict[str, Any]:
    """One row of ``mmpipe eval recommend``."""
    command = [sys.executable, "-m", "mmpipe.cli", "eval", "recommend", "--json"]
    command += ["--interactions", str(path), "--model", model, "--threads", str(threads)]
    command += ["--minutes", str(_NO_CLOCK)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{model}: {ended.stderr.strip()}")
    row: dict[str, Any] = json.loads(ended.stdout)
    return row


@contextmanager
def rectools(path: Path, given: argparse.Namespace) -> Iterator[Callable[[], dict[str, Any]]]:
    """RecTools' SASRec, being fitted elsewhere; what is yielded waits for it and gives its report."""
    script = _HERE / "rivals" / "rectools_sasrec.py"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lists.json"
        command = [str(given.rectools_python), str(script), "--interactions", str(path), "--out", str(out)]
        for option in ("threads", "cpu_minutes", "minutes", "length"):
            command += [f"--{option.replace('_', '-')}", str(getattr(given, option))]
        child = subprocess.Popen(
            command, stdout=sys.stderr, env=os.environ | _ALLOCATOR, start_new_session=True
        )

        def report() -> dict[str, Any]:
            if child.wait():
                raise SystemExit("RecTools' SASRec failed")
            told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
            return told

        try:
            yield report
        finally:
            child.terminate()
            child.wait()


def measured(path: Path, report: dict[str, Any]) -> dict[str, Any]:
    """RecTools' row: its lists, ranked as ours are."""
    data = interactions.read(path)
    split = last(data, len(data.names), 0)
    codes = {name: code for code, name in enumerate(data.names)}
    tally = Tally(len(data.names))
    for begin in range(0, len(split.histories), _USERS):
        lists = report["lists"][begin : begin + _USERS]
        scores = np.full((len(lists), len(data.names)), -np.inf, dtype=np.float32)
        for row, names in zip(scores, lists, strict=True):
            row[[codes[name] for name in names]] = TOP - np.arange(len(names), dtype=np.float32)
        block = slice(begin, begin + _USERS)
        tally.add(scores, split.histories[block], split.targets[block])
    figures = {name: round(value, 5) for name, value in tally.figures().items()}
    return {
        "users": len(split.histories),
        "items": len(data.names),
        "model": "rectools-sasrec",
        **figures,
        "train_seconds": round(report["seconds"], 2),
        "train_cpu_seconds": round(report["cpu_seconds"], 2),
        **{
            name: report[name]
            for name in ("epochs", "best_epoch", "validation", "stopped", "length", "version")
        },
    }


def main() -> None:
    """Ask each, print."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--interactions", type=Path, required=True)
    asked.add_argument("--rectools-python", type=Path)
    asked.add_argument("--model", choices=(*_MODELS, "all"), default="all")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--cpu-minutes", type=float, default=60.0, help="RecTools' processor time at most")
    asked.add_argument("--minutes", type=float, default=600.0, help="RecTools' time on the clock at most")
    asked.add_argument("--length", type=int, default=50, help="events of a history that RecTools sees")
    given = asked.parse_args()
    before = os.getloadavg()[0]
    names = _MODELS if given.model == "all" else (given.model,)
    rows = []
    with ExitStack() as stack:
        report = None
        if given.rectools_python is not None:
            report = stack.enter_context(rectools(given.interactions, given))
        for name in names:
            rows.append(ours(given.interactions, name, given.threads))
            print(rows[-1], file=sys.stderr, flush=True)
        if report is not None:
            rows.append(measured(given.interactions, report()))
    load = [round(before, 2), round(os.getloadavg()[0], 2)]
    print(json.dumps({"file": given.interactions.name, "load": load, "models": rows}))


if __name__ == "__main__":
    main()
