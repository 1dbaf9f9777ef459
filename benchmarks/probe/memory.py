"""A replica's process that loads, answers, says what it holds, and stays until a line comes in."""

from __future__ import annotations

import gc
import json
import os
import sys

from probe.adapter import Engine, cases, use_one_thread
from probe.resident import resident


def main() -> None:
    job = json.loads(sys.argv[1])
    use_one_thread()
    asked = cases(job["questions"])
    gc.collect()
    before = resident(os.getpid())
    engine = Engine(job["lake"], job["collection"], job["mirror"])
    gc.collect()
    loaded = resident(os.getpid())
    for case in asked:
        engine.answer(case)
    gc.collect()
    report = {
        "products": engine.products,
        "load_seconds": round(engine.load_seconds, 3),
        "before": before,
        "loaded": loaded,
        "asked": resident(os.getpid()),
    }
    print(json.dumps(report), flush=True)
    sys.stdin.readline()
    engine.close()


if __name__ == "__main__":
    main()
