"""Milliseconds of one hybrid query with filters and facets inside the searcher, stage by stage; no HTTP, no
encoder.

    python benchmarks/searcher.py [--rows 42662] [--dim 256] [--queries 300] [--catalogue
    kagl/catalogue.parquet]

Without a catalogue the products are drawn from a word list with Zipf frequencies. Vectors are random around a
few hundred centres: retrieval cost does not depend on what they mean. Prints one JSON line; ``cpu`` figures
are process CPU time per query, which other load on the machine does not inflate.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import lance
import numpy as np

from mmpipe.encoders.base import EncoderInfo, FusionInfo, Profile
from mmpipe.lake.schema import ProductRow, VectorBlock, build_table, products_schema
from mmpipe.lexical import tokens
from mmpipe.schemas.product import Money, Product
from mmpipe.schemas.search import Filters, PriceRange, SearchRequest
from mmpipe.search import cursor, explain, facets, filters, present, rank_fusion, retrieve
from mmpipe.search.query import EncodedQuery
from mmpipe.search.searcher import Searcher
from mmpipe.search.snapshot import Snapshot, load
from mmpipe.settings import ServeSettings


def main() -> None:
    """Parse, build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=42_662)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--catalogue", help="Parquet with id, title and KAGL's columns")
    parser.add_argument("--exact-rows", type=int, default=ServeSettings().exact_rows)
    parser.add_argument("--index", action="store_true", help="build Lance's vector index first")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(7)
    profile = Profile(
        name="bench",
        dim=options.dim,
        encoders={m: EncoderInfo(f"bench-{m}", "1", m, options.dim) for m in ("text", "image")},
        fusion=FusionInfo("weighted_mean", "1", {"text": 1.0, "image": 1.0}),
    )
    products = list(_from_catalogue(options.catalogue) if options.catalogue else _drawn(options.rows, rng))
    with tempfile.TemporaryDirectory() as folder:
        centres = rng.standard_normal((300, options.dim))
        for start in range(0, len(products), 50_000):
            part = products[start : start + 50_000]
            lance.write_dataset(_table(part, profile, centres, rng), folder, mode="append")
        if options.index:
            lance.dataset(folder).create_index(
                "vector", "IVF_RQ", metric="cosine", num_partitions=max(int(len(products) ** 0.5), 1)
            )
        started = time.perf_counter()
        snapshot = load(
            lance.dataset(folder), collection="bench", table="products", exact_rows=options.exact_rows
        )
        load_seconds = time.perf_counter() - started
        started = time.perf_counter()
        load(
            lance.dataset(folder),
            collection="bench",
            table="products",
            exact_rows=options.exact_rows,
            previous=snapshot.parts,
        )
        reload_seconds = time.perf_counter() - started
        report = _measure(snapshot, products, centres, options.queries, rng)
    report |= {
        "rows": len(products),
        "dim": options.dim,
        "retrieval": "index" if snapshot.ann else "exact",
        "load_seconds": round(load_seconds, 2),
        "reload_ms": round(reload_seconds * 1e3, 1),
        "block_bytes_per_row": round(snapshot.nbytes / max(len(products), 1)),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(report))


