"""The same world told by a queue: by the wire, twice, late, in any order, hidden and shown again, and lost on
its way to and fro; processes end with messages in hand. Every upload is as the bucket dictates, no message is
left, and the dead letters are those that nobody can read.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from mmpipe.encoders import registry
from mmpipe.events import parse_message
from mmpipe.schemas.work import CatalogueEvent, run_id_of
from tests.chaos.episode import S3_LIFE_SECONDS, Episode, operation, product
from tests.chaos.life import Place, Task, settings_of
from tests.chaos.points import POINTS, QUEUE_POINTS, Point
from tests.chaos.queue import create_queue, notification
from tests.chaos.running import MOST_SECONDS, SEED, run_episodes, targets_of
from tests.chaos.store import FailingStore
from tests.chaos.test_chaos import S3_SECONDS
from tests.integration.world import COLOURS, IN_FEEDS, PHOTOS

SECONDS = float(os.environ.get("CHAOS_SQS_SECONDS", "0"))
"""How long at least; every step of the queue is met in any case."""


class QueueEpisode(Episode):
    """Its messages are on a queue of ``store``'s; one task is to take them all."""

    def __init__(
        self,
        number: int,
        folder: Path,
        chance: random.Random,
        tally: Counter[str],
        store: FailingStore,
        *,
        in_s3: bool,
    ) -> None:
        super().__init__(number, folder, chance, tally, store, in_s3=in_s3)
        # Less than the work takes, mostly.
        hidden = chance.choice([1, 3]) * (5 if in_s3 else 1)
        self._queue = create_queue(store.url, f"episode-{number}", hidden)
        self._sent: dict[str, list[CatalogueEvent]] = {}
        self._poison: set[str] = set()
        # Nothing but uploads comes this way.
        self._events.clear()
        self._erased = True

    def _work_comes(self, target: tuple[Point, str] | None) -> None:
        chance, world = self._chance, self._world
        uploads: list[CatalogueEvent] = []
        for _ in range(chance.randint(2, 4)):
            world.bucket.tick(chance.choice([0.0, 0.3, 1.0]))
            uploads += world.apply(operation(chance, self._family))
        if target is not None or chance.random() < 0.3:
            uploads += world.apply(("photo", chance.choice(PHOTOS), chance.choice(COLOURS)))
            uploads += world.apply(("feed", "one", [(each, product(chance)) for each in IN_FEEDS]))
        chance.shuffle(uploads)
        bodies: list[str] = []
        while uploads:
            size = chance.randint(1, 2)
            told, uploads = uploads[:size], uploads[size:]
            body = notification(told)
            assert parse_message(body) == told, "as S3 tells it"
            self._sent[body] = told
            bodies.append(body)
        poison = json.dumps({"chaos": len(self._poison)})
        self._poison.add(poison)
        self._put([*bodies, poison])

    def _put(self, bodies: list[str]) -> None:
        self._queue.send(bodies, self._chance)
        self._tally["messages"] += len(bodies)
        if not self._pending:
            self._numbers += 1
            self._pending[self._numbers] = Task(self._numbers, "queue", queue=self._queue)

    def _again(self, share: float) -> list[Task]:
        late = [body for body in self._sent if self._chance.random() < share]
        if late:
            self._put(late)
        return []

    def _compare(self) -> None:
        letters = self._queue.dead_letters()
        assert set(letters) == self._poison, "dead letters are what cannot be read, and all of that"
        place = Place(settings_of(self._lake, self._endpoint), self._world.bucket, registry.load("fake"))
        told = {run_id_of(event, "fake") for events in self._sent.values() for event in events}
        runs = place.collection.runs.get_many(sorted(told))
        assert set(runs) == told
        assert {run.status for run in runs.values()} <= {"done", "failed"}
        self._tally["poison"] += len(letters)
        super()._compare()


@pytest.mark.skipif(not SECONDS, reason="takes a minute: make test-chaos SQS_SECONDS=1")
@pytest.mark.parametrize(
    "in_s3",
    [
        pytest.param(False, id="a folder"),
        pytest.param(
            True,
            id="an S3",
            marks=pytest.mark.skipif(not S3_SECONDS, reason="make test-chaos SQS_SECONDS=1 S3_SECONDS=1"),
        ),
    ],
)
@pytest.mark.timeout(MOST_SECONDS + 4 * S3_LIFE_SECONDS)
def test_the_same_holds_of_messages_by_a_queue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], store: FailingStore, in_s3: bool
) -> None:
    """With the lake beside the queue no answer of either can be relied on, and an episode takes minutes: so
    there it is enough that a process was killed and answers were lost."""
    chance = random.Random(SEED)
    targets = targets_of(QUEUE_POINTS, chance)
    others = targets_of([point for point in POINTS if point.by == "uploads"], chance)

    def run(tally: Counter[str]) -> None:
        QueueEpisode(tally["episodes"], tmp_path, chance, tally, store, in_s3=in_s3).run(targets or others)

    about = f"messages by SQS, the lake in {'an S3' if in_s3 else 'a folder'}"

    def enough(tally: Counter[str]) -> bool:
        return bool(store.told and tally["kills"]) if in_s3 else not targets

    run_episodes(run, enough, SECONDS, about, capsys, store)
    assert in_s3 or not targets, f"no process was killed there: {targets}"
