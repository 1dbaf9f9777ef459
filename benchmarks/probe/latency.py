"""Milliseconds of searches in process, to bytes ready to send. One thread asks."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from probe.adapter import Case, Engine, cases, sorts, use_one_thread


def measure(engine: Engine, asked: list[Case], rounds: int) -> dict[str, Any]:
    """Every question once unmeasured, then ``rounds`` times. ``cpu`` is of all threads of the process and is
    not inflated by other load; quantiles are over single searches."""
    answers = [engine.answer(case) for case in asked]
    walls, cpu = [], []
    for _ in range(rounds):
        for case in asked:
            worked, begun = time.process_time(), time.perf_counter()
            engine.answer(case)
            walls.append((time.perf_counter() - begun) * 1e3)
            cpu.append((time.process_time() - worked) * 1e3)
    totals = [json.loads(answer)["total"] for answer in answers]
    return {
        "p50_ms": round(float(np.percentile(walls, 50)), 3),
        "p95_ms": round(float(np.percentile(walls, 95)), 3),
        "p99_ms": round(float(np.percentile(walls, 99)), 3),
        "cpu_p50_ms": round(float(np.percentile(cpu, 50)), 3),
        "cpu_mean_ms": round(float(np.mean(cpu)), 3),
        "median_total": int(np.median(totals)),
        "without_hits": sum(total == 0 for total in totals),
        "answer_bytes": int(np.median([len(answer) for answer in answers])),
    }


def main() -> None:
    job = json.loads(sys.argv[1])
    use_one_thread()
    engine = Engine(job["lake"], job["collection"], job["mirror"])
    report: dict[str, Any] = {
        "products": engine.products,
        "load_seconds": round(engine.load_seconds, 3),
        "sorts": sorts(),
    }
    for name, folder in job["questions"].items():
        report[name] = measure(engine, cases(folder), job["rounds"])
    engine.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
