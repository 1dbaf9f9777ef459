"""A published table of products with made-up unit vectors, written by whichever build is on the path.

    PYTHONPATH=BUILD python -P benchmarks/synthetic_table.py LAKE COLLECTION ROWS

Titles are drawn from a small vocabulary and end with a word of their own; every product has a text, an image
and a fused vector. Uses only what both of two builds under comparison have.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from mmpipe.lake import open_lake
from mmpipe.lake.model_loading import load_profile
from mmpipe.lake.schema import ProductRow, VectorBlock, build_table
from mmpipe.schemas.order import SourceOrder
from mmpipe.schemas.product import Money, Product
from mmpipe.settings import load_settings

_PIECE_ROWS = 50_000
_CLUSTERS = 1_000
_KINDS = ("shoe", "bag", "hat", "lamp", "chair", "phone", "watch", "mug", "shirt", "jeans", "sofa", "ring")
_COLORS = ("red", "green", "blue", "black", "white", "grey", "brown", "pink")
_STYLES = ("casual", "formal", "sporty", "vintage", "modern", "light", "heavy", "soft", "warm", "slim")


def _unit(rng: np.random.Generator, centres: np.ndarray, count: int) -> np.ndarray:
    """Rows of unit length around the centres, as encoded products lie around their kinds."""
    values = centres[rng.integers(0, len(centres), count)]
    values = values + rng.standard_normal(values.shape, dtype=np.float32) * np.float32(0.05)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values


def main() -> None:
    lake, collection, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    settings = load_settings()
    settings = settings.model_copy(update={"lake": settings.lake.model_copy(update={"uri": lake})})
    profile = load_profile("starter", settings).profile
    home = open_lake(settings).collection(collection, create=True)
    table = home.products(profile, create=True)
    # Any upload is newer than this.
    moment = datetime.now(UTC) - timedelta(days=1)
    draw, rng = random.Random(7), np.random.default_rng(7)
    centres = rng.standard_normal((_CLUSTERS, profile.dim), dtype=np.float32) / np.float32(profile.dim**0.5)
    begun = time.perf_counter()
    for start in range(0, rows, _PIECE_ROWS):
        count = min(_PIECE_ROWS, rows - start)
        written = [_row(number, draw, moment) for number in range(start, start + count)]
        present = np.ones(count, dtype=np.bool_)
        vectors = {
            name: VectorBlock(_unit(rng, centres, count), present)
            for name in ("text_vector", "image_vector", "vector")
        }
        table.upsert(build_table(written, vectors, profile.dim))
        print(f"{start + count} rows after {time.perf_counter() - begun:.1f} s", flush=True)
    table.maintain()
    print(f"indexes after {time.perf_counter() - begun:.1f} s", flush=True)
    live = home.publish(table, reason="benchmark")
    print(f"{live.rows} products live after {time.perf_counter() - begun:.1f} s", flush=True)


def _row(number: int, draw: random.Random, moment: datetime) -> ProductRow:
    color, kind = draw.choice(_COLORS), draw.choice(_KINDS)
    address = f"s3://synthetic/media/{number}.jpg"
    # Made without validation: a million of them.
    product = Product.model_construct(
        id=f"s{number}",
        title=f"{color} {kind} {draw.choice(_STYLES)} {draw.choice(_STYLES)} n{number:07d}",
        brand=f"Brand{number % 400}",
        product_type=kind,
        color=color,
        availability="in_stock",
        price=Money(amount=Decimal(draw.randint(5, 300)), currency="USD"),
        image_link=f"media/{number}.jpg",
    )
    return ProductRow(
        product=product,
        source_order=SourceOrder(moment, "", number, "s3://synthetic/feed.jsonl").encode(),
        run_id="synthetic",
        updated_at=moment,
        media_uris=(address,),
        hashes={"text": f"{number:016x}", "image": f"{number:016x}"},
    )


if __name__ == "__main__":
    main()
