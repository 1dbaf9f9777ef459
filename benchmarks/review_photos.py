"""What photos of reviews are worth and cost: shoppers' photos of groceries, found with and without them.

    python benchmarks/review_photos.py --data FOLDER [--withhold] [--unnamed] [--reviews 3] [--queries 3]
                                       [--trust 0.9] [--fusion hybrid early late] [--words 0.3]
    python benchmarks/review_photos.py --photos 100000 [--products 50000] [--dim 256]

The first form indexes the studio photos and texts of ``products.parquet`` in FOLDER by the starter profile.
Of each product's photos in ``photos_train.parquet`` the first ``--reviews`` are those of its reviews, the
``--queries`` after them are asked, all through the code that serves. ``half``: every other product has
reviews, ``theirs`` are the queries for these and ``others`` those for the rest; with ``--withhold`` these
products have no picture of the shop's, and with ``--unnamed`` a number for a title and no description.
``texts`` are the products' titles, asked with the photos there and without; of ``--words`` they are compared
with photos too, which the service does not do, a photo standing for so much of a score. The second form loads
that many random photos beside random products and times searches with and without. Each prints one JSON line.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmpipe import media
from mmpipe.encoders import registry
from mmpipe.encoders.base import EncoderInfo, FusionInfo, Profile, Vectors
from mmpipe.indexing import execute_file
from mmpipe.indexing.lanes.reviews import execute_reviews
from mmpipe.lake import open_lake
from mmpipe.lake.schema import ProductRow, VectorBlock, build_table, products_schema
from mmpipe.schemas.product import Product
from mmpipe.schemas.search import Fusion, SearchRequest
from mmpipe.search import EncodedQuery, LiveVersions, Searcher, Version, encode
from mmpipe.search.columns.photos import Numbered, PhotoColumn, Photos, build_photos
from mmpipe.search.find import photographed
from mmpipe.search.find.question import Question
from mmpipe.search.kernels.memory import words_of
from mmpipe.search.versions.folder import NodeFolder
from mmpipe.search.versions.load import load
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, StorageSettings

Asked = Sequence[tuple[str, EncodedQuery]]


def main() -> None:
    """Measure what was asked for, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder of products.parquet and photos_train.parquet")
    parser.add_argument("--reviews", type=int, default=3, help="photos of reviews of each product")
    parser.add_argument("--withhold", action="store_true", help="every other product has no picture")
    parser.add_argument("--queries", type=int, default=3, help="photos of each product that are asked")
    parser.add_argument("--unnamed", action="store_true", help="every other product's text says nothing")
    parser.add_argument("--trust", type=float, nargs="*", default=[photographed.TRUST])
    parser.add_argument("--fusion", nargs="*", default=["hybrid"], choices=["hybrid", "early", "late"])
    parser.add_argument("--words", type=float, nargs="*", default=[], help="what a photo counts for words")
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=256)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = _worth(Path(folder), options) if options.data else _cost(Path(folder), options)
    print(json.dumps(found))


