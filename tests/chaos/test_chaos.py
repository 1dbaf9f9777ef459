"""Whatever ends a process and whenever, and whatever the store does: what was acknowledged is there, once.

Episodes follow one another until the time is over and every named step (``points.py``) has killed a process,
right before it and right after it. In each a shop's uploads, interactions and an erasure come twice, late and
in any order to processes that are killed or whose store fails, two at a time at times; then what is left is
delivered in peace, and the lake is compared with what the bucket dictates.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.episode import LIFE_SECONDS, S3_LIFE_SECONDS, Episode
from tests.chaos.points import POINTS
from tests.chaos.running import MOST_SECONDS, SEED, run_episodes, targets_of
from tests.chaos.store import FailingStore

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
S3_SECONDS = float(os.environ.get("CHAOS_S3_SECONDS", "0"))


@pytest.mark.timeout(MOST_SECONDS + 2 * LIFE_SECONDS)
def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(SEED)
    targets = targets_of(POINTS, chance)

    def run(tally: Counter[str]) -> None:
        # What comes in an episode's beginning alone is not left for the last.
        targets.sort(key=lambda each: each[0].by == "first", reverse=True)
        Episode(tally["episodes"], tmp_path, chance, tally).run(targets)

    run_episodes(run, lambda _: not targets, SECONDS, "a folder", capsys)
    assert not targets, f"no process was killed there: {targets}"


@pytest.mark.skipif(not S3_SECONDS, reason="takes minutes: make test-chaos S3_SECONDS=60")
@pytest.mark.timeout(MOST_SECONDS + 2 * S3_LIFE_SECONDS)
def test_the_same_holds_of_an_s3_whose_answers_fail_and_whose_connections_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], store: FailingStore
) -> None:
    chance = random.Random(SEED)
    targets = targets_of(POINTS, chance)
    run_episodes(
        lambda tally: Episode(tally["episodes"], tmp_path, chance, tally, store, in_s3=True).run(targets),
        lambda tally: bool(store.told and tally["kills"]),
        S3_SECONDS,
        "an S3",
        capsys,
        store,
    )
