"""A made-up shop: products in families, and shoppers who go through a family one product after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mmpipe.encoders.base import EncoderInfo, FusionInfo, Profile
from mmpipe.lake import Collection, Lake, open_lake
from mmpipe.lake.interactions import SCHEMA
from mmpipe.lake.schema import ProductRow, VectorBlock, build_table
from mmpipe.learn.recommender.settings import RecommenderSettings
from mmpipe.schemas.product import Money, Product
from mmpipe.settings import LakeSettings, ModelSettings, ServeSettings, Settings

DIM = 8
PROFILE = Profile(
    "test", DIM, {"text": EncoderInfo("t", "1", "text", DIM)}, FusionInfo("weighted_mean", "1", {"text": 1.0})
)
FAMILIES, MEMBERS = 6, 8
# Of yesterday: what is a year old is kept by no log.
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
QUICK = RecommenderSettings(
    models=("item-knn",), least_shoppers=20, least_judged=5, least_clicks=30, epochs=2, dim=16
)


def ids() -> list[str]:
    return [f"p{family}-{member}" for family in range(FAMILIES) for member in range(MEMBERS)]


def vectors_of(product_ids: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Members of a family are alike."""
    found = np.empty((len(product_ids), DIM), np.float32)
    for row, name in zip(found, product_ids, strict=True):
        family, member = name[1:].split("-")
        base = np.random.default_rng(int(family)).standard_normal(DIM)
        row[:] = base + 0.3 * np.random.default_rng([int(family), int(member)]).standard_normal(DIM)
        row /= np.linalg.norm(row)
    return found


def settings_at(folder: Path) -> Settings:
    return Settings(
        lake=LakeSettings(uri=str(folder / "lake")),
        models=ModelSettings(cache_dir=str(folder / "cache")),
        serve=ServeSettings(mirror_dir=str(folder / "mirror")),
    )


def open_shop(folder: Path, product_ids: Sequence[str] | None = None) -> tuple[Lake, Collection]:
    """A lake with the products live and nothing in the log."""
    lake = open_lake(settings_at(folder))
    collection = lake.collection("shop", create=True)
    publish(collection, ids() if product_ids is None else product_ids)
    return lake, collection


def publish(
    collection: Collection, product_ids: Sequence[str], *, profile: Profile = PROFILE, n: int = 1
) -> None:
    """Write products, and make them live."""
    rows = [
        ProductRow(
            Product(
                id=name,
                title=f"thing {name}",
                price=Money(amount=Decimal(10 + 5 * int(name[1])), currency="USD"),
                availability="out_of_stock" if name.endswith("-7") else "in_stock",
            ),
            f"{n:012d}",
            "run",
            NOW,
        )
        for name in product_ids
    ]
    block = VectorBlock(vectors_of(product_ids), np.ones(len(rows), np.bool_))
    table = collection.products(profile, create=True)
    table.upsert(build_table(rows, {"text_vector": block, "vector": block}, DIM))
    collection.publish(table, reason="test")


def walks(shoppers: int, *, seed: int = 1, days: float = 20, end: datetime = NOW) -> list[dict[str, Any]]:
    """Events of shoppers who view a family's products in their order, with a jump now and then."""
    rng = np.random.default_rng(seed)
    events: list[dict[str, Any]] = []
    for shopper in range(shoppers):
        family, member = int(rng.integers(FAMILIES)), int(rng.integers(MEMBERS))
        at = end - timedelta(days=float(rng.random()) * days)
        for _ in range(int(rng.integers(4, 8))):
            events.append(event(f"u{seed}-{shopper}", f"p{family}-{member}", at, seed=seed, n=len(events)))
            if rng.random() < 0.1:
                family = int(rng.integers(FAMILIES))
            member = (member + 1) % MEMBERS
            at = min(at + timedelta(hours=float(rng.random()) * 30), end)
    return events


def event(
    user: str | None, product: str | None, at: datetime, *, seed: int = 0, n: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "event_id": f"e{seed}-{n}-{user}",
        "type": "view",
        "user": user,
        "product_id": product,
        "occurred_at": at,
        "received_at": at,
        **more,
    }


def table_of(events: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(events), SCHEMA)


def store(collection: Collection, events: Sequence[dict[str, Any]]) -> None:
    """Put events into the log."""
    collection.interactions.append(table_of(events))
