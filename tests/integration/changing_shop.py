"""A shop in a folder whose models are changed while it is open."""

from __future__ import annotations

import io
import json
import os
import time
import wave
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.indexing import Indexer
from mmpipe.indexing.sources.stores import stores
from mmpipe.lake import Collection, Lake, ProductTable, open_lake
from mmpipe.lake.model_loading import load_exactly
from mmpipe.objects import to_uri
from mmpipe.schemas.search import SearchRequest
from mmpipe.schemas.work import CatalogueEvent, EventKind, ObjectRef, WorkOrder, WorkOutcome, run_id_of
from mmpipe.search import LiveVersions, Searcher, encode
from mmpipe.settings import IndexingSettings, LakeSettings, ModelSettings, Settings, SpeechSettings
from tests.unit.indexing.bucket import png

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220)}


def wav(hertz: float) -> bytes:
    out = io.BytesIO()
    samples = np.sin(np.arange(8_000) * hertz * 2 * np.pi / 8_000) * 12_000
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(samples.astype(np.int16).tobytes())
    return out.getvalue()


class Shop:
    """A folder laid out as a bucket, and an indexer that lives on whatever becomes live."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root = root / "shop"
        self.settings = settings
        self.lake: Lake = open_lake(settings)
        self.fake = registry.load("fake")
        self.indexer = Indexer(settings, self.lake, self.fake, stores(settings), maintain=False)
        self.collection: Collection = self.lake.collection("shop", create=True)
        self._clock = int(time.time()) - 10_000

    def write(self, key: str, data: bytes) -> Path:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._clock += 10
        os.utime(path, (self._clock, self._clock))
        return path

    def order(self, key: str, kind: EventKind) -> WorkOrder:
        path = self.root / key
        uri = to_uri(path)
        when = datetime.fromtimestamp(self._clock, UTC)
        etag = stores(self.settings)(uri).stat(uri).etag if path.exists() else None
        event = CatalogueEvent(
            kind=kind, collection="shop", object=ObjectRef(uri=uri, etag=etag, event_time=when)
        )
        return WorkOrder(
            run_id=run_id_of(event, "fake"),
            kind=kind,
            collection="shop",
            object=event.object,
            lane="warm",
        )

    def upload(self, product_id: str, **fields: object) -> WorkOrder:
        key = f"products/{product_id}.json"
        self.write(key, json.dumps({"id": product_id, **fields}).encode())
        return self.order(key, "product_uploaded")

    def remove(self, product_id: str) -> WorkOrder:
        (self.root / f"products/{product_id}.json").unlink()
        self._clock += 10
        return self.order(f"products/{product_id}.json", "product_removed")

    def run(self, *orders: WorkOrder) -> list[WorkOutcome]:
        outcomes = self.indexer.execute(orders)
        assert {o.status for o in outcomes} <= {"done", "duplicate"}, outcomes
        return outcomes

    def live(self) -> ProductTable:
        live = self.collection.live()
        assert live is not None
        return self.collection.table(live.table)

    def search(self, text: str) -> list[str]:
        """The ids found in what is live, by the models that encoded it."""
        store = LiveVersions(self.settings, self.lake)
        try:
            found = store.get("shop")
            loaded = load_exactly(found.profile, self.settings)
            request = SearchRequest(text=text)
            query = encode(request, loaded, {})
            return [
                h.id for h in Searcher(found.profile, self.settings.serve).search(found, request, query).hits
            ]
        finally:
            store.close()


def rows_of(table: ProductTable) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in table.latest().to_table().to_pylist()}


def settings_in(folder: Path) -> Settings:
    """A lake below ``folder``, chunks and commits of four rows."""
    return Settings(
        lake=LakeSettings(uri=str(folder / "lake")),
        indexing=IndexingSettings(profile="fake", chunk_rows=4, commit_rows=4),
        models=ModelSettings(cache_dir=str(folder / "cache")),
        speech=SpeechSettings(recognizer="none"),
    )


def filled_shop(folder: Path, settings: Settings) -> Shop:
    """Nine products with photos, three of them with a sound, and one that was deleted, live by ``fake``."""
    made = Shop(folder, settings)
    for name, rgb in COLOURS.items():
        made.write(f"media/{name}.png", png(rgb))
    made.write("media/tone.wav", wav(440))
    orders = [
        made.upload(
            f"{name}-{kind}",
            title=f"{name} {kind}",
            image_link=f"media/{name}.png",
            price="10 USD",
            **({"audio_link": "media/tone.wav"} if kind == "dress" else {}),
        )
        for name in COLOURS
        for kind in ("dress", "shoes", "hat")
    ]
    orders.append(made.upload("gone", title="gone tomorrow"))
    made.run(*orders)
    made.run(made.remove("gone"))
    return made


def other_profile(_threads: int | None = None) -> LoadedEncoders:
    """A profile as light as ``fake`` that encodes everything but sound otherwise."""
    fake = registry.load("fake")
    infos = {
        m: info if m == "audio" else replace(info, revision="2") for m, info in fake.profile.encoders.items()
    }
    return LoadedEncoders(replace(fake.profile, name="other", encoders=infos), fake.encoders)
