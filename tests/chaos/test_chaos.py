"""Whatever ends a process and whenever, and whatever the store does: what was acknowledged is there, once.

Episodes follow one another until the time is over and every named step (``points.py``) has killed a process,
right before it and right after it. In each a shop's uploads, interactions and an erasure come twice, late and
in any order to processes that are killed or whose store fails, two at a time at times; then what is left is
delivered in peace, and the lake is compared with what the bucket dictates.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.episode import LIFE_SECONDS, S3_LIFE_SECONDS, Episode
from tests.chaos.life import small_limits
from tests.chaos.points import MOMENTS, POINTS
from tests.chaos.store import CREDENTIALS, failing_store

SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
S3_SECONDS = float(os.environ.get("CHAOS_S3_SECONDS", "0"))
# However long it takes until every step was met.
MOST_SECONDS = 600.0


@pytest.mark.timeout(MOST_SECONDS + 2 * LIFE_SECONDS)
def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_limits()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.chaos.life"])
    chance = random.Random(SEED)
    targets = [(point, moment) for point in POINTS for moment in MOMENTS]
    chance.shuffle(targets)
    targets.sort(key=lambda each: each[0].by == "first", reverse=True)
    tally: Counter[str] = Counter()
    begun = time.monotonic()
    while time.monotonic() - begun < (MOST_SECONDS if targets else SECONDS):
        if targets and targets[-1][0].by == "first":
            targets.sort(key=lambda each: each[0].by == "first", reverse=True)
        tally["episodes"] += 1
        episode = Episode(tally["episodes"], tmp_path, chance, tally)
        try:
            episode.run(targets)
        except BaseException:
            with capsys.disabled():
                print(f"\nCHAOS_SEED={SEED}, episode {tally['episodes']}")
            raise
    missing = [f"{point.name}: {moment}" for point, moment in targets]
    assert not missing, f"no process was killed there: {missing}"
    with capsys.disabled():
        print("\n" + json.dumps({"seed": SEED, "seconds": round(time.monotonic() - begun), **tally}))


@pytest.mark.skipif(not S3_SECONDS, reason="takes minutes: make test-chaos S3_SECONDS=60")
@pytest.mark.timeout(MOST_SECONDS + 2 * S3_LIFE_SECONDS)
def test_the_same_holds_of_an_s3_whose_answers_fail_and_whose_connections_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_limits()
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.chaos.life"])
    chance = random.Random(SEED)
    targets = [(point, moment) for point in POINTS for moment in MOMENTS]
    chance.shuffle(targets)
    tally: Counter[str] = Counter()
    begun = time.monotonic()
    with failing_store(SEED) as store:
        while time.monotonic() - begun < (S3_SECONDS if store.told and tally["kills"] else MOST_SECONDS):
            tally["episodes"] += 1
            try:
                Episode(tally["episodes"], tmp_path, chance, tally, store).run(targets)
            except BaseException:
                with capsys.disabled():
                    print(f"\nCHAOS_SEED={SEED}, episode {tally['episodes']} over S3, {dict(store.told)}")
                raise
    with capsys.disabled():
        seconds = round(time.monotonic() - begun)
        print("\n" + json.dumps({"seed": SEED, "store": "s3", "seconds": seconds, **tally, **store.told}))
