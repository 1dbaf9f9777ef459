"""Duplicated, shuffled and late events give the table that the order of the sources dictates."""

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
from mmpipe.fusion import WeightedMean
from mmpipe.indexing import Indexer
from mmpipe.indexing.hashes import text_hash
from mmpipe.lake import ProductTable, open_lake
from mmpipe.schemas.order import SourceOrder
from mmpipe.schemas.product import Product
from mmpipe.schemas.work import CatalogueEvent
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import Bucket, order_of, png

IDS = ("a", "b", "c")
PHOTOS = ("x", "y")
COLOURS = ((220, 30, 30), (30, 30, 220), (30, 200, 30))

titles = st.sampled_from(["Red dress", "Blue hat", "Green sock"])
photos = st.sampled_from([None, *PHOTOS, *PHOTOS])
products = st.fixed_dictionaries({"title": titles, "photo": photos, "price": st.integers(1, 3)})
feed_rows = st.lists(st.tuples(st.sampled_from(IDS), st.one_of(st.none(), products)), min_size=1, max_size=4)
operations = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(IDS), products),
    st.tuples(st.just("remove"), st.sampled_from(IDS), st.none()),
    st.tuples(st.just("feed"), st.sampled_from(["one", "two"]), feed_rows),
    st.tuples(st.just("photo"), st.sampled_from(PHOTOS), st.sampled_from(COLOURS)),
    st.tuples(st.just("no photo"), st.sampled_from(PHOTOS), st.none()),
)
steps = st.lists(st.tuples(operations, st.sampled_from([0.0, 0.3, 1.0])), min_size=3, max_size=10)


@dataclass
class Oracle:
    """The last write of every product by source order, and what is stored at every photo's key now."""

    writes: dict[str, tuple[str, dict[str, object] | None]] = field(default_factory=dict)
    photos: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def write(self, order: str, product_id: str, fields: dict[str, object] | None) -> None:
        if product_id not in self.writes or self.writes[product_id][0] < order:
            self.writes[product_id] = (order, fields)


class World:
    """One example: operations on a bucket, the events they cause, and the oracle. Ids carry a prefix of their
    own.
    """

    def __init__(self, prefix: str, versioned: bool) -> None:
        self.prefix = prefix
        self.bucket = Bucket(versioned=versioned)
        self.oracle = Oracle()
        self.feeds = 0

    def apply(self, operation: tuple[str, str, object]) -> CatalogueEvent:
        kind, name, value = operation
        if kind == "put":
            assert isinstance(value, dict)
            fields = self._document(f"{self.prefix}{name}", value)
            event = self.bucket.put(
                f"products/{self.prefix}{name}.json", json.dumps(fields, ensure_ascii=False).encode()
            )
            self.oracle.write(self._order(event, 1), f"{self.prefix}{name}", fields)
        elif kind == "remove":
            event = self.bucket.remove(f"products/{self.prefix}{name}.json")
            self.oracle.write(self._order(event, 0), f"{self.prefix}{name}", None)
        elif kind == "feed":
            assert isinstance(value, list)
            event = self._feed(name, value)
        elif kind == "photo":
            assert isinstance(value, tuple)
            event = self.bucket.put(f"media/{self.prefix}{name}.png", png(value))
            self.oracle.photos[name] = value
        else:
            event = self.bucket.remove(f"media/{self.prefix}{name}.png")
            self.oracle.photos.pop(name, None)
        return event

    def _feed(self, name: str, rows: list[tuple[str, dict[str, object] | None]]) -> CatalogueEvent:
        documents: list[dict[str, object]] = []
        for product_id, value in rows:
            full_id = f"{self.prefix}{product_id}"
            documents.append(
                {"id": full_id, "_op": "delete"} if value is None else self._document(full_id, value)
            )
        if not self.bucket.versioned:
            # Without versions an overwritten feed's rows may never have been readable; a name of its own
            # keeps them.
            self.feeds += 1
            name = f"{name}{self.feeds}"
        event = self.bucket.put_feed(self.prefix + name, documents)
        for number, document in enumerate(documents, start=1):
            gone = "_op" in document
            self.oracle.write(self._order(event, number), str(document["id"]), None if gone else document)
        return event

    def _document(self, product_id: str, value: dict[str, object]) -> dict[str, object]:
        document: dict[str, object] = {
            "id": product_id,
            "title": value["title"],
            "price": f"{value['price']} USD",
        }
        if value["photo"] is not None:
            document["image_link"] = f"media/{self.prefix}{value['photo']}.png"
        return document

    def _order(self, event: CatalogueEvent, row: int) -> str:
        assert event.object.sequencer is not None
        moment = self.bucket.now.replace(microsecond=0)
        return SourceOrder(moment, event.object.sequencer, row, event.object.uri).encode()


def _expect(world: World, table: ProductTable, loaded: LoadedEncoders) -> None:
    rows = {r["id"]: r for r in table.fetch([f"{world.prefix}{i}" for i in IDS]).to_pylist()}
    assert set(rows) == set(world.oracle.writes)
    for product_id, (order, fields) in world.oracle.writes.items():
        row = rows[product_id]
        assert row["source_order"] == order
        assert row["deleted"] == (fields is None)
        if fields is None:
            assert row["vector"] is None
            continue
        product = Product.model_validate_json(row["document"])
        assert product.title == fields["title"]
        assert str(product.price) == fields["price"]
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
        lake = open_lake(config)
        self.indexer = Indexer(config, lake, self.loaded, lambda _uri: self.bucket, maintain=False)
        self.table = lake.collection("demo", create=True).products(self.loaded.profile, create=True)

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
    yield made
    made.indexer.close()


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(stream=steps, seed=st.integers(0, 2**32 - 1), versioned=st.booleans())
def test_any_delivery_gives_the_same_table(
    rig: Rig, stream: list[tuple[tuple[str, str, object], float]], seed: int, versioned: bool
) -> None:
    world = rig.world(versioned)
    chance = random.Random(seed)
    waiting: list[CatalogueEvent] = []
    delivered: list[CatalogueEvent] = []

    def deliver(events: list[CatalogueEvent]) -> None:
        while events:
            size = chance.randint(1, 4)
            batch, events = events[:size], events[size:]
            outcomes = rig.indexer.execute([order_of(event) for event in batch])
            assert {o.status for o in outcomes} <= {"done", "duplicate"}, outcomes
            delivered.extend(batch)

    for operation, seconds in stream:
        world.bucket.tick(seconds)
        waiting.append(world.apply(operation))
        if chance.random() < 0.6:
            chance.shuffle(waiting)
            late = chance.randint(0, len(waiting) // 2)
            now, waiting = waiting[late:], waiting[:late]
            deliver(now)
    again = [event for event in delivered if chance.random() < 0.3]
    waiting += again + [event for event in waiting if chance.random() < 0.3]
    chance.shuffle(waiting)
    deliver(waiting)
    _expect(world, rig.table, rig.loaded)
