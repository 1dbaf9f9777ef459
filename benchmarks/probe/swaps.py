"""What following a version with one changed product costs a replica that is answering.

The changes alternate between a price and a title. Of every two changes of a kind, one is followed alone, for
its wall time and its thread's CPU time, and one beside a thread that does nothing but read the clock: as long
as that thread stands still, the swap holds the interpreter, whether it computes or waits. On a busy machine
the thread also stands still for want of a core: ``idle_ms`` is how long it does in as long a time without a
swap, and the least disturbed swaps (``p10``) say more than the median.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from probe.adapter import Engine, cases, use_one_thread
from probe.resident import resident

_SWITCH_SECONDS = 0.5e-3
_KINDS = ("price", "title")


@dataclass
class Clock:
    """A thread that reads the clock. ``stood`` is how long it did not run, in seconds: it asks for nothing
    but the interpreter and a core."""

    stopped: bool = False
    longest: float = 0.0
    stood: float = 0.0
    ready: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        self.ready.set()
        begun, ran = time.perf_counter(), time.thread_time()
        last = begun
        while not self.stopped:
            now = time.perf_counter()
            self.longest = max(self.longest, now - last)
            last = now
        self.stood = time.perf_counter() - begun - (time.thread_time() - ran)


def beside_clock(work: Callable[[], object]) -> tuple[float, float]:
    """How long the clock's thread stood still while ``work`` ran: in all and at most at a time,
    milliseconds."""
    clock = Clock()
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    thread = threading.Thread(target=clock.run)
    thread.start()
    try:
        clock.ready.wait()
        work()
    finally:
        clock.stopped = True
        thread.join()
        sys.setswitchinterval(before)
    return clock.stood * 1e3, clock.longest * 1e3


@dataclass
class Cost:
    """Of one kind of change, milliseconds of each swap."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    longest: list[float] = field(default_factory=list)

    def alone(self, engine: Engine) -> None:
        worked, begun = time.thread_time(), time.perf_counter()
        engine.follow()
        self.wall.append((time.perf_counter() - begun) * 1e3)
        self.cpu.append((time.thread_time() - worked) * 1e3)

    def watched(self, engine: Engine) -> None:
        held, longest = beside_clock(engine.follow)
        self.held.append(held)
        self.longest.append(longest)

    def report(self) -> dict[str, Any]:
        named = {"wall": self.wall, "cpu": self.cpu, "interpreter": self.held, "longest": self.longest}
        return {
            f"{name}_{label}_ms": round(float(np.percentile(values, q)), 3)
            for name, values in named.items()
            for label, q in (("p10", 10), ("p50", 50), ("p95", 95))
            if values
        }


def main() -> None:
    job = json.loads(sys.argv[1])
    use_one_thread()
    engine = Engine(job["lake"], job["collection"], job["mirror"])
    asked = cases(job["questions"])[:20]
    command = [sys.executable, "-P", "-m", "probe.writer", job["lake"], job["collection"]]
    environment = os.environ | {"PYTHONPATH": job["writer_path"]}
    costs = {kind: Cost() for kind in _KINDS}
    held: list[dict[str, int]] = []
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        _expect(writer.stdout.readline(), "ready")
        for number in range(job["swaps"]):
            kind = _KINDS[number % len(_KINDS)]
            writer.stdin.write(f"{kind}\n")
            writer.stdin.flush()
            _expect(writer.stdout.readline(), "published")
            before = engine.label
            if number // len(_KINDS) % 2:
                costs[kind].watched(engine)
            else:
                costs[kind].alone(engine)
            if engine.label == before:
                raise SystemExit(f"change {number} made no new version")
            engine.answer(asked[number % len(asked)])
            if number % job["look_every"] == 0:
                gc.collect()
                held.append(resident(os.getpid()))
        writer.stdin.close()
    clocked = float(np.median([wall for cost in costs.values() for wall in cost.wall])) / 1e3
    idle = [beside_clock(lambda: time.sleep(clocked))[0] for _ in range(20)]
    engine.close()
    report: dict[str, Any] = {"products": engine.products, "swaps": job["swaps"]}
    report |= {kind: cost.report() for kind, cost in costs.items()}
    report["idle_ms"] = round(float(np.median(idle)), 3)
    report["resident"] = _course(held)
    print(json.dumps(report))


def _expect(line: str, wanted: str) -> None:
    if line.strip() != wanted:
        raise SystemExit(f"the writer said {line!r}, not {wanted}")


def _course(held: list[dict[str, int]]) -> dict[str, Any]:
    """From the fifth part of the swaps on: what is filled once is filled then."""
    report: dict[str, Any] = {}
    for name in ("rss", "private_dirty"):
        values = [each[name] for each in held]
        settled = values[len(values) // 5 :]
        report[name] = {"first": values[0], "settled": settled[0], "most": max(settled), "last": values[-1]}
        report[name]["growth"] = round(max(settled) / settled[0] - 1, 4)
    return report


if __name__ == "__main__":
    main()
