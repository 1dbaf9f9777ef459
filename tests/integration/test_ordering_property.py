"""Duplicated, shuffled and late events give the table that the state of the bucket dictates, with what became
current last deciding between files; stock that was told apart from its product decides on the stock alone.

Uploads of what stands already come among them: they cost nothing and decide like any other. Feeds go through
either lane.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpipe.encoders import registry
from mmpipe.encoders.base import Modality
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import ObjectNotFound
from mmpipe.fusion import WeightedMean
from mmpipe.indexing import Indexer
from mmpipe.indexing.lanes import chunks, sifting, worker
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.indexing.pipeline.hashes import text_hash
from mmpipe.indexing.replays import replay
from mmpipe.lake import ProductTable, open_lake
from mmpipe.schemas.order import SourceOrder
from mmpipe.schemas.product import Product
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import Bucket, order_of, png
from tests.unit.indexing.shopify import product, products_csv, stock, stock_csv
from tests.unit.indexing.uploads import one_stage, two_stages

IDS = ("a", "b", "c")
IN_FEEDS = ("a", "b")
# Of Shopify's exports: the drafts of the first are the product itself, those of the second a copy of it.
EXPORTED = ("s", "d")
PHOTOS = ("x", "y")
BROKEN = b'{"title":'
# Of the feeds, the share that the batch lane gets.
LARGE = 0.4
COLOURS = ((220, 30, 30), (30, 30, 220), (30, 200, 30))

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


@dataclass
class Oracle:
    """The last write of every product by source order (None where that may differ), every word on its stock
    alone, and what is stored at every photo's key now.
    """

    writes: dict[str, tuple[str | None, dict[str, object] | None]] = field(default_factory=dict)
    stocks: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    photos: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def write(self, order: str, product_id: str, fields: dict[str, object] | None) -> None:
        stored = self.writes.get(product_id, (None, None))[0]
        if stored is None or stored < order:
            self.writes[product_id] = (order, fields)

    def availability(self, product_id: str) -> str:
        order, fields = self.writes[product_id]
        assert fields is not None
        own = str(fields.get("availability", "in_stock"))
        if order is None:
            return own
        return max([(order, own), *self.stocks.get(product_id, [])])[1]


class World:
    """One example: operations on a bucket, the events they cause, and the oracle. Ids carry a prefix of their
    own.
    """

    def __init__(self, prefix: str, versioned: bool) -> None:
        self.prefix = prefix
        self.bucket = Bucket(versioned=versioned)
        self.oracle = Oracle()
        self.feeds = 0
        self.exported: dict[str, dict[str, object] | None] = {}

    def apply(self, operation: tuple[str, str, object]) -> list[CatalogueEvent]:
        kind, name, value = operation
        if kind in ("feed", "wrong feed"):
            assert isinstance(value, list)
            return self._feed(name, value) if kind == "feed" else self._wrong_feed(name, value)
        if kind in ("export", "stock", "inventory"):
            self.feeds += 1
            return [getattr(self, f"_{kind}")(f"{self.prefix}{name}{self.feeds}", value)]
        if kind == "export again":
            return self.apply(("export", name, self.exported)) if self.exported else []
        if kind == "everything":
            return self._everything(name)
        if kind in ("photo", "no photo", "former photo", "photo again"):
            return [self._photo(kind, name, value)]
        return self._product(kind, f"{self.prefix}{name}", value)

    def _product(self, kind: str, product_id: str, value: object) -> list[CatalogueEvent]:
        key = f"products/{product_id}.json"
        before = self._current(key)
        if kind == "again":
            standing = self.oracle.writes.get(product_id, (None, None))[1]
            if standing is None:
                return []
            events = [self.bucket.put(key, json.dumps(standing, ensure_ascii=False).encode())]
        elif kind == "put":
            assert isinstance(value, dict)
            data = json.dumps(self._document(product_id, value), ensure_ascii=False).encode()
            events = [self.bucket.put(key, data)]
        elif kind == "roll back" and self.bucket.versioned and self.bucket.versions(key):
            events = [self.bucket.roll_back(key)]
        elif kind == "prune" and self.bucket.versioned and self.bucket.versions(key):
            events = [self.bucket.prune(key)]
        else:
            events = [self.bucket.remove(key)]
        now = self._current(key)
        fields = None if now in (None, BROKEN) else json.loads(now)
        if kind == "prune" and now is not None and now == before:
            self.oracle.writes[product_id] = (None, fields)
        else:
            self.oracle.write(self._order(events[0], 0 if fields is None else 1), product_id, fields)
        if kind == "spoil":  # a key that comes back with something that is no product
            events.append(self.bucket.put(key, BROKEN))
        return events

    def _photo(self, kind: str, name: str, value: object) -> CatalogueEvent:
        key = f"media/{self.prefix}{name}.png"
        if kind == "photo":
            assert isinstance(value, tuple)
            event = self.bucket.put(key, png(value))
        elif kind == "photo again" and (stored := self._current(key)) is not None:
            event = self.bucket.put(key, stored)
        elif kind == "former photo" and self.bucket.versioned and self.bucket.versions(key):
            event = self.bucket.roll_back(key)
        else:
            event = self.bucket.remove(key)
        now = self._current(key)
        self.oracle.photos.pop(name, None)
        self.oracle.photos.update((name, colour) for colour in COLOURS if now == png(colour))
        return event

    def _current(self, key: str) -> bytes | None:
        try:
            return self.bucket.read(self.bucket.uri(key), max_bytes=1 << 20)[0]
        except ObjectNotFound:
            return None

    def _wrong_feed(
        self, name: str, rows: list[tuple[str, dict[str, object] | None]]
    ) -> list[CatalogueEvent]:
        """A feed that is replaced by a wrong one, which is then removed for good."""
        self.feeds += 1
        name = f"{name}{self.feeds}"
        events = self._feed(name, rows)
        if self.bucket.versioned:
            wrong = {"title": "Wrong", "photo": None, "price": 9, "left": True}
            documents = [self._document(f"{self.prefix}{product_id}", wrong) for product_id, _ in rows]
            events.append(self.bucket.put_feed(self.prefix + name, documents))
            events.append(self.bucket.roll_back(f"feeds/{self.prefix}{name}.jsonl"))
            self._rows_of(events[-1], self._documents(rows))
        return events

    def _feed(self, name: str, rows: list[tuple[str, dict[str, object] | None]]) -> list[CatalogueEvent]:
        if not self.bucket.versioned:
            # Without versions an overwritten feed's rows may never have been readable; a name of its own
            # keeps them.
            self.feeds += 1
            name = f"{name}{self.feeds}"
        documents = self._documents(rows)
        event = self.bucket.put_feed(self.prefix + name, documents)
        self._rows_of(event, documents)
        return [event]

    def _everything(self, name: str) -> list[CatalogueEvent]:
        """A feed of what stands, as it is."""
        documents = [fields for _, fields in self.oracle.writes.values() if fields is not None]
        if not documents:
            return []
        if not self.bucket.versioned:
            self.feeds += 1
            name = f"{name}{self.feeds}"
        event = self.bucket.put_feed(self.prefix + name, documents)
        self._rows_of(event, documents)
        return [event]

    def _export(self, name: str, rows: dict[str, dict[str, object] | None]) -> CatalogueEvent:
        self.exported = rows
        lines = []
        for short_id, value in rows.items():
            product_id = f"{self.prefix}{short_id}"
            if value is None:
                handle = product_id if short_id == "s" else f"copy-{product_id}"
                lines.append(product(product_id, handle, "Draft", live=False))
                continue
            link = "" if value["photo"] is None else f"media/{self.prefix}{value['photo']}.png"
            line = product(
                product_id, product_id, str(value["title"]), left=int(bool(value["left"])), photo=link
            )
            lines.append(line | {"Variant Price": f"{value['price']}.00"})
        event = self.bucket.put(f"feeds/{name}.csv", products_csv(*lines))
        for number, (short_id, value) in enumerate(rows.items(), start=1):
            product_id = f"{self.prefix}{short_id}"
            if value is not None:
                fields = self._document(product_id, value) | {"price": f"{value['price']}.00 USD"}
                fields["item_group_id"] = product_id  # or its draft would not be meant for it
                self.oracle.write(self._order(event, number), product_id, fields)
            elif short_id == "s":
                self.oracle.write(self._order(event, number), product_id, None)
        return event

    def _stock(self, name: str, rows: list[tuple[str, str]]) -> CatalogueEvent:
        told = [(f"{self.prefix}{short_id}", word) for short_id, word in rows]
        event = self.bucket.put_feed(
            name, [{"_op": "stock", "id": product_id, "availability": word} for product_id, word in told]
        )
        for number, (product_id, word) in enumerate(told, start=1):
            self.oracle.stocks.setdefault(product_id, []).append((self._order(event, number), word))
        return event

    def _inventory(self, name: str, rows: dict[str, tuple[bool, str]]) -> CatalogueEvent:
        lines = []
        for short_id, (left, copy) in rows.items():
            product_id = f"{self.prefix}{short_id}"
            lines.append(stock(product_id, f"{copy}{product_id}", int(left)))
        event = self.bucket.put(f"feeds/{name}.csv", stock_csv(*lines))
        for number, (short_id, (left, copy)) in enumerate(rows.items(), start=1):
            if not copy:
                told = self._order(event, number), "in_stock" if left else "out_of_stock"
                self.oracle.stocks.setdefault(f"{self.prefix}{short_id}", []).append(told)
        return event

    def _documents(self, rows: list[tuple[str, dict[str, object] | None]]) -> list[dict[str, object]]:
        documents: list[dict[str, object]] = []
        for product_id, value in rows:
            full_id = f"{self.prefix}{product_id}"
            documents.append(
                {"id": full_id, "_op": "delete"} if value is None else self._document(full_id, value)
            )
        return documents

    def _rows_of(self, event: CatalogueEvent, documents: list[dict[str, object]]) -> None:
        for number, document in enumerate(documents, start=1):
            gone = "_op" in document
            self.oracle.write(self._order(event, number), str(document["id"]), None if gone else document)

    def _document(self, product_id: str, value: dict[str, object]) -> dict[str, object]:
        document: dict[str, object] = {
            "id": product_id,
            "title": value["title"],
            "price": f"{value['price']} USD",
        }
        if not value["left"]:
            document["availability"] = "out_of_stock"
        if value["photo"] is not None:
            document["image_link"] = f"media/{self.prefix}{value['photo']}.png"
        return document

    def _order(self, event: CatalogueEvent, row: int) -> str:
        assert event.object.sequencer is not None
        moment = self.bucket.now.replace(microsecond=0)
        return SourceOrder(moment, event.object.sequencer, row, event.object.uri).encode()


def _expect(world: World, table: ProductTable, loaded: LoadedEncoders) -> None:
    rows = {r["id"]: r for r in table.fetch([f"{world.prefix}{i}" for i in (*IDS, *EXPORTED)]).to_pylist()}
    # The draft of a copy is all that ever had the id.
    drafts = set(rows) - set(world.oracle.writes)
    assert all(rows.pop(i)["deleted"] and i == f"{world.prefix}d" for i in drafts)
    assert set(rows) == set(world.oracle.writes)
    for product_id, (order, fields) in world.oracle.writes.items():
        row = rows[product_id]
        assert order is None or row["source_order"] == order
        assert row["deleted"] == (fields is None)
        assert row["stock"] is None or row["stock"] > row["source_order"]
        if fields is None:
            assert row["vector"] is None
            continue
        product = Product.model_validate_json(row["document"])
        assert product.title == fields["title"]
        assert str(product.price) == fields["price"]
        assert product.availability == row["availability"] == world.oracle.availability(product_id)
        text = product.text_for_encoder()
        assert row["text_hash"] == text_hash(text)
        vectors: dict[Modality, np.ndarray] = {"text": loaded.encoders["text"].embed_documents([text])}  # type: ignore[type-arg]
        link = fields.get("image_link")
        photo = None if link is None else str(link).removeprefix(f"media/{world.prefix}").removesuffix(".png")
        colour = world.oracle.photos.get(photo) if photo else None
        assert (row["image_vector"] is None) == (colour is None)
        if colour is not None:
            pixels = np.full((8, 8, 3), colour, np.uint8)
            vectors["image"] = loaded.encoders["image"].embed_documents([pixels])
            assert np.allclose(row["image_vector"], vectors["image"][0], atol=1e-6)
        present = {m: np.ones(1, np.bool_) for m in vectors}
        fused, _ = WeightedMean(loaded.profile.fusion).fuse(vectors, present)
        assert np.allclose(row["vector"], fused[0], atol=1e-5)


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
    _expect(world, rig.table, rig.loaded)
