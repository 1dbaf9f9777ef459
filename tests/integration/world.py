"""Operations on a bucket, the events they cause, and the table that the state of the bucket dictates."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from mmpipe.encoders.base import Modality
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import ObjectNotFound
from mmpipe.fusion import WeightedMean
from mmpipe.indexing.pipeline.hashes import text_hash
from mmpipe.lake import ProductTable
from mmpipe.schemas.order import SourceOrder
from mmpipe.schemas.product import Product
from mmpipe.schemas.work import CatalogueEvent
from tests.unit.indexing.bucket import Bucket, png
from tests.unit.indexing.shopify import product, products_csv, stock, stock_csv

IDS = ("a", "b", "c")
IN_FEEDS = ("a", "b")
# Of Shopify's exports: the drafts of the first are the product itself, those of the second a copy of it.
EXPORTED = ("s", "d")
PHOTOS = ("x", "y")
BROKEN = b'{"title":'
COLOURS = ((220, 30, 30), (30, 30, 220), (30, 200, 30))


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


def expect(world: World, table: ProductTable, loaded: LoadedEncoders) -> None:
    """Compare what the table holds with the oracle."""
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
