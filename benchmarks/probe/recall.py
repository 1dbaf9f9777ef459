"""The nearest neighbours that searches serve: ids by mask and question, best first."""

from __future__ import annotations

import json
import sys
from typing import Any

from probe.adapter import Engine, cases, use_one_thread
from probe.latency import measure


def main() -> None:
    job = json.loads(sys.argv[1])
    use_one_thread()
    engine = Engine(job["lake"], job["collection"], job["mirror"], every_neighbour=True)
    report: dict[str, Any] = {}
    for name, folder in job["questions"].items():
        asked = cases(folder)
        served = [[hit["id"] for hit in json.loads(engine.answer(case))["hits"]] for case in asked]
        report[name] = {"served": served, "p50_ms": measure(engine, asked, 1)["p50_ms"]}
    engine.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