def _measure(
    snapshot: Snapshot,
    products: list[Product],
    centres: np.ndarray[Any, Any],
    count: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    searcher = Searcher(snapshot.profile, ServeSettings())
    cases = [_case(products, centres, rng) for _ in range(count)]
    report: dict[str, Any] = {}
    variants: dict[str, Callable[[SearchRequest], SearchRequest]] = {
        "hybrid": lambda r: r.model_copy(update={"filters": Filters(), "facets": []}),
        "hybrid_facets": lambda r: r.model_copy(update={"filters": Filters()}),
        "hybrid_filters_facets": lambda r: r,
        "vector_only": lambda r: r.model_copy(update={"filters": Filters(), "facets": []}),
    }
    for name, shape in variants.items():
        shaped = [
            (shape(r), q if name != "vector_only" else EncodedQuery(vector=q.vector, text_share=0))
            for r, q in cases
        ]
        report[name] = _timed(lambda pair: searcher.search_payload(snapshot, *pair), shaped)
    report["stages_ms"] = _stages(snapshot, searcher, cases)
    return report


def _timed(call: Callable[[Any], Any], cases: list[Any]) -> dict[str, float]:
    for case in cases[:10]:
        call(case)
    walls = []
    cpu = time.process_time()
    for case in cases:
        started = time.perf_counter()
        call(case)
        walls.append((time.perf_counter() - started) * 1e3)
    return {
        "p10_ms": round(float(np.percentile(walls, 10)), 3),
        "p50_ms": round(float(np.percentile(walls, 50)), 3),
        "p95_ms": round(float(np.percentile(walls, 95)), 3),
        "cpu_ms": round((time.process_time() - cpu) * 1e3 / len(cases), 3),
    }


def _stages(
    snapshot: Snapshot, searcher: Searcher, cases: list[tuple[SearchRequest, EncodedQuery]]
) -> dict[str, float]:
    spent: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        spent[name].append((time.perf_counter() - started) * 1e3)

    depth = ServeSettings().candidates
    for request, query in cases:
        assert query.text is not None
        assert query.vector is not None
        with stage("digest"):
            cursor.digest_of(snapshot.collection, request, query)
        with stage("filters"):
            mask = filters.mask(snapshot, request.filters)
        with stage("tokens"):
            words = tokens(query.text)
        with stage("full_text"):
            text = retrieve.by_text(snapshot, words, mask, depth)
        with stage("vector"):
            vector = retrieve.nearest(snapshot, query.vector, mask, depth)
        with stage("vector_unfiltered"):
            retrieve.by_vector(snapshot, query.vector, None, depth)
        with stage("rank_fusion"):
            fused = rank_fusion.fuse([each for each in (text, vector) if each is not None], snapshot.id_rank)
        with stage("facets"):
            facets.count(snapshot, fused.rows, request.facets)
        page = slice(0, request.limit)
        with stage("explain"):
            splits = explain.split(
                snapshot, fused.rows[page], fused.shares[0][page], fused.shares[1][page], query.vector
            )
        with stage("present"):
            present.hits(snapshot, fused.rows[page], fused.scores[page], splits)
    return {name: round(float(np.median(times)), 3) for name, times in spent.items()}


def _case(
    products: list[Product], centres: np.ndarray[Any, Any], rng: np.random.Generator
) -> tuple[SearchRequest, EncodedQuery]:
    chosen = products[int(rng.integers(len(products)))]
    words = chosen.title.split()
    text = " ".join(words[: int(rng.integers(2, 5))])
    vector = centres[int(rng.integers(len(centres)))] + rng.standard_normal(centres.shape[1])
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    request = SearchRequest(
        text=text,
        filters=Filters(gender=[chosen.gender or "Men"], price=PriceRange(gte=Decimal(10), lte=Decimal(150))),
        facets=["brand", "category", "color", "gender", "attributes.season"],
    )
    return request, EncodedQuery(text=text, vector=vector, identity=text.encode())


def _from_catalogue(path: str) -> Iterator[Product]:
    import pyarrow.parquet as pq

    columns = [
        "id",
        "title",
        "gender",
        "master_category",
        "sub_category",
        "article_type",
        "base_colour",
        "season",
        "usage",
    ]
    for index, row in enumerate(pq.read_table(path, columns=columns).to_pylist()):
        yield Product(
            id=str(row["id"]),
            title=row["title"],
            brand=row["title"].split()[0],
            gender=row["gender"],
            color=row["base_colour"],
            product_type=f"{row['master_category']} > {row['sub_category']} > {row['article_type']}",
            price=Money(amount=Decimal(500 + index * 7919 % 20_000) / 100, currency="USD"),
            link=f"https://shop.example/products/{row['id']}",
            image_link=f"https://shop.example/images/{row['id']}.jpg",
            attributes={"season": str(row["season"]), "usage": str(row["usage"])},
        )


def _drawn(rows: int, rng: np.random.Generator) -> Iterator[Product]:
    chance = 1 / np.arange(1, 5_001)
    words = rng.choice(5_000, size=(rows, 10), p=chance / chance.sum())
    for index in range(rows):
        first = int(words[index, 0])
        yield Product(
            id=f"p{index}",
            title=" ".join(f"w{w}" for w in words[index]),
            brand=f"brand {first % 300}",
            gender=("Men", "Women", "Unisex")[index % 3],
            color=f"colour {index % 40}",
            product_type=f"Department {first % 7} > Aisle {first % 45} > Shelf {first % 140}",
            price=Money(amount=Decimal(500 + index * 7919 % 20_000) / 100, currency="USD"),
            link=f"https://shop.example/products/{index}",
            image_link=f"https://shop.example/images/{index}.jpg",
            attributes={
                "season": ("Summer", "Winter", "Fall", "Spring")[index % 4],
                "usage": f"usage {index % 9}",
            },
        )


def _table(
    products: list[Product], profile: Profile, centres: np.ndarray[Any, Any], rng: np.random.Generator
) -> Any:
    count = len(products)
    present_rows = np.ones(count, np.bool_)

    def draw() -> np.ndarray[Any, np.dtype[np.float32]]:
        values = centres[rng.integers(len(centres), size=count)] + rng.standard_normal((count, profile.dim))
        return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)

    text, image = draw(), draw()
    fused = text + image
    fused /= np.linalg.norm(fused, axis=1, keepdims=True)
    vectors = {"text_vector": text, "image_vector": image, "vector": fused}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [ProductRow(p, "1", "bench", now) for p in products]
    table = build_table(
        rows, {name: VectorBlock(v, present_rows) for name, v in vectors.items()}, profile.dim
    )
    return table.cast(products_schema(profile.dim, profile))


if __name__ == "__main__":
    main()
