"""Small catalogues as Lance datasets, built by the lake's own row builder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa

from mmpipe.encoders import fake, registry
from mmpipe.encoders.base import Modality, Vectors, VideoFrames
from mmpipe.fusion import WeightedMean
from mmpipe.lake.frames import ClipFrames
from mmpipe.lake.schema import (
    ProductRow,
    Tombstone,
    VectorBlock,
    build_table,
    build_tombstones,
    products_schema,
)
from mmpipe.schemas.product import Money, Product, SalePeriod
from mmpipe.schemas.search import Filters, SearchRequest
from mmpipe.search import Searcher, encode
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load
from mmpipe.search.versions.version import Version
from mmpipe.settings import ServeSettings

PROFILE = fake.profile()
FACETS = ["brand", "category", "color", "price", "attributes.season"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def product(
    product_id: str, title: str = "thing", *, price: str | None = "10.00", currency: str = "USD", **more: Any
) -> Product:
    return Product(id=product_id, title=title, price=usd(price, currency), **more)


def usd(amount: str | None, currency: str = "USD") -> Money | None:
    return None if amount is None else Money(amount=Decimal(amount), currency=currency)


def sale(amount: str, start: datetime | None = None, end: datetime | None = None) -> dict[str, Any]:
    """The two fields of a sale, for :func:`product`."""
    return {"sale_price": usd(amount), "sale_price_effective_date": SalePeriod(start=start, end=end)}


def rows_of(
    products: Sequence[Product],
    images: dict[str, int] | None = None,
    *,
    vectors: bool = True,
    order: str = "1",
) -> pa.Table:
    """Encoded by the fake profile: every product's text, and a plain grey image for ids in ``images``."""
    encoders = fake.encoders()
    count = len(products)
    blocks: dict[Modality, VectorBlock] = {}
    if vectors:
        texts = encoders["text"].embed_documents([p.text_for_encoder() for p in products])
        blocks["text"] = VectorBlock(texts, np.ones(count, np.bool_))
        has = np.array([p.id in (images or {}) for p in products], np.bool_)
        pictures = [np.full((4, 4, 3), (images or {}).get(p.id, 0), np.uint8) for p in products]
        blocks["image"] = VectorBlock(encoders["image"].embed_documents(pictures), has)
    columns = {f"{m}_vector": block for m, block in blocks.items()}
    if blocks:
        fused, present = WeightedMean(PROFILE.fusion).fuse(
            {m: b.values for m, b in blocks.items()}, {m: b.present for m, b in blocks.items()}
        )
        columns["vector"] = VectorBlock(fused, present)
    rows = [ProductRow(p, order, "run", NOW, added_at=NOW) for p in products]
    return build_table(rows, columns, PROFILE.dim)


def picture(level: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((4, 4, 3), level, np.uint8)


def clips_of(levels: dict[str, list[int] | None], *, title: str = "thing") -> pa.Table:
    """One row per id: a clip of plain grey frames a second apart, or none; every row has its text."""
    products = [product(product_id, f"{title} {product_id}") for product_id in levels]
    texts = fake.encoders()["text"].embed_documents([p.text_for_encoder() for p in products])
    vectors = np.zeros_like(texts)
    clips: list[ClipFrames | None] = []
    for row, shown in enumerate(levels.values()):
        clips.append(None)
        if shown is not None:
            seconds = tuple(float(n) for n in range(len(shown)))
            frames = VideoFrames(tuple(picture(level) for level in shown), seconds)
            pooled, found = fake.FakeVideo().embed_frames([frames])
            vectors[row], clips[row] = pooled[0], ClipFrames.of(seconds, found[0])
    every = np.ones(len(products), np.bool_)
    has = np.array([clip is not None for clip in clips])
    blocks = {"text_vector": VectorBlock(texts, every), "video_vector": VectorBlock(vectors, has),
              "vector": VectorBlock(texts, every)}  # fmt: skip
    return build_table([ProductRow(p, "1", "run", NOW) for p in products], blocks, PROFILE.dim, clips)


def tombstones(ids: Sequence[str]) -> pa.Table:
    return build_tombstones([Tombstone(i, "2", "run", NOW) for i in ids], PROFILE.dim)


def create(folder: Path, *batches: pa.Table) -> Any:
    """A dataset with one fragment per batch."""
    schema = products_schema(PROFILE.dim, PROFILE)
    dataset = lance.write_dataset(schema.empty_table(), str(folder))
    for batch in batches:
        dataset = append(folder, batch)
    return dataset


def append(folder: Path, batch: pa.Table) -> Any:
    schema = products_schema(PROFILE.dim, PROFILE)
    return lance.write_dataset(batch.cast(schema), str(folder), mode="append")


def upsert(folder: Path, batch: pa.Table) -> Any:
    dataset = lance.dataset(str(folder))
    dataset.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(batch)
    return lance.dataset(str(folder))


def version(
    dataset: Any, *, former: Version | None = None, exact_rows: int = 100_000, folder: Path | None = None
) -> Version:
    """The version that a dataset is of; its packs lie in ``folder``, or beside the dataset."""
    parts = folder or Path(dataset.uri.removeprefix("file://")).parent / "parts"
    parts.mkdir(mode=0o700, exist_ok=True)
    node = NodeFolder(parts)
    try:
        return load(
            dataset, collection="shop", table="products", folder=node, exact_rows=exact_rows, former=former
        )
    finally:
        node.close()  # what is mapped stays so


def text_vector(text: str) -> Vectors:
    return fake.encoders()["text"].embed_query(text)


def fused_of(products: Sequence[Product]) -> Vectors:
    """Of products without media, the fused vector is the text's."""
    return fake.encoders()["text"].embed_documents([p.text_for_encoder() for p in products])


def answers(found: Version) -> list[dict[str, Any]]:
    """Everything that some requests' pages say, but how long it took."""
    loaded = registry.load("fake")
    searcher = Searcher(loaded.profile, ServeSettings(candidates=30))
    requests = [
        SearchRequest(facets=FACETS, limit=100),
        SearchRequest(text="red shirts", facets=FACETS, limit=100),
        SearchRequest(text="blue shoe", filters=Filters(brand=["ACME"], category=["a"]), facets=FACETS),
        SearchRequest(filters=Filters(attributes={"season": ["Winter"]}), facets=FACETS),
    ]
    pages = [searcher.search(found, request, encode(request, loaded, {})) for request in requests]
    return [page.model_dump(exclude={"took_ms"}) for page in pages]
