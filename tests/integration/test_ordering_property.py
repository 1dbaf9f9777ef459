"""Duplicated, shuffled and late events give the table that the state of the bucket dictates, with what became
current last deciding between files; stock that was told apart from its product decides on the stock alone.

Uploads of what stands already come among them: they cost nothing and decide like any other. Feeds go through
either lane.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.indexing import Indexer
from mmpipe.indexing.lanes import chunks, sifting, worker
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.replays import replay
from mmpipe.lake import open_lake
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.integration.world import COLOURS, EXPORTED, IDS, IN_FEEDS, PHOTOS, World, expect
from tests.unit.indexing.bucket import Bucket, order_of
from tests.unit.indexing.uploads import one_stage, two_stages

# Of the feeds, the share that the batch lane gets.
LARGE = 0.4

titles = st.sampled_from(["Red dress", "Blue hat", "Green sock"])
photos = st.sampled_from([None, *PHOTOS, *PHOTOS])
products = st.fixed_dictionaries(
    {"title": titles, "photo": photos, "price": st.integers(1, 3), "left": st.booleans()}
)
feed_rows = st.lists(
    st.tuples(st.sampled_from(IN_FEEDS), st.one_of(st.none(), products)), min_size=1, max_size=4
)
exports = st.dictionaries(st.sampled_from(EXPORTED), st.one_of(st.none(), products), min_size=1)
words = st.sampled_from(["in_stock", "out_of_stock", "preorder"])
stocks = st.lists(st.tuples(st.sampled_from(IN_FEEDS), words), min_size=1, max_size=3)
inventories = st.dictionaries(
    st.sampled_from(EXPORTED), st.tuples(st.booleans(), st.sampled_from(["", "", "copy-"])), min_size=1
)
# What is uploaded once more as it stands.
AGAIN = (
    *(("again", product_id) for product_id in IN_FEEDS),
    *(("everything", name) for name in ("one", "one", "four", "four")),
    *(("photo again", name) for name in PHOTOS),
    ("export again", "export"),
)
operations = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(IDS), products),
    st.tuples(st.just("remove"), st.sampled_from(IDS), st.none()),
    st.tuples(st.just("roll back"), st.sampled_from(IDS), st.none()),
    st.tuples(st.just("spoil"), st.sampled_from(IDS), st.none()),
    # Which of two files is newer after an old version went depends on what had been handled by then.
    st.tuples(st.just("prune"), st.just("c"), st.none()),
    st.tuples(st.just("feed"), st.sampled_from(["one", "two"]), feed_rows),
    st.tuples(st.just("wrong feed"), st.just("three"), feed_rows),
    st.tuples(st.just("photo"), st.sampled_from(PHOTOS), st.sampled_from(COLOURS)),
    st.tuples(st.just("no photo"), st.sampled_from(PHOTOS), st.none()),
    st.tuples(st.just("former photo"), st.sampled_from(PHOTOS), st.none()),
)
of_exports = st.one_of(
    st.tuples(st.just("photo"), st.sampled_from(PHOTOS), st.sampled_from(COLOURS)),
    st.tuples(st.just("export"), st.just("export"), exports),
    st.tuples(st.just("export"), st.just("export"), exports),
    st.tuples(st.just("stock"), st.just("stock"), stocks),
    st.tuples(st.just("inventory"), st.just("inventory"), inventories),
    st.tuples(st.just("feed"), st.just("one"), feed_rows),
    st.tuples(st.sampled_from(["remove", "roll back"]), st.sampled_from(IN_FEEDS), st.none()),
)
Steps = list[tuple[tuple[str, str, object], float]]


def _steps(of: st.SearchStrategy[tuple[str, str, object]]) -> st.SearchStrategy[Steps]:
    return st.lists(st.tuples(of, st.sampled_from([0.0, 0.3, 1.0])), min_size=3, max_size=10)


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded = registry.load("fake")
        self.bucket = Bucket()
        self.examples = 0
        self._open()

    def _open(self) -> None:
        config = Settings(
            lake=LakeSettings(uri=str(self.folder / f"lake{self.examples}")),
            indexing=IndexingSettings(profile="fake", chunk_rows=8),
        )
        self.config = config
        lake = open_lake(config)
        self.indexer = Indexer(config, lake, self.loaded, lambda _uri: self.bucket, maintain=False)
        self.collection = lake.collection("demo", create=True)
        self.table = self.collection.products(self.loaded.profile, create=True)

    def deliver(self, events: list[CatalogueEvent]) -> None:
        """In one call of the warm lane."""
        outcomes = self.indexer.execute([order_of(event) for event in events])
        assert {o.status for o in outcomes} <= {"done", "duplicate"}, outcomes

    def deliver_to_batch_lane(self, event: CatalogueEvent, chance: random.Random) -> None:
        """By one worker, or by two that hand the work on."""
        stages = chance.choice([one_stage, two_stages])
        record = lanes.execute(
            order_of(event),
            self.config,
            lambda job: stages(job, self),  # type: ignore[arg-type]
            loaded=self.loaded,
        )
        assert record.status == "done", record

    def replay_stock(self) -> None:
        """What was told of products that were not there yet; what still cannot be used is forgotten."""
        for reject in self.collection.rejects.list(error="StockWithoutProduct"):
            replay(self.config, "demo", reject.reject_id, loaded=self.loaded)
            self.collection.rejects.delete([reject.reject_id])

    def world(self, versioned: bool) -> World:
        self.examples += 1
        if self.examples % 15 == 0:  # many small commits make a folder slow
            self.indexer.close()
            self._open()
        world = World(f"e{self.examples}-", versioned)
        self.bucket = world.bucket
        return world


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("ordering"))
    with pytest.MonkeyPatch.context() as patch:
        for module in (lanes, chunks, sifting, worker):
            patch.setattr(module, "stores", lambda _settings: lambda _uri: made.bucket)
        yield made
    made.indexer.close()


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(stream=_steps(operations), seed=st.integers(0, 2**32 - 1), versioned=st.booleans())
def test_any_delivery_gives_the_same_table(rig: Rig, stream: Steps, seed: int, versioned: bool) -> None:
    _deliver(rig, stream, seed, versioned)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(stream=_steps(of_exports), seed=st.integers(0, 2**32 - 1), versioned=st.booleans())
def test_any_delivery_of_exports_and_stock_gives_the_same_table(
    rig: Rig, stream: Steps, seed: int, versioned: bool
) -> None:
    _deliver(rig, stream, seed, versioned)


def _deliver(rig: Rig, stream: Steps, seed: int, versioned: bool) -> None:
    world = rig.world(versioned)
    chance = random.Random(seed)
    waiting: list[CatalogueEvent] = []
    delivered: list[CatalogueEvent] = []

    def deliver(events: list[CatalogueEvent]) -> None:
        while events:
            size = chance.randint(1, 4)
            batch, events = events[:size], events[size:]
            large = [e for e in batch if e.kind == "feed_uploaded" and chance.random() < LARGE]
            rest = [e for e in batch if e not in large]
            if rest:
                rig.deliver(rest)
            for event in large:
                rig.deliver_to_batch_lane(event, chance)
            delivered.extend(batch)

    for operation, seconds in stream:
        world.bucket.tick(seconds)
        waiting += world.apply(operation)
        if chance.random() < 0.6:
            world.bucket.tick(chance.choice([0.0, 0.3, 1.0]))
            waiting += world.apply((*chance.choice(AGAIN), None))
        if chance.random() < 0.6:
            chance.shuffle(waiting)
            late = chance.randint(0, len(waiting) // 2)
            now, waiting = waiting[late:], waiting[:late]
            deliver(now)
    again = [event for event in delivered if chance.random() < 0.3]
    waiting += again + [event for event in waiting if chance.random() < 0.3]
    chance.shuffle(waiting)
    deliver(waiting)
    rig.replay_stock()
    expect(world, rig.table, rig.loaded)
