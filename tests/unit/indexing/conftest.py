from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.indexing import Indexer
from mmpipe.indexing.lanes import chunks, staging, worker
from mmpipe.indexing.lanes import feed as lanes
from mmpipe.lake import Collection, ProductTable, open_lake
from mmpipe.schemas.work import CatalogueEvent, WorkOutcome
from mmpipe.settings import IndexingSettings, LakeSettings, Settings
from tests.unit.indexing.bucket import Bucket, order_of


@dataclass
class Shop:
    """A bucket, an indexer over it and the lake it fills."""

    bucket: Bucket
    indexer: Indexer
    settings: Settings
    collection: Collection
    loaded: LoadedEncoders

    @property
    def table(self) -> ProductTable:
        return self.collection.products(self.loaded.profile, create=True)

    def run(self, *events: CatalogueEvent) -> list[WorkOutcome]:
        return self.indexer.execute([order_of(event) for event in events])

    def ok(self, *events: CatalogueEvent) -> None:
        outcomes = self.run(*events)
        assert [o.status for o in outcomes] == ["done"] * len(events), outcomes

    def row(self, product_id: str) -> dict[str, Any]:
        rows = self.table.fetch([product_id]).to_pylist()
        assert len(rows) == 1, rows
        return rows[0]

    def encoded(self) -> dict[str, int]:
        """Inputs encoded since the last call, by modality."""
        counts = {}
        for modality, encoder in self.loaded.encoders.items():
            if encoder.documents:  # type: ignore[attr-defined]
                counts[modality] = encoder.documents  # type: ignore[attr-defined]
            encoder.documents = 0  # type: ignore[attr-defined]
        return counts


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(tmp_path / "lake")),
        indexing=IndexingSettings(profile="fake", chunk_rows=16),
    )


@pytest.fixture
def shop(settings: Settings) -> Iterator[Shop]:
    bucket = Bucket()
    lake = open_lake(settings)
    loaded = registry.load("fake")
    indexer = Indexer(settings, lake, loaded, lambda _uri: bucket, maintain=False)
    yield Shop(bucket, indexer, settings, lake.collection("demo", create=True), loaded)
    indexer.close()


@pytest.fixture
def batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop, whose bucket the batch lane reads as well."""
    for module in (lanes, chunks, staging, worker):
        monkeypatch.setattr(module, "stores", lambda _settings: lambda _uri: shop.bucket)
    return shop
