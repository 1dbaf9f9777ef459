"""Models that recommend, and SASRec of RecTools, on one interaction file in one run.

    python benchmarks/recommend_models.py --interactions FILE [--rectools-python PYTHON] [--model all]

``mmpipe eval recommend`` with its defaults, each model in a process of its own; then, where ``PYTHON`` has
what benchmarks/requirements-recommenders.txt names, RecTools' SASRec on the same users and targets, its lists
measured by the same code. Leave-last-out, every item ranked but those seen, nothing sampled. Prints one JSON
line: a row a model, and what else the machine did (``load``, before and after).
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

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.evaluate.recommend import interactions
from mmpipe.evaluate.recommend.ranking import TOP, Tally
from mmpipe.evaluate.recommend.splits import last

_HERE = Path(__file__).resolve().parent
_MODELS = ("popular", "item-knn", "next", "als", "sasrec", "blend")
_USERS = 256


def ours(path: Path, model: str, threads: int) -> dict[str, Any]:
    """One row of ``mmpipe eval recommend``."""
    command = [sys.executable, "-m", "mmpipe.cli", "eval", "recommend", "--json"]
    command += ["--interactions", str(path), "--model", model, "--threads", str(threads)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{model}: {ended.stderr.strip()}")
    row: dict[str, Any] = json.loads(ended.stdout)
    return row


def rectools(path: Path, python: Path, threads: int, minutes: float) -> dict[str, Any]:
    """Fit RecTools' SASRec elsewhere and measure its lists here."""
    data = interactions.read(path)
    split = last(data, len(data.names), 0)
    codes = {name: code for code, name in enumerate(data.names)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lists.json"
        script = _HERE / "rivals" / "rectools_sasrec.py"
        command = [str(python), str(script), "--interactions", str(path), "--out", str(out)]
        command += ["--threads", str(threads), "--minutes", str(minutes)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        report = json.loads(out.read_text(encoding="utf-8"))
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
        "epochs": report["epochs"],
    }


def main() -> None:
    """Ask each, print."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--interactions", type=Path, required=True)
    asked.add_argument("--rectools-python", type=Path)
    asked.add_argument("--model", choices=(*_MODELS, "all"), default="all")
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--minutes", type=float, default=50.0, help="RecTools trains at most")
    given = asked.parse_args()
    before = os.getloadavg()[0]
    names = _MODELS if given.model == "all" else (given.model,)
    rows = []
    for name in names:
        rows.append(ours(given.interactions, name, given.threads))
        print(rows[-1], file=sys.stderr, flush=True)
    if given.rectools_python is not None:
        rows.append(rectools(given.interactions, given.rectools_python, given.threads, given.minutes))
    load = [round(before, 2), round(os.getloadavg()[0], 2)]
    print(json.dumps({"file": given.interactions.name, "load": load, "models": rows}))


if __name__ == "__main__":
    main()
