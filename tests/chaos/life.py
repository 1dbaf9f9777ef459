"""One process's life: some work, until it is done or the process is killed at a named step."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import MmpipeError, StorageUnavailable
from mmpipe.indexing import Indexer
from mmpipe.indexing.lanes import chunks, sifting, staging, worker
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.lanes.chunks import FeedJob
from mmpipe.indexing.tables.upkeep import rest
from mmpipe.lake import Collection, open_lake
from mmpipe.schemas.run import RunRecord
from mmpipe.schemas.work import CatalogueEvent, WorkOrder, WorkOutcome
from mmpipe.settings import IndexingSettings, LakeSettings, Settings, StorageSettings
from tests.chaos.points import POINTS, QUEUE_POINTS, READS, wrap
from tests.chaos.queue import Die, Queue, around, consume
from tests.chaos.store import CREDENTIALS
from tests.unit.indexing.bucket import Bucket, order_of
from tests.unit.indexing.uploads import one_stage
from tests.unit.lake.interactions.logs import ZERO, event, rows

COLLECTION = "demo"
# Feeds of a few rows are small; larger ones are for the batch lane.
WARM_BYTES = 250
# A life that takes longer leaves the rest of its queue to the next.
QUEUE_SECONDS = 45.0
S3_QUEUE_SECONDS = 120.0


@dataclass(frozen=True)
class Task:
    """One message: ``kind`` is uploads (events of one call), large (one feed), events (ids of interactions),
    erase (a person), merge, upkeep, or queue (whatever is on one). ``number`` says which one was
    acknowledged."""

    number: int
    kind: str
    uploads: tuple[CatalogueEvent, ...] = ()
    user: str = ""
    ids: tuple[str, ...] = ()
    queue: Queue | None = None


@dataclass(frozen=True)
class Life:
    """What one process is to do, and what becomes of it: it is killed at ``kill`` (a point and a moment) when
    it comes there for the ``time``-th time, and of the steps and reads a share of ``faults`` fails, half of
    them after they were done. The lake is a folder, or at the S3 of ``endpoint``."""

    lake: str
    bucket: Bucket
    tasks: tuple[Task, ...]
    seed: int
    kill: tuple[str, str] | None = None
    time: int = 1
    faults: float = 0.0
    together: bool = False
    endpoint: str | None = None


@dataclass
class Place:
    """A lake and the bucket whose uploads it gets."""

    settings: Settings
    bucket: Bucket
    loaded: LoadedEncoders

    @property
    def collection(self) -> Collection:
        """The only one."""
        return open_lake(self.settings).collection(COLLECTION, create=True)


def settings_of(lake: str, endpoint: str | None = None) -> Settings:
    """Small numbers, so that compaction and clean-ups come often."""
    return Settings(
        storage=StorageSettings(endpoint_url=endpoint),
        lake=LakeSettings(uri=lake, hold_versions_seconds=0.5, keep_versions=3, max_shrink=1.0),
        indexing=IndexingSettings(profile="fake", chunk_rows=8, warm_max_bytes=WARM_BYTES),
    )


def small_limits() -> None:
    """Compaction is due soon, history is short."""
    import mmpipe.lake.live as live
    import mmpipe.lake.maintenance as maintenance
    import mmpipe.lake.record_table as record_table

    maintenance.MAX_SMALL_FRAGMENTS = 3
    record_table._TIERS = ((256, 3),)
    live.KEEP_LAST = 2
    live.KEEP_HOURLY = live.KEEP_DAILY = timedelta(0)


def read_from(bucket: Bucket) -> None:
    """The batch lane reads this bucket."""
    for module in (lanes, chunks, sifting, staging, worker):
        module.stores = lambda _settings: lambda _uri: bucket  # type: ignore[attr-defined]


def live(life: Life, answers: Connection) -> None:
    """The process. Says ``("done", number)`` of each task that is acknowledged, ``("failed", reason)``,
    ``("killed", point)`` right before it ends by force, and ``("over", "")``."""
    small_limits()
    read_from(life.bucket)
    if life.endpoint is not None:
        os.environ.update(CREDENTIALS)
    lock = threading.Lock()

    def tell(*said: object) -> None:
        with lock:
            answers.send(said)

    die = _wrap(life, tell)
    settings = settings_of(life.lake, life.endpoint)
    lake, loaded = open_lake(settings), registry.load("fake")
    indexer = Indexer(settings, lake, loaded, lambda _uri: life.bucket)
    place = Place(settings, life.bucket, loaded)

    def work(task: Task) -> None:
        try:
            if task.queue is not None:
                execute = partial(_execute, indexer, place)
                seconds = QUEUE_SECONDS if life.endpoint is None else S3_QUEUE_SECONDS
                done = consume(task.queue, settings.indexing, execute, die, seconds)
            else:
                done = _done(task, indexer, place, random.Random(life.seed))
            if done:
                tell("done", task.number)
        except (MmpipeError, OSError) as error:
            tell("failed", f"{task.kind}: {type(error).__name__}: {error}")

    if life.together:
        threads = [threading.Thread(target=work, args=[task]) for task in life.tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for task in life.tasks:
            work(task)
    indexer.drain()
    indexer.close()
    tell("over", "")


def _done(task: Task, indexer: Indexer, place: Place, chance: random.Random) -> bool:
    collection = place.collection
    if task.kind == "uploads":
        outcomes = indexer.execute([order_of(each) for each in task.uploads])
        return {outcome.status for outcome in outcomes} <= {"done", "duplicate"}
    if task.kind == "large":
        (upload,) = task.uploads
        return _batch(order_of(upload), place).status in ("done", "failed")
    log = collection.interactions
    if task.kind == "events":
        log.append(rows(*(event(each, task.user) for each in task.ids)))
    elif task.kind == "erase":
        log.erase([task.user])
    elif task.kind == "merge":
        log.compact(datetime.now(UTC) + timedelta(seconds=2), min_age=ZERO, grace=ZERO, few=2)
    else:
        current = collection.live()
        if current is not None:
            rest(collection, collection.table(current.table))
    return True


def _batch(order: WorkOrder, place: Place) -> RunRecord:
    def stages(job: FeedJob) -> Iterator[bytes]:
        return one_stage(job, place)  # type: ignore[arg-type]

    return lanes.execute(order, place.settings, stages, loaded=place.loaded)


def _execute(indexer: Indexer, place: Place, orders: Sequence[WorkOrder]) -> list[WorkOutcome]:
    """Both lanes: what the dispatcher hands to the indexer and to jobs."""
    outcomes = indexer.execute([order for order in orders if order.lane == "warm"])
    for order in orders:
        if order.lane == "batch":
            try:
                status, reason = "done", _batch(order, place).status
            except (MmpipeError, OSError) as error:
                status, reason = "retry", str(error)
            outcomes.append(WorkOutcome(run_id=order.run_id, status=status, reason=reason))
    return outcomes


def _wrap(life: Life, tell: Callable[..., None]) -> Die:
    """Gives what is to be called at steps that are not wrapped here."""
    chance, lock = random.Random(life.seed), threading.Lock()
    left = life.time

    def die(name: str, moment: str) -> None:
        nonlocal left
        if life.kill != (name, moment):
            return
        with lock:
            left -= 1
            due = left == 0
        if due:
            tell("killed", f"{name}: {moment}")
            os.kill(os.getpid(), signal.SIGKILL)

    def fails() -> bool:
        with lock:
            return chance.random() < life.faults / 2

    def step(name: str) -> Callable[[Callable[[], Any]], Any]:
        def around(call: Callable[[], Any]) -> Any:
            if name:
                die(name, "before")
            if fails():
                raise StorageUnavailable("chaos: the store does not answer")
            answer = call()
            if name:
                die(name, "after")
                if fails():
                    raise StorageUnavailable("chaos: the store's answer was lost")
            return answer

        return around

    for point in POINTS:
        wrap(point.where, step(point.name))
    for where in READS:
        wrap(where, step(""))
    for point in QUEUE_POINTS:
        if point.where:
            wrap(point.where, partial(around, die, point.name))
    return die
