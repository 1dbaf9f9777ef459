"""Small tables for the lake's tests: unit vectors that depend on the id alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from mmpipe.encoders.base import EncoderInfo, FusionInfo, Profile
from mmpipe.lake.schema import ProductRow, Tombstone, VectorBlock, build_table, build_tombstones
from mmpipe.schemas.product import Product

DIM = 16
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROFILE = Profile(
    "test", DIM, {"text": EncoderInfo("t", "1", "text", DIM)}, FusionInfo("weighted_mean", "1", {"text": 1.0})
)


def order(n: int) -> str:
    return f"{n:012d}"


def vector_of(product_id: str, salt: str = "") -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256((product_id + salt).encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).normal(size=DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def products(
    ids: Sequence[str], n: int = 1, *, title: str = "red shoe", media: Sequence[str] = (), dim: int = DIM
) -> pa.Table:
    rows = [
        ProductRow(Product(id=i, title=f"{title} {i}"), order(n), "run", NOW, tuple(media), {"text": "h"})
        for i in ids
    ]
    vectors = np.stack([vector_of(i) for i in ids]) if ids else np.zeros((0, dim), np.float32)
    every = np.ones(len(ids), dtype=np.bool_)
    half = np.arange(len(ids)) % 2 == 0
    blocks = {
        "text_vector": VectorBlock(vectors, every),
        "image_vector": VectorBlock(vectors, half),
        "vector": VectorBlock(vectors, every),
    }
    return build_table(rows, blocks, dim)


def deletions(ids: Sequence[str], n: int, at: datetime | None = None) -> pa.Table:
    """Tombstones, written ``at`` that moment: now, or maintenance would collect them."""
    at = at or datetime.now(UTC)
    return build_tombstones([Tombstone(i, order(n), "run", at) for i in ids], DIM)
