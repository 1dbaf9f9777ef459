"""A published table of products with made-up unit vectors, written by whichever build is on the path.

    PYTHONPATH=BUILD python -P benchmarks/synthetic_table.py LAKE COLLECTION ROWS [--fragments N]

Products belong to kinds, as in a shop: a kind has its words, its shelf and its place among the vectors.
Titles are three words of the kind and four of a vocabulary of 5,000 with Zipf frequencies; every tenth has a
model number of its own. ``gender`` keeps half of the products, each ``attributes.material`` 5 %, each
``attributes.series`` 0.5 %, all three drawn independently of the kind; one in ten is on sale. Every product
has a text, an image and a fused vector. Uses only what both of two builds under comparison have.
"""

from __future__ import annotations

import argparse
import random
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, product

import lance
import numpy as np

from mmpipe.lake import open_lake
from mmpipe.lake.model_loading import load_profile
from mmpipe.lake.schema import ProductRow, VectorBlock, build_table
from mmpipe.schemas.order import SourceOrder
from mmpipe.schemas.product import Money, Product
from mmpipe.settings import load_settings

_PIECE_ROWS = 50_000
_SEED = 7
_VOCABULARY = 5_000
_KINDS, _DEPARTMENTS = 1_000, 12
_KIND_WORDS, _OWN_WORDS, _OTHER_WORDS = 12, 3, 4
# How far a product lies from its kind, beside a kind's own length of 1: 0.8 in all directions together.
_SPREAD = 0.05
_COLORS = ("red", "green", "blue", "black", "white", "grey", "brown", "pink")


def vocabulary() -> list[str]:
    """Made-up words, the most frequent first: the shortest."""
    syllables = ["".join(pair) for pair in product("bdfgklmnprstvz", "aeiou")]
    words = [a + b for a, b in product(syllables, repeat=2)]
    random.Random(_SEED).shuffle(words)
    longer = [a + b for a, b in zip(words, reversed(words), strict=True)]
    return (words + longer)[:_VOCABULARY]


class Shop:
    """Draws products; the same ones at every run, in however many pieces."""

    def __init__(self, dim: int) -> None:
        rng = np.random.default_rng(_SEED)
        self._noise = rng.spawn(2)
        self._draw, self._kind = random.Random(_SEED), random.Random(_SEED + 1)
        self._words = vocabulary()
        self._frequencies = list(accumulate(1 / (place + 10) for place in range(len(self._words))))
        # Kinds of one department lie nearer to each other.
        departments = rng.standard_normal((_DEPARTMENTS, dim), dtype=np.float32)
        kinds = rng.standard_normal((_KINDS, dim), dtype=np.float32)
        kinds += departments[np.arange(_KINDS) % _DEPARTMENTS]
        self._centres = kinds / np.linalg.norm(kinds, axis=1, keepdims=True)
        self._kind_words = [self._some_words(_KIND_WORDS) for _ in range(_KINDS)]
        # Any upload is newer than this.
        self._moment = datetime.now(UTC) - timedelta(days=1)

    def piece(self, start: int, count: int) -> tuple[list[ProductRow], dict[str, VectorBlock]]:
        """Products by number, and their vectors."""
        kinds = [self._kind.randrange(_KINDS) for _ in range(count)]
        rows = [self._row(start + place, kind) for place, kind in enumerate(kinds)]
        text, image = (self._near(kinds, rng) for rng in self._noise)
        present = np.ones(count, dtype=np.bool_)
        named = {"text_vector": text, "image_vector": image, "vector": _unit(text + image)}
        return rows, {name: VectorBlock(values, present) for name, values in named.items()}

    def _near(self, kinds: list[int], rng: np.random.Generator) -> np.ndarray:
        values = self._centres[kinds]
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        noise *= np.float32(_SPREAD * 16 / values.shape[1] ** 0.5)
        return _unit(values + noise)

    def _some_words(self, count: int) -> list[str]:
        return self._draw.choices(self._words, cum_weights=self._frequencies, k=count)

    def _row(self, number: int, kind: int) -> ProductRow:
        draw = self._draw
        words = draw.sample(self._kind_words[kind], _OWN_WORDS) + self._some_words(_OTHER_WORDS)
        draw.shuffle(words)
        if draw.random() < 0.1:
            words.append(f"n{number:07d}")
        price = draw.randint(500, 30_000)
        # Made without validation: a million of them.
        made = Product.model_construct(
            id=f"s{number}",
            title=" ".join(words),
            brand=f"Brand{draw.randrange(400)}",
            product_type=f"Department {kind % _DEPARTMENTS} > Aisle {kind % 48} > Shelf {kind % 144}",
            color=draw.choice(_COLORS),
            gender=draw.choice(("female", "male")),
            availability="in_stock",
            price=Money(amount=Decimal(price) / 100, currency="USD"),
            sale_price=Money(amount=Decimal(price * 4 // 5) / 100, currency="USD")
            if draw.random() < 0.1
            else None,
            link=f"https://shop.example/products/{number}",
            image_link=f"media/{number}.jpg",
            attributes={
                "material": f"material {draw.randrange(20)}",
                "series": f"series {draw.randrange(200)}",
            },
        )
        return ProductRow(
            product=made,
            source_order=SourceOrder(self._moment, "", number, "s3://synthetic/feed.jsonl").encode(),
            run_id="synthetic",
            updated_at=self._moment,
            media_uris=(f"s3://synthetic/media/{number}.jpg",),
            hashes={"text": f"{number:016x}", "image": f"{number:016x}"},
        )


def _unit(values: np.ndarray) -> np.ndarray:
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("lake")
    parser.add_argument("collection")
    parser.add_argument("rows", type=int)
    parser.add_argument("--fragments", type=int, help=f"default: one per {_PIECE_ROWS:,} rows")
    options = parser.parse_args()
    settings = load_settings()
    settings = settings.model_copy(update={"lake": settings.lake.model_copy(update={"uri": options.lake})})
    profile = load_profile("starter", settings).profile
    home = open_lake(settings).collection(options.collection, create=True)
    table = home.products(profile, create=True)
    shop = Shop(profile.dim)
    begun = time.perf_counter()
    piece = _PIECE_ROWS
    if options.fragments and options.fragments > 1:
        piece = -(-options.rows // options.fragments)
    for start in range(0, options.rows, piece):
        rows, vectors = shop.piece(start, min(piece, options.rows - start))
        table.upsert(build_table(rows, vectors, profile.dim))
        print(f"{start + len(rows)} rows after {time.perf_counter() - begun:.1f} s", flush=True)
    if options.fragments == 1:
        lance.dataset(table.uri).optimize.compact_files(target_rows_per_fragment=options.rows)
        print(f"one fragment after {time.perf_counter() - begun:.1f} s", flush=True)
    table.maintain()
    print(f"indexes after {time.perf_counter() - begun:.1f} s", flush=True)
    live = home.publish(table, reason="benchmark")
    print(f"{live.rows} products live after {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