def _worth(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    products = pq.read_table(options.data / "products.parquet").to_pylist()
    photos: Mapping[str, list[bytes]] = defaultdict(list)
    for row in pq.read_table(options.data / "photos_train.parquet").to_pylist():
        photos[row["product_id"]].append(row["image"])
    settings = Settings(
        storage=StorageSettings(),
        lake=LakeSettings(uri=str(folder / "lake")),
        indexing=IndexingSettings(workers=1, review_photos_per_product=options.reviews),
        serve=ServeSettings(mirror_dir=str(folder / "mirror"), live_poll_seconds=3_600),
    )
    _write(folder, products, photos, options)
    execute_file(settings, folder / "shop" / "feed.jsonl", "shop")
    lake, loaded = open_lake(settings), registry.load("starter")
    limits = settings.media
    asked = [
        (row["id"], media.decode("image", photo, limits, "image"))
        for row in products
        for photo in photos[row["id"]][options.reviews : options.reviews + options.queries]
    ]
    by_photo = [(i, encode(SearchRequest(), loaded, {"image": picture})) for i, picture in asked]
    by_text = [(row["id"], encode(SearchRequest(text=row["title"]), loaded, {})) for row in products]
    report: dict[str, Any] = {"products": len(products), "queries": len(by_photo), "reviews": options.reviews}
    with LiveVersions(settings, lake) as versions:
        searcher = Searcher(loaded.profile, settings.serve)
        plain = versions.get("shop")
        reviewed = {row["id"] for row in products[::2]}
        sets = {
            "every": by_photo,
            "theirs": [query for query in by_photo if query[0] in reviewed],
            "others": [query for query in by_photo if query[0] not in reviewed],
        }
        texts = {
            "theirs": [query for query in by_text if query[0] in reviewed],
            "others": [query for query in by_text if query[0] not in reviewed],
        }
        report["texts_without"] = {name: _ranked(searcher, plain, asked) for name, asked in texts.items()}
        for fusion in options.fusion:
            report[fusion] = {"without": {n: _ranked(searcher, plain, q, fusion) for n, q in sets.items()}}
        spent = 0.0
        for name in ("half", "all"):
            started = time.process_time()
            execute_reviews(lake, lake.collection("shop"), folder / "shop" / f"{name}.jsonl")
            spent += time.process_time() - started
            version = versions.refresh("shop")
            for fusion, trust in itertools.product(options.fusion, options.trust):
                photographed.TRUST = trust  # type: ignore[misc]
                told = report[fusion].setdefault(name, {})
                told[str(trust)] = {n: _ranked(searcher, version, q, fusion) for n, q in sets.items()}
            told = report.setdefault("texts_with", {}).setdefault(name, {})
            for weight in (0.0, *options.words):
                with _compared_with_photos(weight):
                    told[str(weight)] = {n: _ranked(searcher, version, _seen(q)) for n, q in texts.items()}
        stored = lake.collection("shop").review_photos(loaded.profile)
        assert stored is not None
        size = sum(
            f.stat().st_size for f in (folder / "lake" / "shop" / f"{stored.name}.lance").rglob("*.lance")
        )
        report |= {
            "photos": stored.count(),
            "stored_bytes_a_photo": round(size / max(1, stored.count())),
            "cpu_ms_a_photo": round(spent * 1e3 / max(1, stored.count()), 1),
        }
    return report


def _seen(asked: Asked) -> Asked:
    """Texts whose vectors stand for a picture's, too."""
    return [
        (i, replace(q, modality_vectors={**q.modality_vectors, "image": q.modality_vectors["text"]}))
        for i, q in asked
    ]


@contextmanager
def _compared_with_photos(weight: float) -> Iterator[None]:
    """Words meet photos of reviews as pictures do: by the vector of the text."""
    of = Question.of

    def asking(request: SearchRequest, query: EncodedQuery, *args: Any) -> Question:
        text = {"text": query.modality_vectors["text"]}
        found = of(request, replace(query, modality_vectors=text), *args)
        leaning = {**found.leaning, "image": 0.0}
        return replace(
            found,
            modality_vectors=query.modality_vectors,
            leaning=leaning if weight else found.leaning,
            photo_weight=weight,
        )

    Question.of = staticmethod(asking)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Question.of = of  # type: ignore[method-assign]


def _write(
    folder: Path,
    products: Sequence[dict[str, Any]],
    photos: Mapping[str, list[bytes]],
    options: argparse.Namespace,
) -> None:
    shop = folder / "shop"
    (shop / "media").mkdir(parents=True)
    rows, reviews = [], []
    for place, row in enumerate(products):
        (shop / "media" / f"{row['id']}.jpg").write_bytes(row["image"])
        told = {name: row[name] for name in ("id", "title", "description")}
        rows.append({**told, "product_type": row["category"]})
        if options.unnamed and not place % 2:
            rows[-1] = {"id": row["id"], "title": f"Article {place}"}
        if place % 2 or not options.withhold:
            rows[-1]["image_link"] = f"media/{row['id']}.jpg"
        links = []
        for number, photo in enumerate(photos[row["id"]][: options.reviews]):
            links.append(f"media/{row['id']}-{number}.jpg")
            (shop / links[-1]).write_bytes(photo)
        if links:
            reviews.append({"product_id": row["id"], "review_id": "r", "rating": 5, "photos": links})
    (shop / "feed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    half = {row["id"] for row in products[::2]}
    chosen = [review for review in reviews if review["product_id"] in half]
    (shop / "half.jsonl").write_text("".join(json.dumps(review) + "\n" for review in chosen))
    (shop / "all.jsonl").write_text("".join(json.dumps(review) + "\n" for review in reviews))


def _ranked(
    searcher: Searcher, version: Version, asked: Asked, fusion: Fusion = "hybrid"
) -> dict[str, float]:
    places = []
    for product_id, query in asked:
        request = SearchRequest(text=query.text, limit=20, explain=False, fusion=fusion)
        found = [hit.id for hit in searcher.search(version, request, query).hits]
        places.append(found.index(product_id) + 1 if product_id in found else 0)
    ranks = np.array(places)
    hit = ranks > 0
    return {
        "r1": round(float((ranks == 1).mean()), 3),
        "r5": round(float((hit & (ranks <= 5)).mean()), 3),
        "mrr": round(float(np.where(hit, 1 / np.maximum(ranks, 1), 0).mean()), 3),
    }


def _cost(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    dim = options.dim
    info = {m: EncoderInfo(f"bench-{m}", "1", m, dim) for m in ("text", "image")}
    profile = Profile("bench", dim, info, FusionInfo("weighted_mean", "1", {"text": 1.0, "image": 1.0}))  # type: ignore[arg-type]
    version = _products(folder, profile, options.products, rng)
    owners = rng.integers(0, options.products, options.photos)
    products = pa.array([f"p{owner}" for owner in owners])
    keys = pa.array([f"{n:032x}" for n in range(options.photos)])
    started = time.process_time()
    part = build_photos(
        products, keys, keys, pa.array([True] * options.photos), _units(rng, options.photos, dim)
    )
    built = time.process_time() - started
    photos = Photos([part], [words_of(np.ones(options.photos, np.bool_))], dim, options.photos)
    started = time.process_time()
    numbered = Numbered(version.ids, version.alive, version.layout, tuple(version.fragments))
    column = PhotoColumn(photos, numbered)
    mapped = time.process_time() - started
    started = time.process_time()
    PhotoColumn(photos, numbered, column)
    again = time.process_time() - started
    shown = version.showing(column)
    searcher = Searcher(profile, ServeSettings())
    queries = [
        EncodedQuery(
            vector=asked,
            modality_vectors={"image": asked},
            modality_weights={"image": 1.0},
            identity=bytes([number]),
        )
        for number, asked in enumerate(_units(rng, 200, dim))
    ]
    return {
        "products": options.products,
        "photos": options.photos,
        "dim": dim,
        "build_us_a_photo": round(built * 1e6 / options.photos, 1),
        "mapped_bytes_a_photo": round(sum(array.nbytes for array in part.values()) / options.photos),
        "ms_to_meet_a_version": round(mapped * 1e3, 1),
        "ms_to_meet_the_next": round(again * 1e3, 1),
        "without": _timed(searcher, version, queries),
        "with": _timed(searcher, shown, queries),
    }


def _products(folder: Path, profile: Profile, count: int, rng: np.random.Generator) -> Version:
    blocks = {
        name: VectorBlock(_units(rng, count, profile.dim), np.ones(count, np.bool_))
        for name in ("text_vector", "image_vector", "vector")
    }
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [ProductRow(Product(id=f"p{n}", title=f"thing {n}"), "1", "run", now) for n in range(count)]
    schema = products_schema(profile.dim, profile)
    dataset = lance.write_dataset(
        build_table(rows, blocks, profile.dim).cast(schema), str(folder / "products")
    )
    node = NodeFolder(folder / "packs")
    return load(
        dataset, collection="bench", table="products", folder=node, exact_rows=ServeSettings().exact_rows
    )


def _timed(searcher: Searcher, version: Version, queries: Sequence[EncodedQuery]) -> dict[str, float]:
    request = SearchRequest(limit=20)
    for query in queries[:20]:
        searcher.search_json(version, request, query)
    walls, spent = [], time.process_time()
    for query in queries:
        started = time.perf_counter()
        searcher.search_json(version, request, query)
        walls.append((time.perf_counter() - started) * 1e3)
    spent = (time.process_time() - spent) * 1e3
    return {"p50_ms": round(float(np.median(walls)), 3), "cpu_ms": round(spent / len(walls), 3)}


def _units(rng: np.random.Generator, count: int, dim: int) -> Vectors:
    rows = rng.standard_normal((count, dim)).astype(np.float32)
    units: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


if __name__ == "__main__":
    main()
