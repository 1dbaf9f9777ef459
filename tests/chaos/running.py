"""Episodes one after another, and what became of them in a line of JSON."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import pytest

from tests.chaos.life import small_limits
from tests.chaos.points import MOMENTS, Point
from tests.chaos.store import FailingStore

SEED: Final = int(os.environ.get("CHAOS_SEED", "1"))
# However long it takes until what is to be met was met.
MOST_SECONDS: Final = 600.0


def targets_of(points: Sequence[Point], chance: random.Random) -> list[tuple[Point, str]]:
    """Before and after each of these steps, in any order."""
    targets = [(point, moment) for point in points for moment in MOMENTS]
    chance.shuffle(targets)
    return targets


def run_episodes(
    run: Callable[[Counter[str]], None],
    enough: Callable[[Counter[str]], bool],
    seconds: float,
    about: str,
    capsys: pytest.CaptureFixture[str],
    store: FailingStore | None = None,
) -> None:
    """``run`` one after another for so long, and until it is ``enough``. Its argument counts: ``episodes``
    with this one, and whatever an episode counts."""
    small_limits()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.chaos.life"])
    tally: Counter[str] = Counter()
    begun = time.monotonic()
    while time.monotonic() - begun < (seconds if enough(tally) else MOST_SECONDS):
        tally["episodes"] += 1
        try:
            run(tally)
        except BaseException:
            with capsys.disabled():
                print(f"\nCHAOS_SEED={SEED}, {about}, episode {tally['episodes']}")
            raise
    told = {"seed": SEED, "of": about, "seconds": round(time.monotonic() - begun)}
    with capsys.disabled():
        print("\n" + json.dumps(told | tally | (store.told if store is not None else {})))
