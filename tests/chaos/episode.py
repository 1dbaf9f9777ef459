"""A world, its lake, and what comes to it: delivered under kills and faults, then in peace, then compared."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from mmpipe.encoders import registry
from mmpipe.indexing.replays import replay
from mmpipe.indexing.tables.upkeep import rest
from mmpipe.lake.checks import shows
from mmpipe.schemas.work import CatalogueEvent
from tests.chaos.life import COLLECTION, Life, Place, Task, live, read_from, settings_of
from tests.chaos.points import Point
from tests.chaos.store import BUCKET, FailingStore
from tests.integration.world import COLOURS, IDS, IN_FEEDS, PHOTOS, World, expect

LIFE_SECONDS = 90.0
# Every call is dozens of requests, some of which are tried again after a while.
S3_LIFE_SECONDS = 240.0
PEACEFUL_LIVES = 8
# Versions of a table at rest: the newest three, what is and was live, and a tag that waits for its hold.
MOST_VERSIONS = 10
FAULTS = 0.08
# Of the requests to an S3, each of which is tried again by its client.
FAULTS_BY_WIRE = 0.05


class Episode:
    """One world, its lake, and the messages that are under way. The lake is in a folder, or ``in_s3`` of
    ``store``."""

    def __init__(
        self,
        number: int,
        folder: Path,
        chance: random.Random,
        tally: Counter[str],
        store: FailingStore | None = None,
        *,
        in_s3: bool = False,
    ) -> None:
        self._chance = chance
        self._tally = tally
        self._world = World(f"e{number}-", versioned=True)
        self._store = store
        self._endpoint = store.url if store is not None and in_s3 else None
        self._lake = (
            str(folder / f"lake{number}") if self._endpoint is None else f"s3://{BUCKET}/lake{number}"
        )
        self._family = chance.choice(["files", "stock"])
        self._pending: dict[int, Task] = {}
        self._acknowledged: list[Task] = []
        self._numbers = 0
        self._events: dict[str, set[str]] = {"u1": set(), "u2": set()}
        self._erased = False
        self._context = multiprocessing.get_context("forkserver")

    def run(self, targets: list[tuple[Point, str]]) -> None:
        """Deliver under kills, each of ``targets`` that is met leaves the list; then in peace; compare."""
        self._fail_by_wire(FAULTS_BY_WIRE)
        for _ in range(self._chance.choice([1, 1, 2, 3, 4])):
            target = targets[0] if targets and self._chance.random() < 0.8 else None
            self._work_comes(target)
            lives = [self._life(target)]
            if self._chance.random() < 0.35:
                lives.append(self._life(targets[1] if len(targets) > 1 else None))
            for killed in self._live(lives):
                met = [each for each in targets if f"{each[0].name}: {each[1]}" == killed]
                for each in met:
                    targets.remove(each)
            if target is not None and target in targets:
                targets.append(targets.pop(targets.index(target)))  # others first
        for task in self._again(0.3):
            self._pending[task.number] = task
        self._in_peace()
        if not self._erased and self._chance.random() < 0.7:
            self._send("erase", user="u1")
            self._fail_by_wire(FAULTS_BY_WIRE)
            self._live([self._life(None, faults=FAULTS)])
            self._in_peace()
            self._erased = True
        self._compare()

    def _work_comes(self, target: tuple[Point, str] | None) -> None:
        chance, world = self._chance, self._world
        uploads: list[CatalogueEvent] = []
        for _ in range(chance.randint(2, 5)):
            world.bucket.tick(chance.choice([0.0, 0.3, 1.0]))
            uploads += world.apply(operation(chance, self._family))
        by = None if target is None else target[0].by
        if by in ("photo", "uploads", "first", "upkeep") or chance.random() < 0.3:
            uploads += world.apply(("photo", chance.choice(PHOTOS), chance.choice(COLOURS)))
            uploads += world.apply(("put", "c", product(chance)))
        if by == "large" or chance.random() < 0.3:
            uploads += world.apply(("feed", "one", [(each, product(chance)) for each in IN_FEEDS]))
        chance.shuffle(uploads)
        while uploads:
            size = chance.randint(1, 3)
            batch, uploads = uploads[:size], uploads[size:]
            feeds = [each for each in batch if each.kind == "feed_uploaded"]
            large = [each for each in feeds if by == "large" or chance.random() < 0.4]
            for each in large:
                self._send("large", uploads=(each,))
            small = tuple(each for each in batch if each not in large)
            if small:
                self._send("uploads", uploads=small)
        for user in self._events:
            if by in ("events", "merge", "erase") or chance.random() < 0.5:
                for _ in range(2):
                    ids = tuple(f"{user}-{self._numbers}-{n}" for n in range(3))
                    self._events[user].update(ids)
                    self._send("events", user=user, ids=ids)
        if by in ("upkeep", "merge", "erase"):
            self._send("erase" if by == "erase" else by, user="nobody" if by == "erase" else "")
        elif chance.random() < 0.4:
            self._send(chance.choice(["upkeep", "merge"]))

    def _send(self, kind: str, **more: Any) -> None:
        self._numbers += 1
        self._pending[self._numbers] = Task(self._numbers, kind, **more)

    def _again(self, share: float) -> list[Task]:
        """What was acknowledged, once more; not what a person did who is forgotten meanwhile."""
        return [
            each
            for each in self._acknowledged
            if self._chance.random() < share and not (self._erased and each.kind == "events")
        ]

    def _life(self, target: tuple[Point, str] | None, faults: float | None = None) -> Life:
        chance = self._chance
        tasks = [*self._pending.values(), *self._again(0.2)]
        chance.shuffle(tasks)
        kept = tasks if target is not None else tasks[: max(1, int(len(tasks) * chance.uniform(0.4, 1.0)))]
        # What merges, or keeps up, finds something to do.
        kept.sort(key=lambda task: task.kind in ("merge", "upkeep", "erase"))
        share = chance.choice([0.0, 0.0, FAULTS]) if faults is None else faults
        return Life(
            self._lake,
            self._world.bucket,
            tuple(kept),
            chance.randrange(1 << 30),
            kill=None if target is None else (target[0].name, target[1]),
            time=1
            if target is not None and target[0].by in ("first", "queue")
            else chance.choice([1, 1, 2, 4]),
            faults=0.0 if target is not None else share,
            together=target is None and chance.random() < 0.4,
            endpoint=self._endpoint,
        )

    def _live(self, lives: Sequence[Life]) -> list[str]:
        """Let processes live at the same time; returns the steps at which they were killed."""
        running: dict[Connection, Any] = {}
        for each in lives:
            here, there = self._context.Pipe(duplex=False)
            process = self._context.Process(target=live, args=(each, there), daemon=True)
            process.start()
            there.close()
            running[here] = process
            self._tally["lives"] += 1
        killed: list[str] = []
        deadline = time.monotonic() + (LIFE_SECONDS if self._store is None else S3_LIFE_SECONDS)
        said: dict[Connection, str] = {}
        while running:
            ready = wait(list(running), timeout=max(0.1, deadline - time.monotonic()))
            assert ready, f"a process hangs: {lives}"
            for pipe in ready:
                assert isinstance(pipe, Connection)
                try:
                    what, about = pipe.recv()
                except EOFError:
                    process = running.pop(pipe)
                    process.join(10)
                    assert said.get(pipe) in ("over", "killed"), f"a process ended by itself: {lives}"
                    continue
                said[pipe] = what
                if what == "killed":
                    killed.append(about)
                    self._tally["kills"] += 1
                elif what == "failed":
                    self._tally["faults"] += 1
                elif what == "done" and (task := self._pending.pop(about, None)) is not None:
                    self._acknowledged.append(task)
        return killed

    def _fail_by_wire(self, share: float) -> None:
        if self._store is not None:
            self._store.share = share

    def _in_peace(self) -> None:
        self._fail_by_wire(0.0)
        for _ in range(PEACEFUL_LIVES):
            if not self._pending:
                return
            left = tuple(self._pending.values())
            self._live([Life(self._lake, self._world.bucket, left, 0, endpoint=self._endpoint)])
        raise AssertionError(f"what is in peace is not acknowledged: {list(self._pending.values())}")

    def _compare(self) -> None:
        read_from(self._world.bucket)
        settings, loaded = settings_of(self._lake, self._endpoint), registry.load("fake")
        place = Place(settings, self._world.bucket, loaded)
        collection = place.collection
        # One that is used may make up for older ones.
        while waiting := collection.rejects.list(error="StockWithoutProduct"):
            replay(settings, COLLECTION, waiting[0].reject_id, loaded=loaded)
            collection.rejects.delete([waiting[0].reject_id])
        table = collection.products(loaded.profile, create=True)
        expect(self._world, table, loaded)
        current = collection.live()
        if current is None:
            assert table.count_live() == 0, "nothing was ever published"
        else:
            assert shows(table, current, table.latest().version), "readers lack something"
            for entry in collection.history():
                table.at(entry.version).count_rows()
            time.sleep(settings.lake.hold_versions_seconds + 0.1)
            rest(collection, table)
            assert len(table.latest().versions()) <= MOST_VERSIONS
            expect(self._world, table, loaded)
        wanted = {
            each for user, ids in self._events.items() if user != "u1" or not self._erased for each in ids
        }
        held = collection.interactions.to_table()["event_id"].to_pylist()
        assert Counter(held) == Counter(wanted)
        self._tally["acknowledged"] += len(self._acknowledged)
        if self._endpoint is None:
            shutil.rmtree(self._lake)


def product(chance: random.Random) -> dict[str, object]:
    return {
        "title": chance.choice(["Red dress", "Blue hat", "Green sock"]),
        "photo": chance.choice([None, *PHOTOS, *PHOTOS]),
        "price": chance.randint(1, 3),
        "left": chance.random() < 0.5,
    }


def operation(chance: random.Random, family: str) -> tuple[str, str, object]:
    rows = [
        (chance.choice(IN_FEEDS), None if chance.random() < 0.3 else product(chance))
        for _ in range(chance.randint(1, 4))
    ]
    photos = ["photo", "no photo", "former photo"] if family == "files" else ["photo"]
    choices: list[tuple[str, str, object]] = [
        ("feed", "one", rows),
        (chance.choice(photos), chance.choice(PHOTOS), chance.choice(COLOURS)),
        (chance.choice(["remove", "roll back"]), chance.choice(IN_FEEDS), None),
    ]
    if family == "files":
        choices += [("put", chance.choice(IDS), product(chance))] * 2
        choices += [("spoil", chance.choice(IDS), None), ("wrong feed", "three", rows)]
    else:
        words = ("in_stock", "out_of_stock", "preorder")
        told = [(chance.choice(IN_FEEDS), chance.choice(words)) for _ in range(chance.randint(1, 3))]
        choices += [("stock", "stock", told)] * 2
    return chance.choice(choices)
